// Cuts a stream on which nothing moves: neither side may hold the other's memory and places for nothing.

import { LIMITS } from "../../../core/limits.ts";
import type { Stream } from "../../../session/contract.ts";

export interface WatchedStream {
  readonly stream: Stream;
  /** Whether it was cut for standing still. */
  readonly stalled: boolean;
  stop(): void;
}

/** The stream, cut once no byte has moved either way for `stallMs`, or half as long again. */
export function cutWhenStalled(stream: Stream, stallMs: number = LIMITS.fileStallMs): WatchedStream {
  let moved = true;
  let stalled = false;
  const timer = setInterval(() => {
    if (moved) {
      moved = false;
      return;
    }
    stalled = true;
    clearInterval(timer);
    stream.reset();
  }, stallMs / 2);
  return {
    stream: {
      async write(chunk) {
        await stream.write(chunk);
        moved = true;
      },
      end: () => stream.end(),
      async read() {
        const chunk = await stream.read();
        moved = true;
        return chunk;
      },
      reset: () => stream.reset(),
      closed: stream.closed,
    },
    get stalled() {
      return stalled;
    },
    stop: () => clearInterval(timer),
  };
}
