// Whose offers are taken without asking, and whose are refused: local records, which nobody else can write.

import * as v from "valibot";

import { createTurns } from "../../../core/async.ts";
import { decodeCbor, encodeCbor } from "../../../core/cbor.ts";
import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { parse } from "../../../core/parse.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { Policy } from "../contract.ts";

const SERVICE = "files";
const PREFIX = "policy/";

const policySchema = v.variant("offers", [
  v.object({ offers: v.literal("ask") }),
  v.object({ offers: v.literal("take"), into: v.string(), upToBytes: v.optional(v.number()) }),
  v.object({ offers: v.literal("refuse") }),
]);

interface PolicyNeeds {
  readonly store: Pick<SpaceStore, "listLocal" | "putLocal">;
  readonly book: Pick<PeerBook, "byId">;
  /** Where files from one's own devices go. */
  readonly incoming: string;
}

export class Policies {
  readonly #needs: PolicyNeeds;
  readonly #policies = new Map<PeerId, Policy>();
  /** Those with a record. */
  readonly #stored = new Set<PeerId>();
  readonly #inTurn = createTurns();

  private constructor(needs: PolicyNeeds) {
    this.#needs = needs;
  }

  static async load(needs: PolicyNeeds): Promise<Policies> {
    const policies = new Policies(needs);
    for (const { key, value } of await needs.store.listLocal(SERVICE, PREFIX)) {
      const policy = parse(policySchema, decodeCbor(value, "a policy"), "a policy", "internal");
      const peer = key.slice(PREFIX.length) as PeerId;
      policies.#policies.set(peer, policyOf(policy));
      policies.#stored.add(peer);
    }
    return policies;
  }

  /** Nobody said anything: one's own devices' files are taken, everybody else's are asked about. */
  of(peer: PeerId): Policy {
    const { book, incoming } = this.#needs;
    const paired = book.byId(peer);
    const policy = paired === undefined ? undefined : this.#policies.get(peer);
    if (policy !== undefined) return policy;
    return paired?.mine === true ? { offers: "take", into: incoming, upToBytes: undefined } : { offers: "ask" };
  }

  /** Those of whom something was said. */
  peers(): PeerId[] {
    return [...this.#stored];
  }

  /** Rejects with `not-paired`. */
  set(peer: PeerId, policy: Policy): Promise<void> {
    return this.#inTurn(async () => {
      const { store, book } = this.#needs;
      if (book.byId(peer) === undefined) throw new CoveyError("not-paired", "that peer is not paired with this one");
      this.#stored.add(peer);
      await store.putLocal(SERVICE, [{ key: PREFIX + peer, value: encodeCbor(policy) }]);
      this.#policies.set(peer, policy);
    });
  }

  /** What was said of the peer holds no more. */
  forget(peer: PeerId): Promise<void> {
    this.#policies.delete(peer);
    return this.#inTurn(async () => {
      this.#policies.delete(peer);
      if (!this.#stored.has(peer)) return;
      await this.#needs.store.putLocal(SERVICE, [{ key: PREFIX + peer, value: undefined }]);
      this.#stored.delete(peer);
    });
  }
}

const policyOf = (policy: v.InferOutput<typeof policySchema>): Policy =>
  policy.offers === "take" ? { ...policy, upToBytes: policy.upToBytes } : policy;
