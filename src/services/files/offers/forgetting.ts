// Offers that ended are listed for long, not for ever: beyond the newest of each peer, they go. What was offered goes from its space first,
// so that it can't come back from there.

import type { PeerId } from "../../../core/ids.ts";
import type { Logger } from "../../../core/log.ts";
import type { Ledger } from "./ledger.ts";
import type { OfferEntries } from "./offer-entries.ts";

interface ForgettingNeeds {
  readonly ledger: Ledger;
  readonly entries: Pick<OfferEntries, "remove">;
  readonly log: Logger;
}

export class Forgetting {
  readonly #needs: ForgettingNeeds;
  readonly #running = new Map<PeerId, Promise<void>>();
  #unsubscribe: (() => void) | undefined;

  constructor(needs: ForgettingNeeds) {
    this.#needs = needs;
  }

  start(): void {
    const { ledger } = this.#needs;
    this.#unsubscribe = ledger.changed.add(({ record }) => this.#look(record.peer));
    for (const peer of new Set(ledger.all().map(({ record }) => record.peer))) this.#look(peer);
  }

  async close(): Promise<void> {
    this.#unsubscribe?.();
    await Promise.all(this.#running.values());
  }

  #look(peer: PeerId): void {
    if (this.#running.has(peer) || this.#needs.ledger.tooOld(peer).length === 0) return;
    const work = this.#forget(peer)
      .catch((error: unknown) => this.#needs.log.warn({ peer, error: String(error) }, "offers that ended could not be forgotten"))
      .finally(() => this.#running.delete(peer));
    this.#running.set(peer, work);
  }

  async #forget(peer: PeerId): Promise<void> {
    const { ledger, entries } = this.#needs;
    for (let old; (old = ledger.tooOld(peer)).length > 0;) {
      const ours = old.filter(({ record }) => record.direction === "out" && record.state !== "withdrawn");
      await entries.remove(
        peer,
        ours.map(({ record }) => record.id),
      );
      await ledger.forget(old);
    }
  }
}
