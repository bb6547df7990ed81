// What the user sees of offers and transfers as they change. Whoever reads slowly misses steps, never the last one, and blocks nobody.

import { sleep, untilAborted } from "../../../core/async.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Offer, Transfer } from "../contract.ts";
import { isOver, offerOf, type Item, type Ledger } from "./ledger.ts";
import type { Links } from "../downloads/links.ts";

/** How often a transfer that does not move is shown, so that its rate falls to 0. */
const STILL_MS = 1000;

interface WatchNeeds {
  readonly ledger: Ledger;
  readonly links: Links;
  view(item: Item): Transfer;
}

export async function* watchItem(
  { ledger, links, view }: WatchNeeds,
  offer: string,
  signal: AbortSignal,
): AsyncGenerator<Transfer> {
  const item = ledger.find(offer);
  let fresh = Promise.withResolvers<void>();
  const unsubscribe = [
    ledger.changed.add((changed) => changed === item && fresh.resolve()),
    links.changed.add((peer) => peer === item.record.peer && fresh.resolve()),
  ];
  try {
    for (;;) {
      signal.throwIfAborted();
      fresh = Promise.withResolvers();
      const shown = view(item);
      yield shown;
      if (isOver(shown.offer.state) || shown.offer.state === "failed") return;
      await untilAborted(shown.bytesPerSecond > 0 ? changeOrTick(fresh.promise) : fresh.promise, signal);
      if (item.record.state === shown.offer.state) await sleep(LIMITS.progressMs, signal);
    }
  } finally {
    for (const end of unsubscribe) end();
  }
}

export async function* watchOffers(ledger: Ledger, signal: AbortSignal): AsyncGenerator<Offer> {
  const isWaiting = ({ record }: Item): boolean => record.direction === "in" && record.state === "waiting";
  const seen = new Set<Item>();
  const queue: Item[] = [];
  let fresh = Promise.withResolvers<void>();
  const enqueue = (item: Item): void => {
    if (seen.has(item) || !isWaiting(item)) return;
    seen.add(item);
    queue.push(item);
    fresh.resolve();
  };
  const unsubscribe = ledger.changed.add(enqueue);
  try {
    for (const item of ledger.all()) enqueue(item);
    for (;;) {
      fresh = Promise.withResolvers();
      for (let item; (item = queue.shift()) !== undefined;) {
        signal.throwIfAborted();
        if (isWaiting(item)) yield offerOf(item);
      }
      await untilAborted(fresh.promise, signal);
    }
  } finally {
    unsubscribe();
  }
}

async function changeOrTick(change: Promise<void>): Promise<void> {
  const tick = new AbortController();
  await Promise.race([change, sleep(STILL_MS, tick.signal).catch(() => {})]);
  tick.abort();
}
