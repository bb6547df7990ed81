// A conversation with one peer: what was said, and what is being said.

import { createInterface } from "node:readline";

import { sleep } from "../core/async.ts";
import { LIMITS } from "../core/limits.ts";
import { printable, printableLines } from "../core/text.ts";
import type { PeerHandle } from "../control/covey.ts";
import type { Message } from "../services/messages/contract.ts";
import type { Context } from "./context.ts";
import { formatTime } from "./format.ts";
import type { Output } from "./output.ts";

const SHOWN = 20;
const DELIVERY = { everyMs: 15, atMostMs: 600 };
const INDENT = "\n    ";
const PROMPT = "> ";

export const renderConversation = (messages: readonly Message[], peer: string, out: Output): string =>
  messages.map((message) => renderMessage(message, peer, out)).join("\n");

function renderMessage(message: Message, peer: string, out: Output): string {
  const fromThem = message.from === message.with;
  const who = fromThem ? out.style("cyan", printable(peer)) : "you";
  const state = fromThem ? "" : out.style("dim", ` (${message.state})`);
  const text = printableLines(message.text).replaceAll("\n", INDENT);
  return `${out.style("dim", formatTime(message.sentAtMs))}  ${who}: ${text}${state}`;
}

export interface SoFar {
  readonly messages: readonly Message[];
  /** There are unread ones behind them. */
  readonly more: boolean;
}

const nothing: SoFar = { messages: [], more: false };

/** The last twenty messages; when more of the peer's are unread, those from the first one on, as many as come at once. */
export async function conversationSoFar(peer: PeerHandle, signal: AbortSignal): Promise<SoFar> {
  // In this order: what comes in between the two is shown as well, or stays unread.
  const unread = await peer.unread({ signal });
  const newest = await peer.messages({ limit: SHOWN, signal });
  const ids = new Set(newest.map(({ id }) => id));
  return unread.every(({ id }) => ids.has(id))
    ? { messages: newest, more: false }
    : { messages: unread, more: unread.length === LIMITS.messagePage };
}

export const moreBy = ({ name }: PeerHandle): string =>
  `\n${printable(name)} said more after that: \`covey msg ${printable(name)}\``;

/** What was not shown stays unread. */
export const markShown = (peer: PeerHandle, messages: readonly Message[], signal: AbortSignal): Promise<void> =>
  peer.markRead({ shown: messages.map(({ id }) => id), signal });

/** A peer that is there has a message from here within a moment, and then that is its state. */
export async function settled(peer: PeerHandle, message: Message, signal: AbortSignal): Promise<Message> {
  if (message.state !== "queued" || (await peer.show({ signal })).session === undefined) return message;
  for (let waited = 0; waited < DELIVERY.atMostMs; waited += DELIVERY.everyMs) {
    const now = (await peer.messages({ limit: SHOWN, signal })).find(({ id }) => id === message.id);
    if (now !== undefined && now.state !== "queued") return now;
    await sleep(DELIVERY.everyMs, signal);
  }
  return message;
}

/**
 * Shows the conversation so far (`fromNow`: nothing of it), then every new message, until the signal aborts; on a terminal, lines that are
 * typed are sent.
 */
export async function followConversation(
  context: Context,
  peer: PeerHandle,
  { fromNow }: { readonly fromNow: boolean },
): Promise<void> {
  const { out, signal } = context;
  const line = context.canAsk ? readLines(context, peer) : undefined;
  const print = (message: Message): void => {
    line?.clear();
    out.result(message, renderMessage(message, peer.name, out));
    line?.prompt();
  };
  try {
    // The watch stands before the past is read: nothing falls between the two, and what is in both is told once.
    const events = peer.watchMessages({ signal })[Symbol.asyncIterator]();
    const next = events.next();
    next.catch(() => {});
    const { messages: past, more } = fromNow ? nothing : await conversationSoFar(peer, signal);
    for (const message of past) print(message);
    await markShown(peer, past, signal);
    if (more) out.note(moreBy(peer));
    if (past.length === 0) out.note("Nothing yet. Ctrl-C ends this.");
    const told = new Set(past.map(({ id }) => id));
    for (let event = await next; event.done !== true; event = await events.next()) {
      if (event.value.type !== "message" || told.has(event.value.message.id)) continue;
      const message = await settled(peer, event.value.message, signal);
      print(message);
      if (message.from === message.with) await markShown(peer, [message], signal);
    }
  } finally {
    line?.clear();
    line?.close();
  }
}

interface Line {
  /** Takes the prompt away, so that something else can be printed. */
  clear(): void;
  prompt(): void;
  close(): void;
}

function readLines({ out, signal }: Context, peer: PeerHandle): Line {
  const reader = createInterface({ input: process.stdin, output: process.stderr, prompt: PROMPT });
  reader.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  reader.on("line", (text) => {
    if (text.trim() === "") return reader.prompt();
    peer.message(text, { signal }).catch((error: unknown) => {
      if (!signal.aborted) out.warn(printable(error instanceof Error ? error.message : String(error)));
    });
  });
  return {
    clear: () => void process.stderr.write(reader.terminal ? "\r\u001b[K" : "\n"),
    prompt: () => reader.prompt(true),
    close: () => reader.close(),
  };
}
