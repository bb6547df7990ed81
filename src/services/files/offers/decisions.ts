// What people decide about offers: to receive them, to decline them, to take them back.
//
//   a decision ⇒ record ⇒ entry ⇒ the other side; what runs is stopped first, what is left over is removed last

import { mkdir } from "node:fs/promises";

import { CoveyError } from "../../../core/errors.ts";
import type { Logger } from "../../../core/log.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { Receiving } from "../contract.ts";
import { checkedDirectory } from "../downloads/directory.ts";
import type { Downloads } from "../downloads/downloads.ts";
import type { Sending } from "../sending/sending.ts";
import { isOver, type Item, type Ledger } from "./ledger.ts";
import type { OfferEntries } from "./offer-entries.ts";

interface DecisionNeeds {
  readonly ledger: Ledger;
  readonly book: Pick<PeerBook, "byId">;
  readonly entries: Pick<OfferEntries, "write" | "lookAgain">;
  readonly sending: Pick<Sending, "stop" | "end">;
  readonly downloads: Pick<Downloads, "start" | "stop" | "discard">;
  /** Where files from one's own devices go; made when the first one comes. */
  readonly incoming: string;
  readonly log: Logger;
}

export class Decisions {
  readonly #needs: DecisionNeeds;

  constructor(needs: DecisionNeeds) {
    this.#needs = needs;
  }

  async accept(offer: string, { into, size, conflict = "rename" }: Receiving): Promise<Item> {
    const item = this.#received(offer);
    await this.#accept(item, { into, conflict, agreedBytes: size ?? item.record.size });
    return item;
  }

  async decline(offer: string): Promise<void> {
    await this.#decide(this.#received(offer), { state: "declined" });
  }

  async cancel(offer: string): Promise<void> {
    const item = this.#needs.ledger.find(offer);
    if (isOver(item.record.state)) throw over(item);
    if (!(await this.giveUp(item, item.record.direction === "out" ? "withdrawn" : "declined"))) throw over(item);
  }

  /** Files of one's own devices are taken without asking. */
  async acceptOwn(item: Item): Promise<void> {
    const { record } = item;
    const { book, incoming, log } = this.#needs;
    if (book.byId(record.peer)?.mine !== true) return;
    try {
      await mkdir(incoming, { recursive: true });
      await this.#accept(item, { into: incoming, conflict: "rename", agreedBytes: undefined });
    } catch (error) {
      log.warn({ offer: record.id, error: String(error) }, "a file of an own device could not be taken; it waits");
    }
  }

  /** Stops whatever runs, notes it, tells the other side, and removes what is left; false when it was over before. */
  async giveUp(item: Item, state: "withdrawn" | "declined"): Promise<boolean> {
    const { ledger, entries, sending, downloads } = this.#needs;
    await Promise.all([downloads.stop(item), sending.stop(item)]);
    const given = await ledger.update(item, (record) => (isOver(record.state) ? undefined : { state, problem: undefined }));
    if (!given) return false;
    await entries.write(item);
    if (item.record.direction === "out") await sending.end(item);
    else await downloads.discard(item);
    return true;
  }

  async #accept(
    item: Item,
    { into, ...how }: Pick<Item["record"], "conflict" | "agreedBytes"> & { readonly into: string },
  ): Promise<void> {
    const directory = await checkedDirectory(into);
    await this.#decide(item, { state: "accepted", into: directory, ...how, problem: undefined });
    this.#needs.downloads.start(item);
  }

  #received(offer: string): Item {
    const item = this.#needs.ledger.find(offer);
    if (item.record.direction === "in") return item;
    throw new CoveyError("bad-argument", "this offer was made here", { hint: "`covey cancel` takes it back." });
  }

  /** From waiting, or from failed, to something else; everything else has been decided. */
  async #decide(item: Item, change: Partial<Item["record"]>): Promise<void> {
    const { ledger, entries } = this.#needs;
    const decided = await ledger.update(item, ({ state }) => (state === "waiting" || state === "failed" ? change : undefined));
    if (!decided) throw over(item);
    await entries.write(item);
    entries.lookAgain(item.record.peer);
  }
}

const over = ({ record }: Item): CoveyError => new CoveyError("conflict", `this offer is already ${record.state}`);
