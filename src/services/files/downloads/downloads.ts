// What this peer agreed to receive, each brought in by a loop of its own (attempts.ts) until it is here or can't be.

import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Item } from "../offers/ledger.ts";
import type { OfferRecord } from "../offers/records.ts";
import { Attempts, type AttemptNeeds } from "./attempts.ts";
import { discard, knownBytes } from "./held.ts";
import { Room } from "./room.ts";
import { Slots } from "./slots.ts";

interface Download {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class Downloads {
  readonly #needs: AttemptNeeds;
  readonly #running = new Map<string, Download>();
  /** How many want nothing of it to run. */
  readonly #held = new Map<string, number>();
  #closed = false;

  constructor(needs: Omit<AttemptNeeds, "slots" | "room">) {
    this.#needs = { ...needs, room: new Room(), slots: new Slots(LIMITS.filesAtOnce, LIMITS.filesAtOncePerPeer) };
  }

  /** Shows what earlier runs brought in, before the sender is there. */
  async recall(item: Item): Promise<void> {
    this.#needs.ledger.progress(item, await knownBytes(this.#needs.store, item.record), 0);
  }

  /** Begins, or goes on; does nothing when it runs already, or should not run now. */
  start(item: Item): void {
    const { id } = item.record;
    if (this.#closed || this.#held.has(id) || this.#running.has(id) || !shouldRun(item.record)) return;
    const abort = new AbortController();
    let whole = false;
    const ended = new Attempts(this.#needs, item, abort.signal)
      .run()
      .then(() => void (whole = true))
      .catch((error: unknown) => {
        if (!abort.signal.aborted) this.#needs.log.error({ offer: id, error: String(error) }, "a transfer stopped");
      })
      .finally(() => {
        this.#running.delete(id);
        // Agreed to again while the failed one was still on its way out.
        if (whole) this.start(item);
      });
    this.#running.set(id, { abort, ended });
  }

  /** Does the work while nothing of the transfer runs; what is on disk stays. Then it goes on, if it still should. */
  async whileStopped<T>(item: Item, work: () => Promise<T>): Promise<T> {
    const { id } = item.record;
    this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
    try {
      await this.#stop(item);
      return await work();
    } finally {
      const others = this.#held.get(id)! - 1;
      if (others > 0) this.#held.set(id, others);
      else this.#held.delete(id);
      this.start(item);
    }
  }

  /** It runs from now on, or stands still once this resolves, as its record says. */
  async settle(item: Item): Promise<void> {
    if (shouldRun(item.record)) this.start(item);
    else await this.whileStopped(item, async () => {});
  }

  /** Removes what a transfer that will not go on left behind. */
  discard(item: Item): Promise<void> {
    return discard(this.#needs, item);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#needs.ledger.all().map((item) => this.#stop(item)));
  }

  async #stop(item: Item): Promise<void> {
    const download = this.#running.get(item.record.id);
    download?.abort.abort(new CoveyError("closed", "the transfer was stopped"));
    await download?.ended;
  }
}

const shouldRun = ({ direction, state, paused, pausedThere }: OfferRecord): boolean =>
  direction === "in" && state === "accepted" && !paused && !pausedThere;
