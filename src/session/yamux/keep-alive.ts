// Notices that the other end is gone although nobody said so: a pulled cable, a suspended machine.

import { LIMITS } from "../../core/limits.ts";

export interface KeepAliveNeeds {
  /** Chunks that have arrived so far. */
  heard(): number;
  ping(): void;
  dead(): void;
}

/** Returns the function that ends it. */
export function keepAlive(needs: KeepAliveNeeds): () => void {
  let heard = -1;
  let missed = 0;
  const timer = setInterval(() => {
    missed = needs.heard() === heard ? missed + 1 : 0;
    heard = needs.heard();
    if (missed > LIMITS.yamuxMissedPings) needs.dead();
    else if (missed > 0) needs.ping();
  }, LIMITS.yamuxPingMs);
  timer.unref();
  return () => clearInterval(timer);
}
