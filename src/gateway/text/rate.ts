// How much each host may do in a minute.

import type { Clock } from "../../core/clock.ts";

const MINUTE_MS = 60_000;

/** Takes so much for the key, if there is as much left in this minute. Remembers those of this minute only. */
export function perMinute(most: number, clock: Pick<Clock, "monotonicMs">): (key: string, amount: number) => boolean {
  const used = new Map<string, number>();
  let since = -Infinity;
  return (key, amount) => {
    if (clock.monotonicMs() - since >= MINUTE_MS) {
      used.clear();
      since = clock.monotonicMs();
    }
    const sum = (used.get(key) ?? 0) + amount;
    if (sum > most) return false;
    used.set(key, sum);
    return true;
  };
}
