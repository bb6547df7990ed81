// What others keep available for this peer, as their entries say: in memory only, read again at each start.

import { isDeepStrictEqual } from "node:util";

import { untilAborted } from "../../../core/async.ts";
import type { Clock } from "../../../core/clock.ts";
import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import { createListeners } from "../../../core/listeners.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { Version } from "../../../space/contract.ts";
import type { RemoteShare } from "../contract.ts";
import type { ShareValue } from "../offers/wire.ts";
import type { OfferRecord } from "../offers/records.ts";
import { isShareName, parseSharePath } from "./share-path.ts";

interface Known {
  readonly id: string;
  readonly value: ShareValue;
  readonly at: Pick<Version, "clockMs" | "counter">;
}

interface RemoteShareNeeds {
  readonly clock: Clock;
  readonly book: Pick<PeerBook, "byId" | "subscribe">;
}

/** However far away the next expiry is: the clock may be set in between. */
const MAX_WAIT_MS = 60_000;

export class RemoteShares {
  readonly #clock: Clock;
  readonly #book: RemoteShareNeeds["book"];
  readonly #known = new Map<PeerId, Map<string, Known>>();
  readonly #changed = createListeners<PeerId>();

  constructor({ clock, book }: RemoteShareNeeds) {
    this.#clock = clock;
    this.#book = book;
  }

  /** What the peer's entry says now. Throws `protocol` for what can't be listed. */
  see(peer: PeerId, id: string, value: ShareValue, at: Known["at"]): void {
    const shares = this.#known.get(peer) ?? new Map<string, Known>();
    this.#known.set(peer, shares);
    if (!isShareName(value.name)) throw new CoveyError("protocol", "a share has a name that can't be");
    if (shares.size >= LIMITS.sharesPerPeer)
      for (const known of shares.values()) if (this.#isExpired(known)) shares.delete(known.id);
    if (shares.size >= LIMITS.sharesPerPeer) throw new CoveyError("protocol", `there are more than ${shares.size} shares`);
    shares.set(id, { id, value, at });
    this.#changed.emit(peer);
  }

  /** The entry is gone, or says something else now. */
  forget(peer: PeerId, id: string): void {
    if (this.#known.get(peer)?.delete(id) === true) this.#changed.emit(peer);
  }

  /** In the order of names. */
  list(peer: PeerId): readonly RemoteShare[] {
    return [...this.#byName(peer).values()]
      .map(({ value: { name, type, untilMs } }) => ({ peer, name, kind: type, untilMs }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  /** The list now, and whenever it has changed, until the peer is removed. */
  async *watch(peer: PeerId, signal: AbortSignal): AsyncGenerator<readonly RemoteShare[], void> {
    let fresh = Promise.withResolvers<void>();
    let timer: NodeJS.Timeout | undefined;
    const wake = (): void => fresh.resolve();
    const unsubscribe = [this.#changed.add((changed) => changed === peer && wake()), this.#book.subscribe(wake)];
    try {
      for (let shown: readonly RemoteShare[] | undefined; this.#book.byId(peer) !== undefined;) {
        fresh = Promise.withResolvers();
        const shares = this.list(peer);
        if (!isDeepStrictEqual(shares, shown)) yield shares;
        shown = shares;
        const expiryMs = Math.min(...shares.map(({ untilMs = Infinity }) => untilMs)) - this.#clock.nowMs();
        if (expiryMs !== Infinity) timer = setTimeout(wake, Math.min(MAX_WAIT_MS, Math.max(0, expiryMs))).unref();
        await untilAborted(fresh.promise, signal);
        clearTimeout(timer);
      }
    } finally {
      clearTimeout(timer);
      for (const end of unsubscribe) end();
    }
  }

  /** What to ask for. Throws `not-found`. */
  idOf(peer: PeerId, name: string): string {
    const found = this.#byName(peer).get(name);
    if (found !== undefined) return found.id;
    throw new CoveyError("not-found", `the other device shares nothing as ${JSON.stringify(name)} with this one`, {
      hint: "`covey ls NAME:`, or `shares()`, lists what it shares.",
    });
  }

  /** What to ask the peer for, to get what the record is of. Throws `not-found`. */
  sourceOf({ id, peer, sharePath }: OfferRecord): { readonly offer: string; readonly path?: string } {
    if (sharePath === undefined) return { offer: id };
    return { offer: this.idOf(peer, parseSharePath(sharePath).share), path: sharePath };
  }

  /** Of two with one name, the newest. */
  #byName(peer: PeerId): Map<string, Known> {
    const byName = new Map<string, Known>();
    if (this.#book.byId(peer) === undefined) return byName;
    for (const known of this.#known.get(peer)?.values() ?? []) {
      const other = byName.get(known.value.name);
      if (!this.#isExpired(known) && (other === undefined || isNewer(known, other))) byName.set(known.value.name, known);
    }
    return byName;
  }

  #isExpired({ value: { untilMs = Infinity } }: Known): boolean {
    return untilMs <= this.#clock.nowMs();
  }
}

function isNewer(a: Known, b: Known): boolean {
  if (a.at.clockMs !== b.at.clockMs) return a.at.clockMs > b.at.clockMs;
  if (a.at.counter !== b.at.counter) return a.at.counter > b.at.counter;
  return a.id > b.id;
}
