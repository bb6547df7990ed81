// What is decided about offers, by people or by a policy: to receive them, to decline them, to take them back, to end them with their peer.
//
//   a decision ⇒ record ⇒ entry ⇒ the other side; what runs is stopped first, what is left over is removed last

import { mkdir } from "node:fs/promises";

import { checkedDirectory } from "../../../blob/placing.ts";
import { forEachAtOnce } from "../../../core/async.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Logger } from "../../../core/log.ts";
import type { Policy, Receiving } from "../contract.ts";
import { mostFilesIn } from "../downloads/agreed.ts";
import { checkRoom } from "../downloads/check-room.ts";
import type { Downloads } from "../downloads/downloads.ts";
import type { Sending } from "../sending/sending.ts";
import { isOver, type Item, type Ledger } from "./ledger.ts";
import type { OfferEntries } from "./offer-entries.ts";
import type { Policies } from "./policies.ts";
import type { OfferRecord } from "./records.ts";

interface DecisionNeeds {
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly entries: Pick<OfferEntries, "write">;
  readonly sending: Pick<Sending, "stop" | "end">;
  readonly downloads: Pick<Downloads, "start" | "settle" | "whileStopped" | "discard">;
  /** Where files from one's own devices go; made when the first one comes. */
  readonly incoming: string;
  readonly log: Logger;
}

type Taking = Pick<OfferRecord, "conflict" | "agreedBytes"> & { readonly into: string };

export class Decisions {
  readonly #needs: DecisionNeeds;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(needs: DecisionNeeds) {
    this.#needs = needs;
  }

  async accept(offer: string, { into, size, conflict = "rename" }: Receiving): Promise<Item> {
    const item = this.#received(offer);
    const directory = await checkedDirectory(into);
    await this.#accept(item, { into: directory, conflict, agreedBytes: size ?? item.record.size });
    return item;
  }

  async decline(offer: string): Promise<void> {
    await this.#decide(this.#received(offer), { state: "declined" });
  }

  async cancel(offer: string): Promise<void> {
    const item = this.#needs.ledger.find(offer);
    if (isOver(item.record.state)) throw over(item);
    const state = item.record.direction === "out" ? "withdrawn" : "declined";
    if (!(await this.#giveUp(item, () => ({ state, problem: undefined })))) throw over(item);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  /** From now on, and for what waits now. */
  async allow(peer: PeerId, policy: Policy): Promise<void> {
    const { ledger, policies } = this.#needs;
    await policies.set(peer, policy.offers === "take" ? { ...policy, into: await checkedDirectory(policy.into) } : policy);
    await forEachAtOnce(ledger.openWith(peer).filter(isUndecided), LIMITS.offersAtOnce, (item) => this.#applyPolicy(item));
  }

  /** A new offer to this peer, or one that says something else now. */
  async see(item: Item): Promise<void> {
    if (item.record.state === "waiting") await this.#applyPolicy(item);
    else if (item.record.state === "accepted") await this.#needs.downloads.settle(item);
  }

  /** The sender took it back. */
  async withdrawn(item: Item): Promise<void> {
    await this.#giveUp(item, () => ({ state: "withdrawn", problem: undefined }));
  }

  /** Its peer was removed. What was on its way here is kept for somebody who goes on with it when the two are paired again. */
  async endWithPeer(item: Item): Promise<void> {
    await this.#giveUp(item, ({ direction, state }) => {
      const message = "the other device was removed here";
      if (direction === "out")
        return { state: "withdrawn", problem: { code: "not-paired", message, hint: "Pair again, and send it again." } };
      if (state === "waiting") return { state: "declined", problem: { code: "not-paired", message } };
      if (state === "failed") return undefined;
      const hint =
        "Once the two are paired again, `covey transfers resume` goes on with it; `covey cancel` removes what came of it.";
      return { state: "failed", problem: { code: "not-paired", message, hint } };
    });
  }

  /** Stops whatever runs, notes it, tells the other side, and removes what is left; false when it was over before. */
  async #giveUp(item: Item, change: (record: OfferRecord) => Partial<OfferRecord> | undefined): Promise<boolean> {
    const { ledger, entries, sending, downloads } = this.#needs;
    const given = await downloads.whileStopped(item, async () => {
      await sending.stop(item);
      return ledger.update(item, (record) => (isOver(record.state) ? undefined : uncleared(record, change(record))));
    });
    if (!given) return false;
    await entries.write(item);
    if (item.record.direction === "out") await sending.end(item);
    else if (isOver(item.record.state)) await downloads.discard(item);
    return true;
  }

  /** Whatever is in the way of it, the offer then waits for somebody, who can see why. */
  async #applyPolicy(item: Item): Promise<void> {
    const { ledger, policies, log } = this.#needs;
    const { id, peer } = item.record;
    const policy = policies.of(peer);
    if (policy.offers === "ask") return;
    try {
      if (policy.offers === "refuse") await this.#decide(item, { state: "declined" });
      else await this.#take(item, policy);
    } catch (error) {
      const { code, message, hint } = fromPlatform(error, "take the offer");
      // Somebody was faster.
      if (item.record.state !== "waiting") return;
      if (code === "no-space") this.#retryLater();
      if (item.record.problem?.code === code) return;
      log.warn({ offer: id, code, message }, "an offer could not be taken as it was allowed; it waits");
      const problem = { code, message, ...(hint === undefined ? {} : { hint }) };
      await ledger.update(item, ({ state }) => (state === "waiting" ? { problem } : undefined));
    }
  }

  /** Room comes without anybody telling. */
  #retryLater(): void {
    const look = async (): Promise<void> => {
      this.#retry = undefined;
      const waiting = this.#needs.ledger.all().filter((item) => isUndecided(item) && item.record.problem?.code === "no-space");
      await forEachAtOnce(waiting, LIMITS.offersAtOnce, (item) => this.#applyPolicy(item));
    };
    const tryAgain = (): void => {
      look().catch((error: unknown) => this.#needs.log.error({ error: String(error) }, "offers could not be looked at again"));
    };
    if (!this.#closed) this.#retry ??= setTimeout(tryAgain, LIMITS.noSpaceRetryMs).unref();
  }

  async #take(item: Item, { into, upToBytes }: Policy & { readonly offers: "take" }): Promise<void> {
    const { size, files } = item.record;
    if (upToBytes !== undefined && (size > upToBytes || files > mostFilesIn(upToBytes))) return;
    if (into === this.#needs.incoming) await mkdir(into, { recursive: true });
    const directory = await checkedDirectory(into);
    await checkRoom(directory, size);
    await this.#accept(item, { into: directory, conflict: "rename", agreedBytes: upToBytes });
  }

  async #accept(item: Item, taking: Taking): Promise<void> {
    const agreedFiles = taking.agreedBytes === undefined ? undefined : item.record.files;
    await this.#decide(item, { state: "accepted", paused: false, ...taking, agreedFiles, problem: undefined });
    this.#needs.downloads.start(item);
  }

  #received(offer: string): Item {
    const item = this.#needs.ledger.find(offer);
    if (item.record.direction === "in") return item;
    throw new CoveyError("bad-argument", "this offer was made here", { hint: "`covey cancel`, or `cancel()`, takes it back." });
  }

  /** From waiting, or from failed, to something else; everything else has been decided. */
  async #decide(item: Item, change: Partial<OfferRecord>): Promise<void> {
    const { ledger, entries, downloads } = this.#needs;
    const decided = await ledger.update(item, (record) => {
      if (record.state !== "waiting" && record.state !== "failed") return undefined;
      if (change.state === "accepted") ledger.assertPaired(record.peer);
      return change;
    });
    if (!decided) throw over(item);
    await entries.write(item);
    const { state, temp, token } = item.record;
    if (state === "declined" && (temp !== undefined || token !== undefined)) await downloads.discard(item);
  }
}

const isUndecided = ({ record }: Item): boolean => record.direction === "in" && record.state === "waiting";

/** What is here may not be noted yet: until it is removed the record says that there may be something, or a kill in between leaves it. */
function uncleared({ direction, into, token = "" }: OfferRecord, change?: Partial<OfferRecord>): typeof change {
  const leavesSomething = direction === "in" && into !== undefined && change?.state !== undefined && isOver(change.state);
  return leavesSomething ? { ...change, token } : change;
}

export const over = ({ record }: Item): CoveyError =>
  new CoveyError("conflict", `this offer is already ${record.state}`, {
    hint: "`covey transfers`, or `transfers()`, shows what became of it.",
  });
