// How fast a sender brings what it owes. Only the waiting for it counts: this side's disk makes no sender slow.

import type { Clock } from "../../../core/clock.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Stream } from "../../../session/contract.ts";

export class Pace {
  #ms = 0;
  #bytes = 0;
  #slow = false;

  /** Whether it brought less than LIMITS.filePaceBytes in the last LIMITS.filePaceMs of waiting. */
  get slow(): boolean {
    return this.#slow;
  }

  /** So long for so many bytes. */
  waited(ms: number, bytes: number): void {
    this.#ms += ms;
    this.#bytes += bytes;
    if (this.#ms < LIMITS.filePaceMs) return;
    this.#slow = this.#bytes < LIMITS.filePaceBytes;
    this.#ms = 0;
    this.#bytes = 0;
  }

  /** So many of the bytes were only a sign of life. */
  sign(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The stream, every read of it measured; `check` sees what came of that, and may throw. */
export function paced(stream: Stream, pace: Pace, clock: Clock, check: () => void): Stream {
  return {
    write: (chunk) => stream.write(chunk),
    end: () => stream.end(),
    async read() {
      const fromMs = clock.monotonicMs();
      const chunk = await stream.read();
      pace.waited(clock.monotonicMs() - fromMs, chunk?.length ?? 0);
      check();
      return chunk;
    },
    reset: () => stream.reset(),
    closed: stream.closed,
  };
}
