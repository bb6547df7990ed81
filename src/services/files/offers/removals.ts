// The end of a peer: when the book loses it, what is open between the two ends here, also when this program was not there to see it.
//
//   1. a change of the book, or the start: who is gone
//   2. its policy goes, and what is open with it ends: decisions.ts says how
//   3. a mark: its offers up to here are not looked at any more, should the two be paired again

import { forEachAtOnce, sleep } from "../../../core/async.ts";
import { decodeCbor, encodeCbor } from "../../../core/cbor.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Logger } from "../../../core/log.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { Item, Ledger } from "./ledger.ts";
import type { Policies } from "./policies.ts";

const SERVICE = "files";
const PREFIX = "removed/";

interface RemovalNeeds {
  readonly store: SpaceStore;
  readonly book: Pick<PeerBook, "list" | "byId" | "subscribe">;
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly log: Logger;
}

export class Removals {
  readonly #needs: RemovalNeeds;
  /** The place in the store of the last entry of a removed peer that is not looked at. */
  readonly #marks: Map<PeerId, number>;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #paired: ReadonlySet<PeerId> = new Set();
  #unsubscribe: (() => void) | undefined;

  private constructor(needs: RemovalNeeds, marks: Map<PeerId, number>) {
    this.#needs = needs;
    this.#marks = marks;
  }

  static async load(needs: RemovalNeeds): Promise<Removals> {
    const stored = await needs.store.listLocal(SERVICE, PREFIX);
    const marks = stored.map(({ key, value }): [PeerId, number] => [
      key.slice(PREFIX.length) as PeerId,
      Number(decodeCbor(value, "a mark")),
    ]);
    return new Removals(needs, new Map(marks));
  }

  /** Resolves when those that were removed before are at their end. `end`: what becomes of one item; may be called again for it. */
  async start(end: (item: Item) => Promise<void>): Promise<void> {
    const { store, book, ledger, policies } = this.#needs;
    this.#paired = this.#current();
    this.#unsubscribe = book.subscribe(() => this.#compare(end));
    const known = (await store.spaces()).flatMap(({ peer }) => peer ?? []);
    const gone = new Set([...known, ...policies.peers()].filter((peer) => book.byId(peer) === undefined));
    await Promise.all([...gone].map((peer) => this.#end(peer, ledger.openWith(peer), end)));
  }

  /** Whether an offer of the peer, new here, is one that nobody looks at: from before it was removed, or while it is. */
  async passedOver(peer: PeerId, seq: number): Promise<boolean> {
    if (seq <= (this.#marks.get(peer) ?? 0)) return true;
    if (this.#needs.book.byId(peer) !== undefined) return false;
    await this.#mark(peer, seq);
    return true;
  }

  async close(): Promise<void> {
    this.#unsubscribe?.();
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  /** At once: whoever is paired again a moment later gets nothing back. */
  #compare(end: (item: Item) => Promise<void>): void {
    const before = this.#paired;
    this.#paired = this.#current();
    for (const peer of before) {
      if (this.#paired.has(peer)) continue;
      const work = this.#endSurely(peer, this.#needs.ledger.openWith(peer), end);
      this.#running.add(work);
      void work.finally(() => this.#running.delete(work));
    }
  }

  #current(): ReadonlySet<PeerId> {
    return new Set(this.#needs.book.list().map(({ peerId }) => peerId));
  }

  /** Never rejects; what could not be done by the end of this program is done at the next start. */
  async #endSurely(peer: PeerId, items: readonly Item[], end: (item: Item) => Promise<void>): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        return await this.#end(peer, items, end);
      } catch (error) {
        this.#needs.log.error(
          { peer, error: String(error) },
          "what a removed device had here could not be ended; it is tried again",
        );
        await sleep(LIMITS.noSpaceRetryMs, signal).catch(() => {});
      }
    }
  }

  async #end(peer: PeerId, items: readonly Item[], end: (item: Item) => Promise<void>): Promise<void> {
    const { store, policies } = this.#needs;
    const forgotten = policies.forget(peer);
    const { seq } = await store.now(await store.direct(peer));
    await Promise.all([forgotten, this.#mark(peer, seq), forEachAtOnce(items, LIMITS.offersAtOnce, end)]);
  }

  async #mark(peer: PeerId, seq: number): Promise<void> {
    if (seq <= (this.#marks.get(peer) ?? 0)) return;
    this.#marks.set(peer, seq);
    await this.#needs.store.putLocal(SERVICE, [{ key: PREFIX + peer, value: encodeCbor(seq) }]);
  }
}
