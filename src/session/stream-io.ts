// Reading a stream by counts of bytes rather than as they came. What is copied: bytes that have to lie in one piece
// and do not, and pieces so small that each would hold much more memory than it has bytes.

import { CoveyError } from "../core/errors.ts";
import type { Stream } from "./contract.ts";

export interface StreamReader {
  /** The next bytes, as they came; null at the other side's end. */
  read(): Promise<Buffer | null>;
  /** Whether nothing is left but the other side's end. Waits for the next bytes, and leaves them where they are. */
  atEnd(): Promise<boolean>;
  /**
   * The next `count` bytes in one piece: a view of the chunk that has them all, else memory of its own. Rejects with `protocol` when
   * count is above `maxBytes`, before anything is read or allocated, and when the other side ends before.
   */
  readExactly(count: number, maxBytes: number): Promise<Buffer>;
  /** The next `count` bytes in pieces, those of some length as they came. Rejects with `protocol` when the other side ends before. */
  readChunks(count: number): Promise<Buffer[]>;
  /** The stream for somebody else to read on, from where this reader stands. The reader is not to be used afterwards. */
  handOver(): Stream;
}

const PIECE_BYTES = 4096;

/** The only reader of the stream from now on. `what` is read, for error messages. */
export function createStreamReader(stream: Stream, what: string): StreamReader {
  let ahead: Buffer | undefined;

  const read = async (): Promise<Buffer | null> => {
    if (ahead === undefined) return stream.read();
    const chunk = ahead;
    ahead = undefined;
    return chunk;
  };

  /** The next bytes as they came, at most so many. */
  const next = async (maxBytes: number): Promise<Buffer> => {
    const chunk = await read();
    if (chunk === null) throw new CoveyError("protocol", `${what} ended too early`);
    if (chunk.length <= maxBytes) return chunk;
    ahead = chunk.subarray(maxBytes);
    return chunk.subarray(0, maxBytes);
  };

  /** The next `min` to `max` bytes in one piece: as they came, or `min` of them put together. */
  const piece = async (min: number, max: number): Promise<Buffer> => {
    const first = await next(max);
    if (first.length >= min) return first;
    const whole = Buffer.allocUnsafeSlow(min);
    for (let at = first.copy(whole); at < min;) at += (await next(min - at)).copy(whole, at);
    return whole;
  };

  return {
    read,
    async atEnd() {
      ahead ??= (await stream.read()) ?? undefined;
      return ahead === undefined;
    },
    async readExactly(count, maxBytes) {
      if (count > maxBytes) throw new CoveyError("protocol", `${what} is ${count} bytes long; ${maxBytes} are allowed`);
      return count === 0 ? Buffer.alloc(0) : piece(count, count);
    },
    async readChunks(count) {
      const pieces: Buffer[] = [];
      for (let left = count; left > 0; left -= pieces.at(-1)!.length) pieces.push(await piece(Math.min(left, PIECE_BYTES), left));
      return pieces;
    },
    handOver: () => ({
      write: (chunk) => stream.write(chunk),
      end: () => stream.end(),
      read,
      reset() {
        ahead = undefined;
        stream.reset();
      },
      closed: stream.closed,
    }),
  };
}
