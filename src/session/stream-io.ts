// Reading a stream by counts of bytes rather than as they came. Nothing is copied but what has to lie in one piece and does not.

import { CoveyError } from "../core/errors.ts";
import type { Stream } from "./contract.ts";

export interface StreamReader {
  /** The next bytes, as they came; null at the other side's end. */
  read(): Promise<Buffer | null>;
  /**
   * The next `count` bytes in one piece, possibly a view of a larger chunk. Rejects with `limit` when count is above `maxBytes`, before
   * anything is read or allocated, and with `protocol` when the other side ends before.
   */
  readExactly(count: number, maxBytes: number): Promise<Buffer>;
  /** The next `count` bytes as the pieces in which they came, uncopied. Rejects with `protocol` when the other side ends before. */
  readChunks(count: number): Promise<Buffer[]>;
  /** The stream for somebody else to read on, from where this reader stands. The reader is not to be used afterwards. */
  handOver(): Stream;
}

/** The only reader of the stream from now on. `what` is read, for error messages. */
export function createStreamReader(stream: Stream, what: string): StreamReader {
  let ahead: Buffer | undefined;

  const read = async (): Promise<Buffer | null> => {
    if (ahead === undefined) return stream.read();
    const chunk = ahead;
    ahead = undefined;
    return chunk;
  };

  const readChunks = async (count: number): Promise<Buffer[]> => {
    const chunks: Buffer[] = [];
    for (let left = count; left > 0;) {
      const chunk = await read();
      if (chunk === null) throw new CoveyError("protocol", `${what} ended too early (bytes missing: ${left})`);
      if (chunk.length > left) ahead = chunk.subarray(left);
      chunks.push(chunk.length > left ? chunk.subarray(0, left) : chunk);
      left -= Math.min(left, chunk.length);
    }
    return chunks;
  };

  return {
    read,
    readChunks,
    async readExactly(count, maxBytes) {
      if (count > maxBytes) throw new CoveyError("limit", `${what} is ${count} bytes long; ${maxBytes} are allowed`);
      const chunks = await readChunks(count);
      return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, count);
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
