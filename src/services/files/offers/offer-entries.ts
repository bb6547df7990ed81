// Offers and decisions as entries in the direct spaces: ours are written from the ledger, the other side's change the ledger.
//
//   1. follow each direct space from its beginning, then as it changes; removals included
//   2. offers/<id> by the other peer: a new offer, a renewed one, or one that was taken back
//   3. offers/<id>/<peer> by the other peer: what it decided about ours
//   4. those of shares, theirs and ours, are for shares/
//   5. ours that are missing there, after a crash between the ledger and the space, are written again
//
// An offer that is over may be forgotten here while its entry is still there: our decision below it says that it is not new.

import { forEachAtOnce } from "../../../core/async.ts";
import { CoveyError } from "../../../core/errors.ts";
import type { PeerId, SpaceId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Logger } from "../../../core/log.ts";
import { componentsOf, pathKey, pathOf } from "../../../space/path.ts";
import type { Cursor, PathState, SpaceStore, Version } from "../../../space/contract.ts";
import type { RemoteShares } from "../shares/remote-shares.ts";
import type { Shares } from "../shares/shares.ts";
import { isOver, type Item, type Ledger } from "./ledger.ts";
import type { Removals } from "./removals.ts";
import { answerOf, entryOf, factsOf, renewalOf } from "./values.ts";
import { parseDecision, parseOffer, type OfferValue, type ShareValue } from "./wire.ts";

interface EntryNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly shares: Pick<Shares, "seeOwn">;
  readonly remoteShares: Pick<RemoteShares, "see" | "forget">;
  readonly removals: Pick<Removals, "passedOver">;
  readonly log: Logger;
  /** An offer to this peer is on record, or says something else than it did. */
  onOffer(item: Item): Promise<void>;
  /** The sender took it back. */
  onWithdrawn(item: Item): Promise<void>;
  /** The receiver decided, or is done. */
  onDecision(item: Item): Promise<void>;
}

const PREFIX = pathOf("offers");
const OFFER_ID = /^[0-9a-f]{32}$/;

/** What is read together, by path: an offer and our decision on it are near each other. */
type Page = ReadonlyMap<string, PathState>;

interface Followed {
  readonly space: SpaceId;
  readonly peer: PeerId;
  cursor: Cursor | undefined;
  /** Offers that are being looked at. */
  adding: number;
  dirty: boolean;
  /** Before the first offer that there was no room for. */
  missed: Cursor | undefined;
  running: Promise<void> | undefined;
}

export class OfferEntries {
  readonly #needs: EntryNeeds;
  readonly #followed = new Map<SpaceId, Followed>();
  /** Those that have missed something. */
  readonly #behind = new Map<PeerId, Followed>();
  /** Our entries as they are in their spaces, by offer; for the start only. */
  #told: Map<string, Uint8Array | undefined> | undefined = new Map();
  readonly #unsubscribe: (() => void)[] = [];
  #closed = false;

  constructor(needs: EntryNeeds) {
    this.#needs = needs;
  }

  /** Resolves when everything that is in the spaces now has been seen. */
  async start(): Promise<void> {
    const { store, ledger } = this.#needs;
    this.#unsubscribe.push(
      store.subscribe((space) => void this.#follow(space)),
      ledger.changed.add(({ record }) => this.#lookAgain(record.peer)),
    );
    await this.#findSpaces();
    await Promise.all([...this.#followed.keys()].map((space) => this.#follow(space)));
    const told = this.#told!;
    this.#told = undefined;
    for (const item of ledger.all()) if (!isTold(told, item)) await this.write(item);
  }

  /** Writes the entry that follows from the record as it is when it can be written: of two calls at once, the later has the last word. */
  async write(item: Item): Promise<void> {
    const { store } = this.#needs;
    const space = await store.direct(item.record.peer);
    const entry = entryOf(item.record);
    if (entry === undefined) return;
    const { id } = item.record;
    const path = entry.at === "offer" ? pathOf("offers", id) : pathOf("offers", id, store.author);
    await store.write(space, [{ path, value: entry.value }]);
  }

  /** Our offers to the peer that nobody should see any more. */
  async remove(peer: PeerId, offers: readonly string[]): Promise<void> {
    const { store } = this.#needs;
    const removals = offers.map((id) => ({ path: pathOf("offers", id), value: undefined }));
    if (removals.length > 0) await store.write(await store.direct(peer), removals);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const end of this.#unsubscribe) end();
    await Promise.all([...this.#followed.values()].map(async ({ running }) => running));
  }

  /** There may be room for what was missed. */
  #lookAgain(peer: PeerId): void {
    const followed = this.#behind.get(peer);
    if (followed !== undefined && this.#needs.ledger.roomFor(peer) > 0) void this.#follow(followed.space);
  }

  async #findSpaces(): Promise<void> {
    for (const { space, peer } of await this.#needs.store.spaces()) {
      if (peer === undefined || this.#followed.has(space)) continue;
      this.#followed.set(space, {
        space,
        peer,
        adding: 0,
        dirty: false,
        cursor: undefined,
        missed: undefined,
        running: undefined,
      });
    }
  }

  /** Reads on from the cursor until nothing is new; what changes meanwhile is read in the same run. */
  async #follow(space: SpaceId): Promise<void> {
    if (!this.#followed.has(space)) await this.#findSpaces();
    const followed = this.#followed.get(space);
    if (followed === undefined || this.#closed) return;
    followed.dirty = true;
    followed.running ??= this.#run(followed)
      .catch((error: unknown) => this.#needs.log.error({ error: String(error) }, "offers could not be read"))
      .finally(() => (followed.running = undefined));
    await followed.running;
  }

  async #run(followed: Followed): Promise<void> {
    const { store } = this.#needs;
    while (followed.dirty && !this.#closed) {
      followed.dirty = false;
      for (let more = true; more && !this.#closed;) {
        const page = await store.changes(followed.space, PREFIX, followed.cursor);
        await this.#seeAll(followed, page.changes);
        followed.cursor = page.cursor;
        more = page.more;
      }
      await this.#catchUp(followed);
    }
  }

  /** What was missed, as far as there is room now: each entry is read once, however often there is room for one more. */
  async #catchUp(followed: Followed): Promise<void> {
    const { store, ledger } = this.#needs;
    for (let from; (from = followed.missed) !== undefined && !this.#closed;) {
      const room = ledger.roomFor(followed.peer);
      if (room <= 0) return;
      followed.missed = undefined;
      this.#behind.delete(followed.peer);
      const page = await store.changes(followed.space, PREFIX, from, Math.min(room, LIMITS.listPaths));
      await this.#seeAll(followed, page.changes);
      if (page.more) this.#miss(followed, page.cursor);
    }
  }

  #miss(followed: Followed, before: Cursor): void {
    if (followed.missed !== undefined && followed.missed.seq <= before.seq) return;
    followed.missed = before;
    this.#behind.set(followed.peer, followed);
  }

  /** A peer can write nonsense without end: that is one line in the log for each page. */
  async #seeAll(followed: Followed, changes: readonly PathState[]): Promise<void> {
    const nonsense: CoveyError[] = [];
    const page: Page = new Map(changes.map((change) => [pathKey(change.path), change]));
    await forEachAtOnce(changes, LIMITS.offersAtOnce, async (change) => {
      try {
        await this.#see(followed, change, page);
      } catch (error) {
        // The peer was removed this moment.
        if (error instanceof CoveyError && error.code === "not-paired") return;
        if (!(error instanceof CoveyError) || error.code !== "protocol") throw error;
        nonsense.push(error);
      }
    });
    if (nonsense.length === 0) return;
    const facts = { peer: followed.peer, count: nonsense.length, first: nonsense[0]!.message };
    this.#needs.log.warn(facts, "offers that make no sense were left alone");
  }

  async #see(followed: Followed, { path, versions }: PathState, page: Page): Promise<void> {
    const [, id, whose, ...more] = componentsOf(path);
    if (id === undefined || !OFFER_ID.test(id) || more.length > 0) return;
    const { ledger, store } = this.#needs;
    const { author } = store;
    const theirs = versions.find((version) => version.author === followed.peer);
    const ours = versions.find((version) => version.author === author);
    // Of what was forgotten, or is a share, nothing is written again.
    if (ours !== undefined && ledger.get(id) !== undefined) this.#told?.set(whose === undefined ? id : `${id}/`, ours.value);
    if (whose === undefined) {
      if (ours !== undefined && (ours.value === undefined || isShare(ours.value)))
        await this.#needs.shares.seeOwn(followed.peer, id, ours.value);
      if (theirs !== undefined) await this.#seeOffer(followed, id, theirs, page);
    } else if (whose === followed.peer && theirs?.value !== undefined) {
      await this.#seeDecision(followed.peer, id, theirs.value);
    }
  }

  async #seeOffer(followed: Followed, id: string, version: Version, page: Page): Promise<void> {
    const { ledger, remoteShares, onOffer, onWithdrawn } = this.#needs;
    const { peer } = followed;
    const { value, clockMs, counter, seq } = version;
    const item = ledger.get(id);
    if (item !== undefined && (item.record.direction === "out" || item.record.peer !== peer)) return;
    if (item?.record.sharePath !== undefined) return;
    remoteShares.forget(peer, id);
    const offer = value === undefined ? undefined : parseOffer(value);
    if (offer?.kind === "share") return remoteShares.see(peer, id, offer, { clockMs, counter });
    if (offer === undefined) {
      if (item !== undefined && !isOver(item.record.state)) await onWithdrawn(item);
      return;
    }
    if (item !== undefined) {
      const facts = factsOf(offer);
      if (await ledger.update(item, (record) => renewalOf(record, facts))) await onOffer(item);
    } else if (ledger.roomFor(peer) - followed.adding <= 0) {
      this.#miss(followed, { store: this.#needs.store.storeId(), seq: seq - 1 });
    } else {
      followed.adding++;
      const added = await this.#add(followed, id, offer, version, page).finally(() => followed.adding--);
      if (added === undefined) return;
      await onOffer(added);
      ledger.announce(added);
    }
  }

  /** A new offer goes on record; undefined when it is not new, or not to be looked at. */
  async #add(
    { space, peer }: Followed,
    id: string,
    offer: Exclude<OfferValue, ShareValue>,
    { clockMs, seq }: Version,
    page: Page,
  ): Promise<Item | undefined> {
    const { ledger, removals } = this.#needs;
    if ((await removals.passedOver(peer, seq)) || (await this.#isDecided(space, id, offer.round, page))) return undefined;
    return ledger.add({ id, peer, direction: "in", ...factsOf(offer), offeredAtMs: clockMs, state: "waiting" });
  }

  /** Whether it was decided here, and forgotten since. */
  async #isDecided(space: SpaceId, id: string, round: number, page: Page): Promise<boolean> {
    const { store } = this.#needs;
    const path = pathOf("offers", id, store.author);
    const found = page.get(pathKey(path)) ?? (await store.get(space, path));
    const ours = found?.versions.find(({ author }) => author === store.author)?.value;
    if (ours === undefined) return false;
    const decision = parseDecision(ours);
    return decision.state !== "accepted" && (decision.state !== "failed" || round <= decision.round);
  }

  async #seeDecision(peer: PeerId, id: string, value: Uint8Array): Promise<void> {
    const { ledger, onDecision } = this.#needs;
    const item = ledger.get(id);
    if (item?.record.direction !== "out" || item.record.peer !== peer) return;
    const decision = parseDecision(value);
    if (await ledger.update(item, (record) => answerOf(record, decision))) await onDecision(item);
  }
}

/** Whether the entry that follows from the record is in its space. */
function isTold(told: ReadonlyMap<string, Uint8Array | undefined>, { record }: Item): boolean {
  const entry = entryOf(record);
  if (entry === undefined) return true;
  const key = entry.at === "offer" ? record.id : `${record.id}/`;
  const found = told.get(key);
  return entry.value === undefined ? told.has(key) && found === undefined : found !== undefined && entry.value.equals(found);
}

function isShare(value: Uint8Array): boolean {
  try {
    return parseOffer(value).kind === "share";
  } catch {
    // Of a later version of this program.
    return false;
  }
}
