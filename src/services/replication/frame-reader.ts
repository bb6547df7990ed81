// Cuts a stream into the frames that were written to it; nothing is allocated for a frame before its length has been checked.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Stream } from "../../session/contract.ts";

export interface FrameReader {
  /** The next frame, in memory of its own; null at an end between two frames. Rejects with `protocol`, or as the stream does. */
  next(): Promise<Buffer | null>;
}

export function createFrameReader(stream: Pick<Stream, "read">): FrameReader {
  let rest: Buffer = Buffer.alloc(0);

  /** Exactly so many bytes, or null when the other side ended before the first of them. */
  async function take(bytes: number): Promise<Buffer | null> {
    // Not from Node's pool: a frame goes to the store's worker, and the whole memory under it would be copied with it.
    const taken = Buffer.allocUnsafeSlow(bytes);
    for (let at = 0; at < bytes;) {
      if (rest.byteLength === 0) {
        const chunk = await stream.read();
        if (chunk === null && at === 0) return null;
        if (chunk === null) throw cutShort();
        rest = chunk;
      }
      const copied = rest.copy(taken, at, 0, bytes - at);
      at += copied;
      rest = rest.subarray(copied);
    }
    return taken;
  }

  return {
    async next() {
      const head = await take(4);
      if (head === null) return null;
      const bytes = head.readUInt32BE();
      if (bytes > LIMITS.pushFrameBytes) throw new CoveyError("protocol", `a frame of ${bytes} bytes was announced`);
      const frame = await take(bytes);
      if (frame === null) throw cutShort();
      return frame;
    },
  };
}

const cutShort = (): CoveyError => new CoveyError("protocol", "a push stream ended inside a frame");
