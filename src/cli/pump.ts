// A raw conversation between stdin and stdout and the other end of a connection. Each direction ends by itself: 1. what stdin has goes out,
// at the other end's pace, and its end ends that direction, 2. what comes goes to stdout, at the reader's pace; its end is stdout's end,
// 3. all is over when both have ended, or one has failed.

import { closeSync, openSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import { setImmediate } from "node:timers/promises";

import { untilAborted } from "../core/async.ts";
import type { PlainStream } from "../plain/contract.ts";
import type { Output } from "./output.ts";
import { write } from "./stdout.ts";
import { TerminalText } from "./terminal-text.ts";

const STDOUT = 1;

/** Rejects with what the connection or the output failed with, or with the signal's reason. Stdin is closed afterwards. */
export async function pump(stream: PlainStream, out: Output, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const stopsBoth = (error: unknown): void => failed.abort(error);
  let said = false;
  const sending = sendStdin(stream, either).then(() => void (said = true), stopsBoth);
  const showing = showWhatComes(stream, either).then((isWithinLine) => {
    if (!said && process.stdin.isTTY) out.note(`${isWithinLine ? "\n" : ""}(The other end has ended; Ctrl-D ends this one.)`);
  }, stopsBoth);
  await Promise.all([sending, showing]);
  either.throwIfAborted();
}

async function sendStdin(stream: PlainStream, signal: AbortSignal): Promise<void> {
  for await (const part of addAbortSignal(signal, process.stdin)) await untilAborted(stream.write(part as Buffer), signal);
  await untilAborted(stream.end(), signal);
}

/** Whether it leaves a terminal within a line. */
async function showWhatComes(stream: PlainStream, signal: AbortSignal): Promise<boolean> {
  const source = stream.read()[Symbol.asyncIterator]();
  const text = process.stdout.isTTY ? new TerminalText() : undefined;
  for (;;) {
    const next = await untilAborted(source.next(), signal);
    if (next.done === true) break;
    await write(text === undefined ? next.value : text.add(next.value), signal);
  }
  if (text === undefined) await endStdout();
  else await write(text.end(), signal);
  return text?.isWithinLine ?? false;
}

/** Node keeps stdout open as long as it runs: whoever reads it would not hear of the end. Nothing is written behind it. */
async function endStdout(): Promise<void> {
  // Its last event has to be taken from the loop first, which would look for it for ever.
  await setImmediate();
  await setImmediate();
  closeSync(STDOUT);
  openSync("/dev/null", "w");
}
