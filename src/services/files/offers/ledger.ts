// Every offer of this peer, in memory as it is in the store: a change is durable before anybody sees it.

import type { Clock } from "../../../core/clock.ts";
import { CoveyError } from "../../../core/errors.ts";
import { createListeners } from "../../../core/listeners.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { Offer, OfferState } from "../contract.ts";
import { Rate } from "./rate.ts";
import { completeRecord, loadRecords, removeRecords, saveRecord, type NewOfferRecord, type OfferRecord } from "./records.ts";

/** One offer. Only the ledger changes the record; whoever moves the bytes changes the progress. */
export interface Item {
  readonly record: OfferRecord;
  doneBytes: number;
  resumedBytes: number;
  readonly rate: Rate;
}

type Change = Partial<OfferRecord> | ((record: OfferRecord) => Partial<OfferRecord> | undefined);

export const isOver = (state: OfferState): boolean => state === "done" || state === "declined" || state === "withdrawn";

export class Ledger {
  /** Told after every change, and of progress. */
  readonly changed = createListeners<Item>();
  readonly #store: SpaceStore;
  readonly #clock: Clock;
  readonly #items = new Map<string, Item & { record: OfferRecord; saving: Promise<unknown> }>();
  #nextNumber = 1;

  private constructor(store: SpaceStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  static async load(store: SpaceStore, clock: Clock): Promise<Ledger> {
    const ledger = new Ledger(store, clock);
    for (const record of await loadRecords(store)) ledger.#keep(record);
    return ledger;
  }

  /** In the order of their numbers. */
  all(): Item[] {
    return [...this.#items.values()];
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  find(id: string): Item {
    const item = this.#items.get(id);
    if (item !== undefined) return item;
    throw new CoveyError("not-found", "there is no such offer", { hint: "`covey transfers` lists what there is." });
  }

  waitingFrom(peer: PeerId): number {
    return this.all().filter(({ record }) => record.peer === peer && record.direction === "in" && record.state === "waiting")
      .length;
  }

  async add(record: NewOfferRecord): Promise<Item> {
    const numbered = completeRecord({ ...record, number: this.#nextNumber++ });
    await saveRecord(this.#store, numbered);
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
    const held = this.#items.get(item.record.id);
    if (held === undefined) return Promise.resolve(false);
    const update = held.saving.then(async () => {
      const changes = typeof change === "function" ? change(held.record) : change;
      if (changes === undefined) return false;
      const next = { ...held.record, ...changes };
      await saveRecord(this.#store, next);
      held.record = next;
      this.changed.emit(item);
      return true;
    });
    held.saving = update.catch(() => {});
    return update;
  }

  /** Drops the oldest offers that the peer took back: it can make and take back as many as it likes. */
  async dropWithdrawn(peer: PeerId): Promise<void> {
    const withdrawn = this.all().filter(
      ({ record }) => record.peer === peer && record.direction === "in" && record.state === "withdrawn",
    );
    const ids = withdrawn.slice(0, -LIMITS.offersWithdrawn).map(({ record }) => record.id);
    if (ids.length === 0) return;
    await removeRecords(this.#store, ids);
    for (const id of ids) this.#items.delete(id);
  }

  /** `doneBytes` is now so many; `moved` of them came over the wire since the last report. */
  progress(item: Item, doneBytes: number, moved: number): void {
    item.doneBytes = doneBytes;
    if (moved > 0) item.rate.add(moved, this.#clock.monotonicMs());
    this.changed.emit(item);
  }

  #keep(record: OfferRecord): Item {
    const doneBytes = record.state === "done" ? record.size : 0;
    const item = { record, doneBytes, resumedBytes: 0, rate: new Rate(), saving: Promise.resolve() };
    this.#items.set(record.id, item);
    this.#nextNumber = Math.max(this.#nextNumber, record.number + 1);
    return item;
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
