// The stream that programs get.

import { CoveyError } from "../core/errors.ts";
import type { Stream } from "../session/contract.ts";

/**
 * A duplex of bytes to a program on another peer; iterating reads it to the other side's end. Each direction ends with `end`; anything
 * else that stops it is an error, `closed` unless it says more. Disposing of it resets it, unless both directions have ended.
 */
export interface ByteStream extends AsyncDisposable, AsyncIterable<Uint8Array> {
  /** Hands the chunk over, which must not change afterwards; resolves when there is room for the next one. */
  write(chunk: Uint8Array): Promise<void>;
  /** Our direction ends after what was written. What the other side does with it, only its own words can tell. */
  end(): Promise<void>;
  /** The next bytes, as they came; null at the other side's end. One reader at a time. */
  read(): Promise<Uint8Array | null>;
  /** Cuts both directions now: the other side's reads and writes reject. */
  reset(): void;
  /** Resolves, never rejects, when it is over: undefined once both directions have ended, else why it was cut. */
  readonly closed: Promise<CoveyError | undefined>;
}

export const byteStream = (stream: Stream): ByteStream => ({
  async write(chunk) {
    if (!(chunk instanceof Uint8Array))
      throw new CoveyError("bad-argument", "only bytes, a Uint8Array, can be written to a stream");
    return stream.write(chunk);
  },
  end: () => stream.end(),
  read: () => stream.read(),
  reset: () => stream.reset(),
  closed: stream.closed,
  async *[Symbol.asyncIterator]() {
    for (let chunk; (chunk = await stream.read()) !== null;) yield chunk;
  },
  async [Symbol.asyncDispose]() {
    stream.reset();
  },
});
