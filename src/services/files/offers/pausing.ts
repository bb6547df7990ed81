// To stop a transfer for now, on either side: a flag in the record of whoever did, told to the other side in its entry.
//
//   pause: record ⇒ what runs stops, where it is ⇒ entry ⇒ the other side stops, too, and waits
//   resume: record ⇒ it runs ⇒ entry ⇒ the other side goes on at once; what had failed begins again

import { checkedDirectory } from "../../../blob/placing.ts";
import { CoveyError } from "../../../core/errors.ts";
import type { Downloads } from "../downloads/downloads.ts";
import type { Sending } from "../sending/sending.ts";
import { over } from "./decisions.ts";
import { isOver, type Item, type Ledger } from "./ledger.ts";
import type { OfferEntries } from "./offer-entries.ts";
import type { OfferRecord } from "./records.ts";

interface PausingNeeds {
  readonly ledger: Ledger;
  readonly entries: Pick<OfferEntries, "write">;
  readonly sending: Pick<Sending, "stop">;
  readonly downloads: Pick<Downloads, "settle">;
}

export class Pausing {
  readonly #needs: PausingNeeds;

  constructor(needs: PausingNeeds) {
    this.#needs = needs;
  }

  async pause(offer: string): Promise<Item> {
    const item = this.#needs.ledger.find(offer);
    return this.#change(item, ({ direction, state }) => {
      if (state === "failed") throw over(item);
      if (direction === "in" && state === "waiting")
        throw new CoveyError("conflict", "nobody has agreed to receive this yet, so there is nothing to pause", {
          hint: "`covey receive`, or `accept()`, takes it; `covey decline`, or `decline()`, says no.",
        });
      return { paused: true };
    });
  }

  async resume(offer: string): Promise<Item> {
    const { ledger } = this.#needs;
    const item = ledger.find(offer);
    const { direction, state, into } = item.record;
    if (direction === "in" && state === "failed" && into !== undefined) await checkedDirectory(into);
    return this.#change(item, (record) => {
      const goesOn = { paused: false };
      if (record.state !== "failed") return goesOn;
      ledger.assertPaired(record.peer);
      const again = { ...goesOn, problem: undefined };
      if (record.direction === "in") return { ...again, state: "accepted" };
      return { ...again, state: "waiting", pausedThere: false, round: record.round + 1 };
    });
  }

  async #change(item: Item, change: (record: OfferRecord) => Partial<OfferRecord>): Promise<Item> {
    const { ledger, entries, sending, downloads } = this.#needs;
    const changed = await ledger.update(item, (record) => (isOver(record.state) ? undefined : change(record)));
    if (!changed) throw over(item);
    if (item.record.direction === "in") await downloads.settle(item);
    else if (item.record.paused) await sending.stop(item);
    await entries.write(item);
    return item;
  }
}
