// Cuts a stream into the frames that were written to it; nothing is allocated for a frame before its length has been checked.

import { LIMITS } from "../../core/limits.ts";
import type { Stream } from "../../session/contract.ts";
import { createStreamReader } from "../../session/stream-io.ts";

export interface FrameReader {
  /** The next frame, in memory of its own; null at an end between two frames. Rejects with `protocol`, or as the stream does. */
  next(): Promise<Buffer | null>;
}

export function createFrameReader(stream: Stream): FrameReader {
  const reader = createStreamReader(stream, "a frame of a push");
  return {
    async next() {
      if (await reader.atEnd()) return null;
      const bytes = (await reader.readExactly(4, 4)).readUInt32BE();
      const frame = await reader.readExactly(bytes, LIMITS.pushFrameBytes);
      // No view: a frame goes to the store's worker, and the whole memory under it would be copied with it.
      return frame.length === frame.buffer.byteLength ? frame : Buffer.from(new Uint8Array(frame).buffer);
    },
  };
}
