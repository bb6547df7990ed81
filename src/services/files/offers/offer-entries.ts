// Offers and decisions as entries in the direct spaces: ours are written from the ledger, the other side's change the ledger.
//
//   1. follow each direct space from its beginning, then as it changes; removals included
//   2. offers/<id> by the other peer: a new offer, a renewed one, or one that was taken back
//   3. offers/<id>/<peer> by the other peer: what it decided about ours
//   4. those of shares, theirs and ours, are for shares/
//   5. ours that are missing there, after a crash between the ledger and the space, are written again

import { isDeepStrictEqual } from "node:util";

import { CoveyError, isErrorCode, type ErrorCode } from "../../../core/errors.ts";
import type { PeerId, SpaceId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Logger } from "../../../core/log.ts";
import { componentsOf, pathOf } from "../../../space/path.ts";
import type { Cursor, PathState, SpaceStore, Version } from "../../../space/contract.ts";
import type { RemoteShares } from "../shares/remote-shares.ts";
import type { Shares } from "../shares/shares.ts";
import { isOver, type Item, type Ledger } from "./ledger.ts";
import {
  encodeDecision,
  encodeOffer,
  parseDecision,
  parseOffer,
  type DecisionValue,
  type OfferValue,
  type ShareValue,
} from "./wire.ts";
import type { OfferRecord } from "./records.ts";

interface EntryNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly shares: Pick<Shares, "seeOwn">;
  readonly remoteShares: Pick<RemoteShares, "see" | "forget">;
  readonly log: Logger;
  /** A new offer to this peer is on record. */
  onOffer(item: Item): Promise<void>;
  /** The sender took it back. */
  onWithdrawn(item: Item): Promise<void>;
  /** The receiver decided, or is done. */
  onDecision(item: Item): Promise<void>;
}

const PREFIX = pathOf("offers");
const OFFER_ID = /^[0-9a-f]{32}$/;

interface Followed {
  readonly peer: PeerId;
  cursor: Cursor | undefined;
  dirty: boolean;
  /** More offers waited than there is room for. */
  overflow: boolean;
  /** From the beginning, that is. */
  again: boolean;
  running: Promise<void> | undefined;
}

export class OfferEntries {
  readonly #needs: EntryNeeds;
  readonly #followed = new Map<SpaceId, Followed>();
  /** Our entries that are in their spaces, as `entryKey` names them; for the start only. */
  readonly #written = new Set<string>();
  #end: (() => void) | undefined;
  #closed = false;

  constructor(needs: EntryNeeds) {
    this.#needs = needs;
  }

  /** Resolves when everything that is in the spaces now has been seen. */
  async start(): Promise<void> {
    this.#end = this.#needs.store.subscribe((space) => void this.#follow(space));
    await this.#findSpaces();
    await Promise.all([...this.#followed.keys()].map((space) => this.#follow(space)));
    for (const item of this.#needs.ledger.all()) {
      const key = entryKey(item.record);
      if (key !== undefined && !this.#written.has(key)) await this.write(item);
    }
    this.#written.clear();
  }

  /** Writes the entry that follows from the record as it is when it can be written: of two calls at once, the later has the last word. */
  async write(item: Item): Promise<void> {
    const { store } = this.#needs;
    const space = await store.direct(item.record.peer);
    const { record } = item;
    if (record.direction === "out") {
      const value = record.state === "withdrawn" ? undefined : offerValueOf(record);
      await store.write(space, [{ path: pathOf("offers", record.id), value }]);
      return;
    }
    const decision = decisionOf(record);
    if (decision === undefined) return;
    await store.write(space, [{ path: pathOf("offers", record.id, store.author), value: encodeDecision(decision) }]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end?.();
    await Promise.all([...this.#followed.values()].map(async ({ running }) => running));
  }

  /** Looks again at everything that is in the space: offers that there was no room for, say. */
  lookAgain(peer: PeerId): void {
    for (const [space, followed] of this.#followed) {
      if (followed.peer !== peer || !followed.overflow) continue;
      followed.overflow = false;
      followed.again = true;
      void this.#follow(space);
    }
  }

  async #findSpaces(): Promise<void> {
    for (const { space, peer } of await this.#needs.store.spaces()) {
      if (peer === undefined || this.#followed.has(space)) continue;
      this.#followed.set(space, { peer, cursor: undefined, dirty: false, overflow: false, again: false, running: undefined });
    }
  }

  /** Reads on from the cursor until nothing is new; what changes meanwhile is read in the same run. */
  async #follow(space: SpaceId): Promise<void> {
    if (!this.#followed.has(space)) await this.#findSpaces();
    const followed = this.#followed.get(space);
    if (followed === undefined || this.#closed) return;
    followed.dirty = true;
    followed.running ??= this.#run(space, followed)
      .catch((error: unknown) => this.#needs.log.error({ error: String(error) }, "offers could not be read"))
      .finally(() => (followed.running = undefined));
    await followed.running;
  }

  async #run(space: SpaceId, followed: Followed): Promise<void> {
    while (followed.dirty && !this.#closed) {
      followed.dirty = false;
      if (followed.again) followed.cursor = undefined;
      followed.again = false;
      for (let more = true; more && !this.#closed;) {
        const page = await this.#needs.store.changes(space, PREFIX, followed.cursor);
        await this.#seeAll(followed, page.changes);
        followed.cursor = page.cursor;
        more = page.more;
      }
    }
  }

  /** A peer can write nonsense without end: that is one line in the log for each page. */
  async #seeAll(followed: Followed, changes: readonly PathState[]): Promise<void> {
    const nonsense: CoveyError[] = [];
    for (const change of changes) {
      try {
        await this.#see(followed, change);
      } catch (error) {
        if (!(error instanceof CoveyError) || error.code !== "protocol") throw error;
        nonsense.push(error);
      }
    }
    if (nonsense.length === 0) return;
    const facts = { peer: followed.peer, count: nonsense.length, first: nonsense[0]!.message };
    this.#needs.log.warn(facts, "offers that make no sense were left alone");
  }

  async #see(followed: Followed, { path, versions }: PathState): Promise<void> {
    const [, id, whose, ...more] = componentsOf(path);
    if (id === undefined || !OFFER_ID.test(id) || more.length > 0) return;
    const { author } = this.#needs.store;
    const theirs = versions.find((version) => version.author === followed.peer);
    const ours = versions.find((version) => version.author === author);
    if (whose === undefined) {
      if (ours !== undefined) this.#written.add(ours.value === undefined ? `${id} withdrawn` : id);
      if (ours?.value !== undefined && isShare(ours.value)) await this.#needs.shares.seeOwn(followed.peer, id, ours.value);
      if (theirs !== undefined) await this.#seeOffer(followed, id, theirs);
    } else if (whose === author) {
      if (ours?.value !== undefined) this.#written.add(`${id} ${parseDecision(ours.value).state}`);
    } else if (whose === followed.peer && theirs?.value !== undefined) {
      await this.#seeDecision(followed.peer, id, parseDecision(theirs.value));
    }
  }

  async #seeOffer(followed: Followed, id: string, { value, clockMs, counter }: Version): Promise<void> {
    const { ledger, remoteShares, onOffer, onWithdrawn } = this.#needs;
    const item = ledger.get(id);
    if (item !== undefined && (item.record.direction === "out" || item.record.peer !== followed.peer)) return;
    if (item?.record.sharePath !== undefined) return;
    remoteShares.forget(followed.peer, id);
    const offer = value === undefined ? undefined : parseOffer(value);
    if (offer?.kind === "share") return remoteShares.see(followed.peer, id, offer, { clockMs, counter });
    if (offer === undefined) {
      if (item !== undefined && !isOver(item.record.state)) await onWithdrawn(item);
      return;
    }
    const facts = factsOf(offer);
    if (item !== undefined) {
      if (isOver(item.record.state) || item.record.kind !== facts.kind || includes(item.record, facts)) return;
      // The source changed before it was fetched. What was agreed to was the thing, so a transfer goes on with the new state of it.
      await ledger.update(item, facts);
    } else if (ledger.waitingFrom(followed.peer) >= LIMITS.offersWaiting) {
      followed.overflow = true;
    } else {
      const { peer } = followed;
      const added = await ledger.add({ id, peer, direction: "in", ...facts, offeredAtMs: clockMs, state: "waiting" });
      await onOffer(added);
      ledger.announce(added);
    }
  }

  async #seeDecision(peer: PeerId, id: string, decision: DecisionValue): Promise<void> {
    const { ledger, onDecision } = this.#needs;
    const item = ledger.get(id);
    if (item?.record.direction !== "out" || item.record.peer !== peer) return;
    const { state, problem, notes } = decision;
    const changed = await ledger.update(item, (record) => {
      if (isOver(record.state) || record.state === state) return undefined;
      return {
        state,
        problem: problem === undefined ? undefined : { code: codeOf(problem.code), message: problem.message },
        // The receiver counted everything: what this side noted when it made the offer, and what came to it later.
        ...(state === "done" && notes !== undefined ? { notes: { first: record.notes?.first ?? [], count: notes } } : {}),
      };
    });
    if (changed) await onDecision(item);
  }
}

function isShare(value: Uint8Array): boolean {
  try {
    return parseOffer(value).kind === "share";
  } catch {
    // Of a later version of this program.
    return false;
  }
}

/** What an offer says of the thing, as it is in the record. */
function factsOf(
  offer: Exclude<OfferValue, ShareValue>,
): Pick<OfferRecord, "kind" | "name" | "size" | "mtimeMs"> & Partial<OfferRecord> {
  if (offer.kind === "tree") {
    const { kind, files, size, roots, rootCount } = offer;
    return { kind, name: roots[0]!.name, files, size, mtimeMs: 0, roots, rootCount };
  }
  const { kind, name, size, mtimeMs, executable } = offer;
  return { kind, name, size, mtimeMs, executable };
}

const includes = (record: OfferRecord, facts: Partial<OfferRecord>): boolean =>
  isDeepStrictEqual({ ...record, ...facts }, record);

function offerValueOf({ kind, name, size, mtimeMs, executable, files, roots, rootCount, paused }: OfferRecord): Buffer {
  if (kind === "tree") return encodeOffer({ v: 1, kind, files, size, roots: roots ?? [], rootCount, paused });
  return encodeOffer({ v: 1, kind, name, size, mtimeMs, executable, paused });
}

/** Nobody is told of what was asked for in a share. */
function decisionOf({ kind, state, sharePath, blob, notes, problem }: OfferRecord): DecisionValue | undefined {
  if (sharePath !== undefined || state === "waiting" || state === "withdrawn") return undefined;
  return {
    v: 1,
    state,
    paused: false,
    ...(state === "done" && blob !== undefined ? { blob } : {}),
    ...(state === "done" && kind === "tree" ? { notes: notes?.count ?? 0 } : {}),
    ...(state === "failed" && problem !== undefined
      ? { problem: { code: problem.code, message: problem.message.slice(0, 500) } }
      : {}),
  };
}

/** What `#written` holds once the entry that follows from the record is in its space; undefined when none does. */
function entryKey({ id, direction, state, sharePath }: OfferRecord): string | undefined {
  if (sharePath !== undefined) return undefined;
  if (direction === "out") return state === "withdrawn" ? `${id} withdrawn` : id;
  return state === "waiting" || state === "withdrawn" ? undefined : `${id} ${state}`;
}

const codeOf = (code: string): ErrorCode => (isErrorCode(code) ? code : "internal");
