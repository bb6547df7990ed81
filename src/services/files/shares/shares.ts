// What this peer keeps available for others: who may read what, and until when.
//
//   1. share: record, then the entry that tells the other side; from the record on, requests are answered
//   2. reach: every request asks here first, before the disk is touched
//   3. the end (removed, expired, the peer gone): from now on no answers, what is being read is cut; then record and entry go
//   4. a crash in between: at the start entries follow the records; after a backup was put back, a removal follows its entry

import { randomBytes } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import { basename, isAbsolute } from "node:path";

import type { TreeRoot } from "../../../blob/tree/contract.ts";
import { assertOutsideHomes } from "../../../blob/tree/covey-home.ts";
import { createTurns } from "../../../core/async.ts";
import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Logger } from "../../../core/log.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { pathOf } from "../../../space/path.ts";
import type { Share } from "../contract.ts";
import { encodeOffer, MAX_TIME_MS } from "../offers/wire.ts";
import { checkShareName } from "./share-path.ts";
import { loadShares, removeShare, saveShare, type ShareRecord } from "./share-records.ts";

interface ShareNeeds {
  readonly store: SpaceStore;
  readonly book: Pick<PeerBook, "byId" | "subscribe">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a peer may read under the id that it asks with. */
interface Reach {
  readonly roots: readonly TreeRoot[];
  /** Aborts when it may not any more. */
  readonly signal: AbortSignal;
}

interface Held {
  record: ShareRecord;
  readonly end: AbortController;
}

/** However far away the next expiry is: the clock may be set in between, and a timer has at most 2^31 ms. */
const MAX_WAIT_MS = 60_000;

export class Shares {
  readonly #needs: ShareNeeds;
  readonly #held = new Map<string, Held>();
  /** Over, but record or entry may still be there. */
  readonly #ending = new Map<string, PeerId>();
  /** Our entries, as they were found at the start. */
  #told: Map<string, Uint8Array> | undefined = new Map();
  readonly #inTurn = createTurns();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(needs: ShareNeeds) {
    this.#needs = needs;
    this.#unsubscribe = needs.book.subscribe(() => this.#endThoseThatAreOver());
  }

  static async load(needs: ShareNeeds): Promise<Shares> {
    const shares = new Shares(needs);
    for (const record of await loadShares(needs.store)) shares.#held.set(record.id, { record, end: new AbortController() });
    return shares;
  }

  /** Once our entries have been seen: those that are missing are written, and what ended meanwhile ends. */
  async start(): Promise<void> {
    this.#endThoseThatAreOver();
    await this.#inTurn(async () => {
      for (const { record } of this.#held.values()) {
        const entry = this.#told?.get(record.id);
        if (entry === undefined || !encodeEntry(record).equals(entry)) await this.#tell(record);
      }
      this.#told = undefined;
    });
  }

  async share(
    peer: PeerId,
    path: string,
    { name, forMs }: { readonly name?: string; readonly forMs?: number } = {},
  ): Promise<Share> {
    const source = await sourceOf(path);
    const called = checkShareName(name ?? basename(path));
    return this.#inTurn(async () => {
      const { store, book, clock } = this.#needs;
      if (book.byId(peer) === undefined) throw notPaired();
      const untilMs = untilOf(clock, forMs);
      const mine = this.#of(peer);
      const same = mine.find(({ record }) => record.name === called);
      if (same !== undefined && same.record.path !== source.path) throw taken(called, same.record.path);
      if (same === undefined && mine.length >= LIMITS.sharesPerPeer)
        throw new CoveyError("limit", `${mine.length} things are shared with this peer already`, {
          hint: "Share the directory that they are in, or end some of them.",
        });

      const { id, sharedAtMs } = same?.record ?? { id: randomBytes(16).toString("hex"), sharedAtMs: clock.nowMs() };
      const record = { id, peer, name: called, ...source, sharedAtMs, ...(untilMs === undefined ? {} : { untilMs }) };
      await saveShare(store, record);
      if (same === undefined) this.#held.set(id, { record, end: new AbortController() });
      else same.record = record;
      if (book.byId(peer) === undefined) {
        this.#endThoseThatAreOver();
        throw notPaired();
      }
      this.#setTimer();
      await this.#tell(record);
      return shareOf(record);
    });
  }

  async unshare(peer: PeerId, name: string): Promise<void> {
    const held = this.#of(peer).find(({ record }) => record.name === name);
    if (held === undefined)
      throw new CoveyError("not-found", "nothing is shared with that peer under this name", {
        hint: "`covey share ls`, or `shares()`, lists what is.",
      });
    this.#stop(held);
    await this.#removeEnded();
  }

  list(peer?: PeerId): readonly Share[] {
    return [...this.#held.values()]
      .filter(({ record }) => (peer === undefined || record.peer === peer) && !this.#isOver(record))
      .map(({ record }) => shareOf(record));
  }

  /** undefined: there is no such share, or not for this peer, or not any more. */
  reach(peer: PeerId, id: string): Reach | undefined {
    const held = this.#held.get(id);
    if (held === undefined || held.record.peer !== peer || this.#isOver(held.record)) return undefined;
    const { name, path } = held.record;
    return { roots: [{ name, path }], signal: held.end.signal };
  }

  /**
   * An entry of a share by this peer: one without a record is of a share that ended, and goes. A removed one of which there is a record
   * tells that it ended after the backup from which that record came.
   */
  async seeOwn(peer: PeerId, id: string, entry: Uint8Array | undefined): Promise<void> {
    const held = this.#held.get(id);
    if (entry === undefined) {
      if (held === undefined) return;
      this.#stop(held);
      return this.#removeEnded();
    }
    this.#told?.set(id, entry);
    if (held === undefined) await this.#untell(peer, id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    await this.#inTurn(async () => {});
    for (const { end } of this.#held.values()) end.abort(new CoveyError("closed", "this peer stops"));
  }

  #of(peer: PeerId): Held[] {
    return [...this.#held.values()].filter(({ record }) => record.peer === peer && !this.#isOver(record));
  }

  #isOver({ peer, untilMs = Infinity }: ShareRecord): boolean {
    return untilMs <= this.#needs.clock.nowMs() || this.#needs.book.byId(peer) === undefined;
  }

  #endThoseThatAreOver(): void {
    for (const held of this.#held.values()) if (this.#isOver(held.record)) this.#stop(held);
    this.#setTimer();
    if (this.#ending.size === 0) return;
    this.#removeEnded().catch((error: unknown) => {
      this.#needs.log.error({ error: String(error) }, "a share that ended could not be removed; it is tried again");
    });
  }

  #stop({ record: { id, peer }, end }: Held): void {
    this.#held.delete(id);
    this.#ending.set(id, peer);
    end.abort(new CoveyError("refused", "it is not shared any more"));
    this.#setTimer();
  }

  /** The record first: without one, the entry goes at the next start. */
  #removeEnded(): Promise<void> {
    return this.#inTurn(async () => {
      for (const [id, peer] of [...this.#ending]) {
        await removeShare(this.#needs.store, id);
        await this.#untell(peer, id);
        this.#ending.delete(id);
      }
    });
  }

  async #tell(record: ShareRecord): Promise<void> {
    const { store } = this.#needs;
    await store.write(await store.direct(record.peer), [{ path: pathOf("offers", record.id), value: encodeEntry(record) }]);
  }

  async #untell(peer: PeerId, id: string): Promise<void> {
    const { store } = this.#needs;
    await store.write(await store.direct(peer), [{ path: pathOf("offers", id), value: undefined }]);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const next = Math.min(...[...this.#held.values()].map(({ record }) => record.untilMs ?? Infinity));
    if (this.#closed || (next === Infinity && this.#ending.size === 0)) return;
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, next - this.#needs.clock.nowMs()) + 5);
    this.#timer = setTimeout(() => this.#endThoseThatAreOver(), waitMs).unref();
  }
}

const shareOf = ({ peer, name, path, sharedAtMs, untilMs }: ShareRecord): Share => ({ peer, name, path, sharedAtMs, untilMs });

const encodeEntry = ({ name, type, untilMs }: ShareRecord): Buffer => encodeOffer({ v: 1, kind: "share", name, type, untilMs });

/** The file or directory behind any links in the path. */
async function sourceOf(path: string): Promise<Pick<ShareRecord, "path" | "type">> {
  if (!isAbsolute(path)) throw new CoveyError("bad-argument", `${JSON.stringify(path)} is not an absolute path`);
  try {
    const resolved = await realpath(path);
    await assertOutsideHomes(resolved);
    const found = await stat(resolved);
    if (found.isDirectory()) return { path: resolved, type: "directory" };
    if (found.isFile()) return { path: resolved, type: "file" };
  } catch (error) {
    throw fromPlatform(error, `share ${JSON.stringify(path)}`);
  }
  throw new CoveyError("bad-argument", `${JSON.stringify(path)} is neither a file nor a directory`, {
    hint: "Name a file or a directory; pipes and devices can't be shared.",
  });
}

function untilOf(clock: Clock, forMs: number | undefined): number | undefined {
  if (forMs === undefined) return undefined;
  const untilMs = clock.nowMs() + forMs;
  if (Number.isSafeInteger(forMs) && forMs > 0 && untilMs <= MAX_TIME_MS) return untilMs;
  throw new CoveyError("bad-argument", `${forMs} ms is no time to share something for`, {
    hint: "Leave it away to share it until you end that.",
  });
}

const notPaired = (): CoveyError => new CoveyError("not-paired", "that peer is not paired with this one");

const taken = (name: string, path: string): CoveyError =>
  new CoveyError("conflict", `${JSON.stringify(name)} is ${JSON.stringify(path)} for that peer`, {
    hint: "Give this one another name (`--as`, `name`), or end the other one: `covey share rm NAME:SHARE`, `unshare()`.",
  });
