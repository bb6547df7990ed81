// `msg`: one message, the conversation so far, or the conversation as it goes on. With somebody who has no covey, one message at a time.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { printable, printableLines } from "../../core/text.ts";
import type { PeerHandle } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import { conversationSoFar, followConversation, markShown, moreBy, renderConversation, settled } from "../conversation.ts";
import type { Context } from "../context.ts";
import { isUrl, parseGuest, parsePeerArgument, parseUrl } from "../grammar.ts";
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
    ["msg guest-3 hi", "to somebody who wrote to what you serve"],
    ["msg tcp://192.0.2.7:5000 hi", "to a plain program; shows what comes back"],
  );
  command
    .argument("<name>", "the peer; a guest, as `covey inbox` shows it; or a tcp:// URL")
    .argument("[text...]", "what to say; - reads it from stdin")
    .option("-f, --follow", "stay, and show what comes")
    .action(
      act(async (context, name: string, words: readonly string[], options: MsgOptions) => {
        if (isUrl(name)) return ask(context, parseUrl(name, "tcp"), words, options);
        const guest = parseGuest(name);
        if (guest !== undefined) return withGuest(context, guest, words, options);
        const peerName = parsePeerArgument(name);
        const peer = (await context.covey()).peer(peerName);
        if (words.length > 0) await say(context, peer, words);
        if (options.follow === true) await followConversation(context, peer, { fromNow: words.length > 0 });
        else if (words.length === 0) await show(context, peer);
      }),
    );
};

/** A program without covey, at a URL. */
async function ask({ out, signal }: Context, url: string, words: readonly string[], { follow }: MsgOptions): Promise<void> {
  if (follow === true || words.length === 0)
    throw new CoveyError("bad-argument", "a program at a URL is told one message", {
      hint: `\`covey pipe ${printable(url)}\` is a whole conversation.`,
    });
  const text = await textOf(words, signal);
  const { plain } = await import("../../plain/plain.ts");
  const answer = await plain.message(url, text, { signal });
  if (answer.text === "") out.note("Nothing came back.");
  out.result(answer, printableLines(answer.text.replace(/\r?\n$/, "")));
}

async function withGuest(context: Context, guest: string, words: readonly string[], { follow }: MsgOptions): Promise<void> {
  if (follow === true)
    throw new CoveyError("bad-argument", "what a guest says can't be followed here", {
      hint: "`covey serve` shows it as it comes, and `covey inbox` what is unread.",
    });
  const { talkToGuest } = await import("../guests.ts");
  const text = words.length === 0 ? undefined : await textOf(words, context.signal);
  await talkToGuest(context, await context.covey(), guest, text);
}

async function say({ out, signal }: Context, peer: PeerHandle, words: readonly string[]): Promise<void> {
  const text = await textOf(words, signal);
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

const textOf = async (words: readonly string[], signal: AbortSignal): Promise<string> =>
  words.length === 1 && words[0] === "-" ? fromStdin(signal) : words.join(" ");

async function fromStdin(signal: AbortSignal): Promise<string> {
  const { readText } = await import("../stdin.ts");
  const text = await readText(process.stdin, LIMITS.messageBytes, signal);
  if (text === "") throw new CoveyError("bad-argument", "stdin is empty");
  return text;
}
