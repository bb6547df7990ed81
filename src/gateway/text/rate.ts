// How much each host may do in a minute.

import type { Clock } from "../../core/clock.ts";

const MINUTE_MS = 60_000;

/** Counts by the key; says whether there was still one to be had in this minute. Remembers those of this minute only. */
export function perMinute(most: number, clock: Pick<Clock, "monotonicMs">): (key: string) => boolean {
  const used = new Map<string, number>();
  let since = -Infinity;
  return (key) => {
    if (clock.monotonicMs() - since >= MINUTE_MS) {
      used.clear();
      since = clock.monotonicMs();
    }
    const count = used.get(key) ?? 0;
    if (count >= most) return false;
    used.set(key, count + 1);
    return true;
  };
}
