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
  let shownState = item.record.state;
  let fresh = Promise.withResolvers<void>();
  /** Another state, which is shown at once. */
  let turned = Promise.withResolvers<void>();
  const unsubscribe = [
    ledger.changed.add((changed) => {
      if (changed !== item) return;
      fresh.resolve();
      if (item.record.state !== shownState) turned.resolve();
    }),
    links.changed.add((peer) => peer === item.record.peer && fresh.resolve()),
  ];
  try {
    for (;;) {
      signal.throwIfAborted();
      fresh = Promise.withResolvers();
      turned = Promise.withResolvers();
      const shown = view(item);
      shownState = shown.offer.state;
      yield shown;
      if (isOver(shownState) || shownState === "failed") return;
      await (shown.bytesPerSecond > 0 ? changeOrTick(fresh.promise, STILL_MS, signal) : untilAborted(fresh.promise, signal));
      await changeOrTick(turned.promise, LIMITS.progressMs, signal);
    }
  } finally {
    for (const end of unsubscribe) end();
  }
}

export async function* watchOffers(ledger: Ledger, signal: AbortSignal): AsyncGenerator<Offer> {
  const seen = new WeakSet<Item>();
  const isNew = (item: Item): boolean => item.record.direction === "in" && item.record.state === "waiting" && !seen.has(item);
  let fresh = Promise.withResolvers<void>();
  const unsubscribe = ledger.changed.add((item) => isNew(item) && fresh.resolve());
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = ledger.all().find(isNew);
      if (next === undefined) {
        fresh = Promise.withResolvers();
        await untilAborted(fresh.promise, signal);
        continue;
      }
      seen.add(next);
      yield offerOf(next);
    }
  } finally {
    unsubscribe();
  }
}

async function changeOrTick(change: Promise<void>, tickMs: number, signal: AbortSignal): Promise<void> {
  const tick = new AbortController();
  try {
    await untilAborted(Promise.race([change, sleep(tickMs, tick.signal).catch(() => {})]), signal);
  } finally {
    tick.abort();
  }
}
