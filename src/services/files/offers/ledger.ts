// Every offer of this peer, in memory as it is in the store: a change is durable before anybody sees it.

import type { Clock } from "../../../core/clock.ts";
import { CoveyError } from "../../../core/errors.ts";
import { createListeners } from "../../../core/listeners.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import { printable } from "../../../core/text.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { Offer, OfferState } from "../contract.ts";
import { Rate } from "./rate.ts";
import {
  completeRecord,
  loadRecords,
  removeRecords,
  saveRecord,
  sourcesKey,
  type NewOfferRecord,
  type OfferRecord,
} from "./records.ts";

/** One offer. Only the ledger changes the record; whoever moves the bytes changes the progress. */
export interface Item {
  readonly record: OfferRecord;
  doneBytes: number;
  resumedBytes: number;
  readonly rate: Rate;
}

type Held = Item & { record: OfferRecord; saving: Promise<unknown> };
type Change = Partial<OfferRecord> | ((record: OfferRecord) => Partial<OfferRecord> | undefined);

interface LedgerNeeds {
  readonly store: SpaceStore;
  readonly book: Pick<PeerBook, "byId">;
  readonly clock: Clock;
}

/** What one peer has here. */
interface Tally {
  /** Offers of it that wait or are on their way. */
  open: number;
  /** Those of both directions that are over or failed, in the order in which that came. */
  readonly ended: Set<Held>;
}

/** Nothing goes on from here. */
export const isOver = (state: OfferState): boolean => state === "done" || state === "declined" || state === "withdrawn";

/** Nothing goes on from here by itself. */
const hasEnded = (state: OfferState): boolean => isOver(state) || state === "failed";

const isOpenIn = ({ direction, state, sharePath }: OfferRecord): boolean =>
  direction === "in" && !hasEnded(state) && sharePath === undefined;

/** Nothing is left of it on the disk, or in other records. */
const isCleared = ({ token, temp }: OfferRecord): boolean => token === undefined && temp === undefined;

export class Ledger {
  /** Told after every change, and of progress. */
  readonly changed = createListeners<Item>();
  readonly #needs: LedgerNeeds;
  readonly #items = new Map<string, Held>();
  readonly #byNumber = new Map<string, Held>();
  readonly #tallies = new Map<PeerId, Tally>();
  #nextNumber = 1;
  #lastEnded = 0;

  private constructor(needs: LedgerNeeds) {
    this.#needs = needs;
  }

  static async load(needs: LedgerNeeds): Promise<Ledger> {
    const ledger = new Ledger(needs);
    for (const record of await loadRecords(needs.store)) ledger.#keep(record);
    for (const tally of ledger.#tallies.values()) {
      const ended = [...tally.ended].sort((a, b) => (a.record.ended ?? 0) - (b.record.ended ?? 0));
      tally.ended.clear();
      for (const item of ended) tally.ended.add(item);
    }
    return ledger;
  }

  /** In the order of their numbers. */
  all(): Item[] {
    return [...this.#items.values()];
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  /** By its id or its number. Throws `not-found`. */
  find(idOrNumber: string): Item {
    const item = this.#items.get(idOrNumber) ?? this.#byNumber.get(idOrNumber);
    if (item !== undefined) return item;
    throw new CoveyError("not-found", `there is no offer ${JSON.stringify(printable(idOrNumber.slice(0, 80)))}`, {
      hint: "`covey transfers`, or `transfers()`, lists them with their numbers.",
    });
  }

  /** Those with the peer that are not over. */
  openWith(peer: PeerId): Item[] {
    return this.all().filter(({ record }) => record.peer === peer && !isOver(record.state));
  }

  /** The offer of these paths, resolved, to the peer that is not over. */
  openOffer(peer: PeerId, paths: readonly string[]): Item | undefined {
    const sources = sourcesKey(paths);
    return this.openWith(peer).find(({ record }) => record.direction === "out" && record.sources === sources);
  }

  /** How many more offers of the peer can be looked at now. */
  roomFor(peer: PeerId): number {
    return LIMITS.offersOpen - this.#tally(peer).open;
  }

  /** Rejects with `not-paired`: nobody who was removed meanwhile has an offer here. */
  async add(record: NewOfferRecord): Promise<Item> {
    const { store } = this.#needs;
    const numbered = completeRecord({ ...record, number: this.#nextNumber++ });
    this.assertPaired(numbered.peer);
    await saveRecord(store, numbered);
    try {
      this.assertPaired(numbered.peer);
    } catch (error) {
      await removeRecords(store, [record.id]);
      throw error;
    }
    return this.#keep(numbered);
  }

  /** Tells of a new offer, once it is known whether anybody has to be asked. */
  announce(item: Item): void {
    this.changed.emit(item);
  }

  /**
   * Changes one at a time, so that the store and the memory agree on the order. A function sees the record as it is then, and may
   * decide that there is nothing to change: it resolves to whether there was.
   */
  update(item: Item, change: Change): Promise<boolean> {
    return this.#change(item, change);
  }

  /**
   * The last change of what came in: durable at once, told when `tidy` has removed what was kept on the way. What is killed in between is
   * tidied up at the next start.
   */
  async finish(item: Item, change: Partial<OfferRecord>, tidy: () => Promise<void>): Promise<void> {
    await this.#change(item, change, tidy);
  }

  #change(item: Item, change: Change, tidy?: () => Promise<void>): Promise<boolean> {
    const held = this.#items.get(item.record.id);
    if (held === undefined) return Promise.resolve(false);
    const update = held.saving.then(async () => {
      if (!this.#items.has(held.record.id)) return false;
      const changes = typeof change === "function" ? change(held.record) : change;
      if (changes === undefined) return false;
      const changed = this.#numbered(held.record, { ...held.record, ...changes });
      await saveRecord(this.#needs.store, changed);
      const told = tidy === undefined ? changed : await this.#tidied(changed, tidy);
      if (!this.#items.has(held.record.id)) return false;
      this.#setRecord(held, told);
      this.changed.emit(item);
      return true;
    });
    held.saving = update.catch(() => {});
    return update;
  }

  /** The peer's oldest ended offers, beyond those that are kept. */
  tooOld(peer: PeerId): readonly Item[] {
    const { ended } = this.#tally(peer);
    if (ended.size <= LIMITS.offersEnded) return [];
    // The last number is not given out again.
    const last = this.#nextNumber - 1;
    return [...ended].slice(0, -LIMITS.offersEnded).filter(({ record }) => isCleared(record) && record.number !== last);
  }

  async forget(items: readonly Item[]): Promise<void> {
    const held = items.flatMap(({ record }) => this.#items.get(record.id) ?? []);
    for (const item of held) {
      this.#count(item, -1);
      this.#items.delete(item.record.id);
      this.#byNumber.delete(String(item.record.number));
    }
    await Promise.all(held.map(({ saving }) => saving));
    const ids = held.map(({ record }) => record.id);
    if (ids.length > 0) await removeRecords(this.#needs.store, ids);
  }

  /** `doneBytes` is now so many; `moved` of them came over the wire since the last report. */
  progress(item: Item, doneBytes: number, moved: number): void {
    item.doneBytes = doneBytes;
    if (moved > 0) item.rate.add(moved, this.#needs.clock.monotonicMs());
    this.changed.emit(item);
  }

  /** Throws `not-paired`: who was removed here has nothing open. */
  assertPaired(peer: PeerId): void {
    if (this.#needs.book.byId(peer) !== undefined) return;
    throw new CoveyError("not-paired", "that peer is not paired with this one", {
      hint: "`covey pair`, or `invite()` and `join()`, pairs the two.",
    });
  }

  /** The record once nothing is left; what can't be removed now is still in it. */
  async #tidied(record: OfferRecord, tidy: () => Promise<void>): Promise<OfferRecord> {
    try {
      await tidy();
      const tidied = { ...record, temp: undefined, token: undefined };
      await saveRecord(this.#needs.store, tidied);
      return tidied;
    } catch {
      return record;
    }
  }

  /** What comes to an end gets its place among those that did. */
  #numbered(before: OfferRecord, next: OfferRecord): OfferRecord {
    if (next.state === before.state) return next;
    return { ...next, ended: hasEnded(next.state) ? ++this.#lastEnded : undefined };
  }

  #keep(record: OfferRecord): Item {
    const doneBytes = record.state === "done" ? record.size : 0;
    const item = { record, doneBytes, resumedBytes: 0, rate: new Rate(), saving: Promise.resolve() };
    this.#items.set(record.id, item);
    this.#byNumber.set(String(record.number), item);
    this.#count(item, 1);
    this.#nextNumber = Math.max(this.#nextNumber, record.number + 1);
    this.#lastEnded = Math.max(this.#lastEnded, record.ended ?? 0);
    return item;
  }

  #setRecord(item: Held, next: OfferRecord): void {
    const moves = next.state !== item.record.state;
    if (moves) this.#count(item, -1);
    item.record = next;
    if (moves) this.#count(item, 1);
  }

  #tally(peer: PeerId): Tally {
    let tally = this.#tallies.get(peer);
    if (tally === undefined) this.#tallies.set(peer, (tally = { open: 0, ended: new Set() }));
    return tally;
  }

  /** Takes the item out of its peer's tally, or in. */
  #count(item: Held, by: 1 | -1): void {
    const { record } = item;
    const tally = this.#tally(record.peer);
    if (isOpenIn(record)) tally.open += by;
    if (by < 0) tally.ended.delete(item);
    else if (hasEnded(record.state)) tally.ended.add(item);
  }
}

export function offerOf({ record }: Item): Offer {
  const { id, number, peer, direction, kind, name, files, size, roots, rootCount, sharePath, offeredAtMs, state } = record;
  return {
    ...{ id, number, peer, direction, kind, name, files, size },
    ...{ roots: roots ?? [{ name, kind: "file", files: 1, bytes: size }], rootCount },
    ...{ sharePath, offeredAtMs, state },
  };
}
