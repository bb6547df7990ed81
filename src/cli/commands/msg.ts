// `msg`: one message, the conversation so far, or the conversation as it goes on.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { printable } from "../../core/text.ts";
import type { PeerHandle } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import { conversationSoFar, followConversation, markShown, moreBy, renderConversation, settled } from "../conversation.ts";
import type { Context } from "../context.ts";
import { parsePeerArgument } from "../grammar.ts";
import { examples } from "../help.ts";

interface MsgOptions {
  readonly follow?: boolean;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ['msg laptop "lunch?"', "send a message; it waits here while laptop is away"],
    ["msg laptop", "the newest, or all that is unread; marks it read"],
    ["msg laptop --follow", "the conversation as it goes on; what you type is sent"],
    ["msg laptop - < notes.txt", "the text from stdin"],
  );
  command
    .argument("<name>", "the peer")
    .argument("[text...]", "what to say; - reads it from stdin")
    .option("-f, --follow", "stay, and show what comes")
    .action(
      act(async (context, name: string, words: readonly string[], options: MsgOptions) => {
        const peer = (await context.covey()).peer(parsePeerArgument(name));
        if (words.length > 0) await say(context, peer, words);
        if (options.follow === true) await followConversation(context, peer, { fromNow: words.length > 0 });
        else if (words.length === 0) await show(context, peer);
      }),
    );
};

async function say({ out, signal }: Context, peer: PeerHandle, words: readonly string[]): Promise<void> {
  const text = words.length === 1 && words[0] === "-" ? await fromStdin(signal) : words.join(" ");
  const message = await settled(peer, await peer.message(text, { signal }), signal);
  const told = {
    queued: `queued: it goes to ${printable(peer.name)} once that is there`,
    delivered: "delivered",
    read: "delivered",
  };
  out.say(message, told[message.state]);
}

async function show({ out, signal }: Context, peer: PeerHandle): Promise<void> {
  const { messages, more } = await conversationSoFar(peer, signal);
  if (messages.length === 0) out.note(`Nothing was said yet: \`covey msg ${printable(peer.name)} "hello"\``);
  out.result(messages, renderConversation(messages, peer.name, out));
  await markShown(peer, messages, signal);
  if (more) out.note(moreBy(peer));
}

async function fromStdin(signal: AbortSignal): Promise<string> {
  const { readText } = await import("../stdin.ts");
  const text = await readText(process.stdin, LIMITS.messageBytes, signal);
  if (text === "") throw new CoveyError("bad-argument", "stdin is empty");
  return text;
}
