// The files that this peer agreed to receive, each brought in by a loop of its own until it is here or can't be.
//
//   1. wait until the sender is there, and for a place
//   2. open the partial file, ask for what is missing: fetch.ts
//   3. whole: finish. Cut: wait a little, go on. Changed: begin again. Disk full: look for space. Else: failed, in words

import { sleep } from "../../../core/async.ts";
import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Logger } from "../../../core/log.ts";
import { printable } from "../../../core/text.ts";
import { Manifest } from "../../../blob/manifest.ts";
import type { Session } from "../../../session/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { fetchMissing } from "../fetch/fetch.ts";
import { isOver, type Item, type Ledger } from "../offers/ledger.ts";
import type { Links } from "./links.ts";
import { discardPart, Part } from "../fetch/part.ts";
import { loadHashes, type OfferRecord } from "../offers/records.ts";
import { Slots } from "./slots.ts";

interface DownloadNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly links: Links;
  readonly clock: Clock;
  readonly log: Logger;
  /** Done, or failed: the sender is to know. */
  onOver(item: Item): Promise<void>;
}

/** What to do after an attempt. */
type Next = "over" | "again" | "later" | { readonly waitMs: number };

interface Download {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class Downloads {
  readonly #needs: DownloadNeeds;
  readonly #slots = new Slots(LIMITS.filesAtOnce, LIMITS.filesAtOncePerPeer);
  readonly #running = new Map<string, Download>();
  /** How many want nothing of it to run. */
  readonly #held = new Map<string, number>();
  #closed = false;

  constructor(needs: DownloadNeeds) {
    this.#needs = needs;
  }

  /** Shows what earlier runs brought in, before the sender is there. */
  async recall(item: Item): Promise<void> {
    const manifest = new Manifest(item.record.size);
    await loadHashes(this.#needs.store, item.record.id, manifest);
    this.#needs.ledger.progress(item, manifest.knownBytes, 0);
  }

  /** Begins, or goes on; does nothing when it runs already, or should not run now. */
  start(item: Item): void {
    const { id } = item.record;
    if (this.#closed || this.#held.has(id) || this.#running.has(id) || !shouldRun(item.record)) return;
    const abort = new AbortController();
    let whole = false;
    const ended = new Attempts(this.#needs, this.#slots, item, abort.signal)
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
    return discardPart(this.#needs, item);
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

class Attempts {
  readonly #needs: DownloadNeeds;
  readonly #slots: Slots;
  readonly #item: Item;
  readonly #signal: AbortSignal;
  /** Open from the first attempt to the last, so that what is in memory is not read again. */
  #part: Part | undefined;
  #last: Session | undefined;
  /** In this session, since something came. */
  #cuts = 0;
  #faults = 0;

  constructor(needs: DownloadNeeds, slots: Slots, item: Item, signal: AbortSignal) {
    this.#needs = needs;
    this.#slots = slots;
    this.#item = item;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        const next = await this.#attempt();
        if (next === "over") return await this.#needs.onOver(this.#item);
        if (next === "later") await this.#backOff();
        else if (next !== "again") await sleep(next.waitMs, this.#signal);
      }
    } finally {
      await this.#dropPart({ save: true });
    }
  }

  async #attempt(): Promise<Next> {
    const { links, ledger } = this.#needs;
    const item = this.#item;
    const session = await links.untilUp(item.record.peer, this.#signal);
    if (session !== this.#last) this.#cuts = 0;
    this.#last = session;
    const leave = await this.#slots.take(item.record.peer, this.#signal);
    try {
      if (isTooLarge(item.record)) {
        return await this.#fail(
          "changed",
          `the file is much larger than when it was agreed to: ${item.record.size} bytes, not ${item.record.agreedBytes}`,
          "Receive it again to agree to that.",
        );
      }
      if (this.#part !== undefined && this.#part.manifest.size !== item.record.size) await this.#startOver();
      const part = (this.#part ??= await Part.open(this.#needs, item, this.#signal));
      if (item.record.problem !== undefined) await ledger.update(item, { problem: undefined });
      const before = part.manifest.knownBytes;
      item.resumedBytes = before;
      ledger.progress(item, before, 0);
      const placeWanted = (): boolean => this.#slots.wanted(item.record.peer);
      const outcome = await fetchMissing({ ...this.#needs, placeWanted }, session, item, part, this.#signal);
      if (part.manifest.knownBytes > before) this.#cuts = 0;
      if (outcome.type === "cut") return await this.#cut(outcome.error);
      if (outcome.type === "peer") return await this.#refused(outcome.error);
      if (!part.manifest.complete) return "again";
      await part.finish(outcome.blob, this.#signal);
      this.#part = undefined;
      return "over";
    } catch (error) {
      this.#signal.throwIfAborted();
      return await this.#ownFault(fromPlatform(error, "receive the file"));
    } finally {
      leave();
    }
  }

  /** The way broke: what came so far stays. */
  async #cut(error: CoveyError): Promise<Next> {
    await this.#part?.checkpoint();
    this.#needs.log.debug({ offer: this.#item.record.id, code: error.code }, "a transfer was cut");
    return "later";
  }

  async #refused(error: CoveyError): Promise<Next> {
    if (error.code === "limit") return "later";
    // An offer that was renewed may come a little after the first answer that says so: nothing is lost by asking again.
    const lostSomething = error.code !== "changed" || this.#item.record.token !== undefined;
    if (lostSomething) this.#faults++;
    if (error.code === "changed") {
      await this.#startOver();
      if (this.#faults <= LIMITS.fileFaults) return "later";
      return this.#fail(
        error.code,
        "the file kept changing while it was sent",
        "Ask for it to be sent again when nothing writes to it.",
      );
    }
    if (error.code === "not-found")
      return this.#fail(error.code, "the sender no longer has the file", "Ask for it to be sent again.");
    if (this.#faults <= LIMITS.fileFaults) return "later";
    if (error.code === "integrity" || error.code === "protocol")
      return this.#fail(
        error.code,
        `what the sender sent is wrong: ${printable(error.message)}`,
        "Nothing of it was kept. Ask for it to be sent again.",
      );
    return this.#fail(error.code, `the sender can't go on: ${printable(error.message)}`, "Ask for it to be sent again.");
  }

  /** This side's disk or store. A full disk waits; everything else needs somebody. */
  async #ownFault(error: CoveyError): Promise<Next> {
    // What is in memory may not be what is on disk: back to the last checkpoint.
    await this.#dropPart({ save: false });
    if (isOver(this.#item.record.state)) return "over";
    const { code, message, hint } = error;
    if (code === "integrity") {
      // All blocks agree, but not with the blob: which of them is wrong can't be known.
      await this.#startOver();
      return this.#refused(error);
    }
    if (code !== "no-space") return this.#fail(code, message, hint ?? "When that is mended, receive it again.");
    await this.#needs.ledger.update(this.#item, { problem: { code, message, ...(hint === undefined ? {} : { hint }) } });
    return { waitMs: LIMITS.noSpaceRetryMs };
  }

  async #startOver(): Promise<void> {
    await this.#dropPart({ save: false });
    await discardPart(this.#needs, this.#item);
  }

  async #fail(code: CoveyError["code"], message: string, hint: string): Promise<Next> {
    await this.#startOver();
    await this.#needs.ledger.update(this.#item, ({ state }) =>
      isOver(state) ? undefined : { state: "failed", problem: { code, message, hint } },
    );
    return "over";
  }

  async #dropPart(options: { readonly save: boolean }): Promise<void> {
    const part = this.#part;
    this.#part = undefined;
    await part?.close(options).catch((error: unknown) => {
      this.#needs.log.warn({ offer: this.#item.record.id, error: String(error) }, "the partial file did not close well");
    });
  }

  /** Longer each time without progress, and never for all transfers at the same moment. */
  #backOff(): Promise<void> {
    const longest = Math.min(LIMITS.fileRetryMaxMs, LIMITS.fileRetryMs * 2 ** this.#cuts++);
    return sleep(longest * (0.5 + Math.random() / 2), this.#signal);
  }
}

/** A file that is written to may grow on its way; what somebody agreed to must not become the whole disk. */
const isTooLarge = ({ size, agreedBytes = Infinity }: OfferRecord): boolean =>
  size > Math.max(2 * agreedBytes, agreedBytes + LIMITS.fileGrowthBytes);
