// Reading a stream by counts of bytes rather than as they came. Copied is only what has to lie in one piece and does not.

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
  /** Fills the target, which the caller has allocated, with the next bytes. Rejects with `protocol` when the other side ends before. */
  readInto(target: Buffer): Promise<void>;
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

  /** The next bytes as they came, at most so many. */
  const next = async (maxBytes: number): Promise<Buffer> => {
    const chunk = await read();
    if (chunk === null) throw new CoveyError("protocol", `${what} ended too early`);
    if (chunk.length <= maxBytes) return chunk;
    ahead = chunk.subarray(maxBytes);
    return chunk.subarray(0, maxBytes);
  };

  const readInto = async (target: Buffer): Promise<void> => {
    for (let at = 0; at < target.length;) at += (await next(target.length - at)).copy(target, at);
  };

  return {
    read,
    async atEnd() {
      ahead ??= (await stream.read()) ?? undefined;
      return ahead === undefined;
    },
    async readExactly(count, maxBytes) {
      if (count > maxBytes) throw new CoveyError("protocol", `${what} is ${count} bytes long; ${maxBytes} are allowed`);
      if (count === 0) return Buffer.alloc(0);
      const first = await next(count);
      if (first.length === count) return first;
      const whole = Buffer.allocUnsafeSlow(count);
      await readInto(whole.subarray(first.copy(whole)));
      return whole;
    },
    readInto,
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
