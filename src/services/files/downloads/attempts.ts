// One transfer on its way in, attempt by attempt:
//
//   1. wait until the sender is there, and for a place
//   2. open what is here of it, ask for what is missing: incoming-file.ts, ../trees/incoming-tree.ts
//   3. whole: over. Cut: wait a little, go on. Changed: begin again. Disk full: look for space. Else: failed, in words

import { dirname } from "node:path";

import { sleep } from "../../../core/async.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Logger } from "../../../core/log.ts";
import { printable } from "../../../core/text.ts";
import type { Session } from "../../../session/contract.ts";
import { faultOf, fromPeer } from "../fetch/remote.ts";
import { isOver, type Item } from "../offers/ledger.ts";
import type { OfferRecord } from "../offers/records.ts";
import { IncomingTree } from "../trees/incoming-tree.ts";
import { mostBytes } from "./agreed.ts";
import { discard } from "./held.ts";
import { IncomingFile } from "./incoming-file.ts";
import type { Incoming, IncomingNeeds } from "./incoming.ts";
import type { Links } from "./links.ts";
import type { Room } from "./room.ts";
import type { Slots } from "./slots.ts";

export interface AttemptNeeds extends IncomingNeeds {
  readonly links: Links;
  readonly slots: Slots;
  readonly room: Room;
  readonly log: Logger;
  /** What was asked for in a share is not what it was: what it is now. Rejects with the other side's error, or the way's. */
  lookAgain(record: OfferRecord, signal: AbortSignal): Promise<Partial<OfferRecord>>;
  /** Done, failed, waiting for room, or not any more: the sender is to know. */
  tell(item: Item): Promise<void>;
}

/** What to do after an attempt. */
type Next = "over" | "again" | "later" | { readonly waitMs: number };

export class Attempts {
  readonly #needs: AttemptNeeds;
  readonly #item: Item;
  readonly #signal: AbortSignal;
  #incoming: Incoming | undefined;
  #last: Session | undefined;
  /** In this session, since something came. */
  #cuts = 0;
  #faults = 0;
  /** The size for which was asked when it was another one by then. */
  #outdatedSize: number | undefined;

  constructor(needs: AttemptNeeds, item: Item, signal: AbortSignal) {
    this.#needs = needs;
    this.#item = item;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        const next = await this.#next();
        if (next === "over") return;
        if (next === "later") await this.#backOff();
        else if (next !== "again") await sleep(next.waitMs, this.#signal);
      }
    } finally {
      await this.#drop({ save: true });
    }
  }

  /** What can't even be noted, with a full disk under the store, say, is tried again: nobody else would. */
  async #next(): Promise<Next> {
    const { log, tell } = this.#needs;
    try {
      const next = await this.#attempt();
      if (next === "over") await tell(this.#item);
      return next;
    } catch (error) {
      this.#signal.throwIfAborted();
      log.warn({ offer: this.#item.record.id, error: String(error) }, "a transfer could not be noted; it is tried again");
      await this.#drop({ save: false });
      return { waitMs: LIMITS.noSpaceRetryMs };
    }
  }

  async #attempt(): Promise<Next> {
    const { links, slots, room, ledger } = this.#needs;
    const item = this.#item;
    if (item.record.state !== "accepted") return "over";
    const { peer } = item.record;
    const session = await links.untilUp(peer, this.#signal);
    if (session !== this.#last) this.#cuts = 0;
    this.#last = session;
    const leave = await slots.take(peer, this.#signal);
    let giveBack: (() => void) | undefined;
    try {
      if (isTooLarge(item.record)) return await this.#grown(`${item.record.size} bytes, not ${item.record.agreedBytes}`);
      if (this.#incoming?.fits(item.record) === false) await this.#startOver();
      const incoming = (this.#incoming ??= await this.#open());
      giveBack = await room.take(item.record.into!, () => incoming.missingBytes);
      if (giveBack === undefined) return await this.#noRoom(noSpace(incoming.missingBytes));
      if (item.record.problem !== undefined) await this.#note(undefined);
      const before = incoming.doneBytes;
      item.resumedBytes = before;
      ledger.progress(item, before, 0);
      const step = await incoming.advance(session, () => slots.wanted(peer), this.#signal);
      if (incoming.doneBytes > before) this.#cuts = 0;
      if (step.type === "cut") return await this.#cut(step.error);
      if (step.type === "peer") return await this.#refused(step.error);
      if (step.type === "grown") return await this.#grown(step.message);
      return step.type === "done" ? "over" : "again";
    } catch (error) {
      this.#signal.throwIfAborted();
      return await this.#ownFault(fromPlatform(error, `receive the ${this.#what}`));
    } finally {
      giveBack?.();
      leave();
    }
  }

  get #what(): string {
    return this.#item.record.kind === "file" ? "file" : "directory";
  }

  /** Else it was asked for, in a share. */
  get #isOffered(): boolean {
    return this.#item.record.sharePath === undefined;
  }

  get #again(): string {
    return this.#isOffered ? "Ask for it to be sent again" : "Get it again";
  }

  async #open(): Promise<Incoming> {
    const { temp, into } = this.#item.record;
    // Agreed to again, for another directory.
    if (temp !== undefined && dirname(temp.path) !== into) await discard(this.#needs, this.#item);
    const of = this.#item.record.kind === "file" ? IncomingFile : IncomingTree;
    return of.open(this.#needs, this.#item, this.#signal);
  }

  /** The way broke: what came so far stays. */
  async #cut(error: CoveyError): Promise<Next> {
    await this.#incoming?.checkpoint();
    this.#needs.log.debug({ offer: this.#item.record.id, code: error.code }, "a transfer was cut");
    return "later";
  }

  async #refused(error: CoveyError): Promise<Next> {
    if (error.code === "limit") return "later";
    const { size, token } = this.#item.record;
    // An offer that was renewed may come a little after the first answer that says so: nothing is lost by asking again. But a log that
    // is written to all the time is always another one by then.
    const isRenewed = this.#outdatedSize !== undefined && this.#outdatedSize !== size;
    if (error.code !== "changed" || token !== undefined || isRenewed) this.#faults++;
    if (error.code === "changed") {
      this.#outdatedSize = size;
      await this.#startOver();
      if (this.#faults <= LIMITS.fileFaults) return this.#renew();
      return this.#fail(
        error.code,
        `the ${this.#what} kept changing while it was sent`,
        `${this.#again} when nothing writes to it.`,
      );
    }
    if (!this.#isOffered && (error.code === "not-found" || error.code === "refused"))
      return this.#fail(
        "not-found",
        "the other device does not share this any more",
        "`covey ls NAME:`, or `shares()`, lists what it shares.",
      );
    if (error.code === "not-found")
      return this.#fail(error.code, `the sender no longer has the ${this.#what}`, `${this.#again}.`);
    // What was written of it may have to be taken back.
    await this.#drop({ save: true });
    if (this.#faults <= LIMITS.fileFaults) return "later";
    if (error.code === "integrity" || error.code === "protocol")
      return this.#fail(
        error.code,
        `what the sender sent is wrong: ${printable(error.message)}`,
        `Nothing of it was kept. ${this.#again}.`,
      );
    return this.#fail(error.code, `the sender can't go on: ${printable(error.message)}`, `${this.#again}.`);
  }

  /** The sender of an offer says by its entry what it is now; of what is shared, that is asked. */
  async #renew(): Promise<Next> {
    const { ledger, lookAgain } = this.#needs;
    if (this.#isOffered) return "later";
    const facts = await fromPeer(() => lookAgain(this.#item.record, this.#signal)).catch(faultOf);
    if ("type" in facts) return facts.type === "cut" ? "later" : this.#refused(facts.error);
    const isOther = facts.size !== this.#item.record.size;
    await ledger.update(this.#item, facts);
    // The sooner it is asked for, the likelier it is still that.
    return isOther ? "again" : "later";
  }

  #grown(how: string): Promise<Next> {
    return this.#fail(
      "changed",
      `the ${this.#what} is much larger than when it was agreed to: ${how}`,
      this.#isOffered && this.#item.record.kind === "file" ? "Receive it again to agree to that." : `${this.#again}.`,
    );
  }

  /** This side's disk or store. A full disk waits; everything else needs somebody. */
  async #ownFault(error: CoveyError): Promise<Next> {
    const isSpoilt = this.#incoming?.isSpoilt === true;
    // What is in memory may not be what is on disk: back to the last checkpoint.
    await this.#drop({ save: false });
    if (isOver(this.#item.record.state)) return "over";
    const { code, message, hint } = error;
    if (code === "integrity") {
      // All blocks agree, but not with the blob: which of them is wrong can't be known.
      await this.#startOver();
      return this.#refused(error);
    }
    // What the platform's errors say is for whoever named a path just now.
    const isPlatform = code === "io" || code === "not-found";
    const mended = "When that is mended, receive it again.";
    if (code === "no-space") {
      // What is behind the last checkpoint comes again: until then its room is others'.
      this.#incoming = await this.#open().catch(() => undefined);
      return this.#noRoom(error);
    }
    const next = isPlatform ? mended : (hint ?? mended);
    return isSpoilt ? this.#fail(code, message, next) : this.#failed(code, message, next);
  }

  /** What is here stays, open if it is. */
  async #noRoom({ code, message, hint }: CoveyError): Promise<Next> {
    const problem = { code, message, ...(hint === undefined ? {} : { hint }) };
    if (this.#item.record.problem?.code !== code) await this.#note(problem);
    return { waitMs: LIMITS.noSpaceRetryMs };
  }

  /** Why nothing comes, or that something does again. */
  async #note(problem: OfferRecord["problem"]): Promise<void> {
    await this.#needs.ledger.update(this.#item, { problem });
    await this.#needs.tell(this.#item);
  }

  async #startOver(): Promise<void> {
    await this.#drop({ save: false });
    await discard(this.#needs, this.#item);
  }

  async #fail(code: CoveyError["code"], message: string, hint: string): Promise<Next> {
    await this.#startOver().catch((error: unknown) => {
      this.#needs.log.warn(
        { offer: this.#item.record.id, error: String(error) },
        "what is here of a transfer could not be removed",
      );
    });
    return this.#failed(code, message, hint);
  }

  /** What is here stays, for when it is agreed to again. */
  async #failed(code: CoveyError["code"], message: string, hint: string): Promise<Next> {
    await this.#needs.ledger.update(this.#item, ({ state }) =>
      isOver(state) ? undefined : { state: "failed", problem: { code, message, hint } },
    );
    return "over";
  }

  async #drop(options: { readonly save: boolean }): Promise<void> {
    const incoming = this.#incoming;
    this.#incoming = undefined;
    await incoming?.close(options).catch((error: unknown) => {
      this.#needs.log.warn(
        { offer: this.#item.record.id, error: String(error) },
        "what is here of a transfer did not close well",
      );
    });
  }

  /** Longer each time without progress, and never for all transfers at the same moment. */
  #backOff(): Promise<void> {
    const longest = Math.min(LIMITS.fileRetryMaxMs, LIMITS.fileRetryMs * 2 ** this.#cuts++);
    return sleep(longest * (0.5 + Math.random() / 2), this.#signal);
  }
}

const isTooLarge = ({ size, agreedBytes = Infinity }: OfferRecord): boolean => size > mostBytes(agreedBytes);

const noSpace = (bytes: number): CoveyError =>
  new CoveyError("no-space", `the disk has no room for ${bytes} bytes beside what else is being received`, {
    hint: "Free some space; the transfer then goes on by itself.",
  });
