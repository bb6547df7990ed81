// Files as bytes: one of a peer's shares that is read, one that is sent while it is made.

import { untilAborted } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import type { Stream } from "../../session/contract.ts";
import type { NamedTransfer } from "../covey.ts";
import type { Invoke } from "../invoker.ts";

/** At the reader's pace. Throws when it can't be had whole. */
export async function* readShared(
  bound: Invoke,
  args: { readonly peer: string; readonly path: string },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const until = bound.until(signal);
  const stream = await bound.duplex("share.read", args, signal);
  try {
    await stream.end();
    for (let chunk; (chunk = await untilAborted(stream.read(), until)) !== null;) yield chunk;
  } finally {
    stream.reset();
  }
}

export type Bytes = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Resolves with the offer that was made of the bytes once they have ended; whatever fails before leaves nothing. */
export async function sendBytes(
  bound: Invoke,
  args: { readonly peer: string; readonly name: string },
  bytes: Bytes,
  signal: AbortSignal | undefined,
): Promise<NamedTransfer> {
  const stream = await bound.duplex("file.sendBytes", args, signal);
  const broken = new AbortController();
  void stream.closed.then((why) => why !== undefined && broken.abort(why));
  const until = AbortSignal.any([bound.until(signal), broken.signal]);
  const answer = readAll(stream);
  answer.catch(() => {});
  try {
    await writeAll(stream, bytes, until);
    await untilAborted(stream.end(), until);
    return JSON.parse((await untilAborted(answer, until)).toString()) as NamedTransfer;
  } catch (error) {
    stream.reset();
    throw error;
  }
}

/** Not `for await`: a source that brings nothing must not keep this from ending. */
async function writeAll(stream: Stream, bytes: Bytes, until: AbortSignal): Promise<void> {
  const chunks = Symbol.asyncIterator in bytes ? bytes[Symbol.asyncIterator]() : bytes[Symbol.iterator]();
  try {
    for (let next; (next = await untilAborted(Promise.resolve(chunks.next()), until)).done !== true;) {
      if (!(next.value instanceof Uint8Array))
        throw new CoveyError("bad-argument", "only bytes, Uint8Arrays, can be sent", {
          hint: "Buffer.from(text) makes bytes of a text.",
        });
      await untilAborted(stream.write(next.value), until);
    }
  } catch (error) {
    void Promise.resolve(chunks.return?.()).catch(() => {});
    throw error;
  }
}

async function readAll(stream: Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let chunk; (chunk = await stream.read()) !== null;) parts.push(chunk);
  return Buffer.concat(parts);
}
