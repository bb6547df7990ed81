// The tickets of this device that can still be redeemed. In memory only.
//
//   open      nobody has shown that it knows the secret
//   owned     the first peer that did: it alone may try again, until the ticket ends
//   paired    its owner is in the book; kept so that the owner can ask again, and so that somebody else with the ticket is noticed
//
// A ticket ends by its expiry, by `withdraw`, or by LIMITS.ticketGuesses wrong proofs; then nothing of it is left.

import { toHex } from "../../core/bytes.ts";
import type { Clock } from "../../core/clock.ts";
import { CoveyError } from "../../core/errors.ts";
import type { PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { PairedPeer } from "../../identity/contract.ts";
import { ticketId } from "./ticket.ts";

/** What the user chose for the peer that will come. */
export interface Choice {
  readonly as: string | undefined;
  readonly mine: boolean | undefined;
}

interface Invitation {
  readonly secret: Buffer;
  readonly choice: Choice;
  readonly expiresAtMs: number;
  readonly outcome: PromiseWithResolvers<PairedPeer>;
  /** Whether its time is over: by the wall, or, should that be set back, by the time that passed. */
  readonly isExpired: () => boolean;
  readonly timer: NodeJS.Timeout;
  state: { readonly is: "open" } | { readonly is: "owned" | "paired"; readonly by: PeerId };
  wrongProofs: number;
  /** Redemptions under way: a ticket does not expire amid one. */
  running: number;
}

/** What becomes of a ticket that its user should hear of. */
export interface Watcher {
  /** Somebody else holds the whole ticket that `owner` has used. */
  readonly usedTwice: (id: string, owner: PeerId, other: PeerId) => void;
  /** Too many wrong proofs: the ticket is void. */
  readonly guessedAt: (id: string, by: PeerId) => void;
}

export class Invitations {
  readonly #all = new Map<string, Invitation>();
  readonly #clock: Clock;
  readonly #watcher: Watcher;

  constructor(clock: Clock, watcher: Watcher) {
    this.#clock = clock;
    this.#watcher = watcher;
  }

  /** How many a peer could still come with, used ones too. */
  get size(): number {
    this.#endExpired();
    return this.#all.size;
  }

  /** Throws `limit`. */
  add(secret: Buffer, ttlMs: number, choice: Choice): { readonly id: string; readonly expiresAtMs: number } {
    this.#makeRoom();
    const id = toHex(ticketId(secret));
    const expiresAtMs = this.#clock.nowMs() + ttlMs;
    const lastsUntilMs = this.#clock.monotonicMs() + ttlMs;
    const isExpired = (): boolean => this.#clock.nowMs() >= expiresAtMs || this.#clock.monotonicMs() >= lastsUntilMs;
    // Slightly late: a timer may fire a millisecond before its time.
    const timer = setTimeout(() => this.#endExpired(), ttlMs + 5).unref();
    const outcome = Promise.withResolvers<PairedPeer>();
    outcome.promise.catch(() => undefined);
    const state = { is: "open" } as const;
    this.#all.set(id, { secret, choice, expiresAtMs, outcome, isExpired, timer, state, wrongProofs: 0, running: 0 });
    return { id, expiresAtMs };
  }

  /** Resolves once it is redeemed; rejects with why it ended. */
  async outcome(id: string): Promise<PairedPeer> {
    return this.#get(id).outcome.promise;
  }

  /** Does nothing to one that was used. */
  withdraw(id: string): void {
    if (this.#all.get(id)?.state.is !== "paired") this.#end(id, invalid("the ticket was withdrawn"));
  }

  /** For checking a proof. Throws `ticket-invalid` when there is no such ticket. */
  secret(id: string): Buffer {
    return this.#get(id).secret;
  }

  /** Counts a wrong proof; what it returns is the answer to who gave it. */
  wrongProof(id: string, by: PeerId): CoveyError {
    const invitation = this.#get(id);
    invitation.wrongProofs++;
    if (invitation.wrongProofs >= LIMITS.ticketGuesses) {
      this.#watcher.guessedAt(id, by);
      this.#end(id, invalid(`the ticket is void after ${LIMITS.ticketGuesses} wrong attempts to use it`));
    }
    return invalid("the ticket does not fit: its secret is another one");
  }

  /**
   * Lets `by`, whose proof was right, pair unless somebody else had the ticket first. Rejects with `ticket-invalid`, or as `pair`
   * does: then the ticket stays with `by`. `again`: it has paired by this ticket before.
   */
  async redeem(id: string, by: PeerId, pair: (choice: Choice, again: boolean) => Promise<PairedPeer>): Promise<PairedPeer> {
    const invitation = this.#get(id);
    const again = invitation.state.is === "paired";
    if (invitation.state.is === "open") {
      invitation.state = { is: "owned", by };
    } else if (invitation.state.by !== by) {
      this.#watcher.usedTwice(id, invitation.state.by, by);
      throw invalid(
        "the ticket was used by another device already",
        "Ask for a new one, and tell its maker: somebody else had this one.",
      );
    }
    invitation.running++;
    try {
      const peer = await pair(invitation.choice, again);
      invitation.state = { is: "paired", by };
      invitation.outcome.resolve(peer);
      return peer;
    } finally {
      invitation.running--;
      this.#endExpired();
    }
  }

  close(): void {
    for (const id of [...this.#all.keys()]) this.#end(id, new CoveyError("closed", "this device's peer was stopped"));
  }

  #get(id: string): Invitation {
    this.#endExpired();
    const invitation = this.#all.get(id);
    if (invitation === undefined) throw unknownHere();
    return invitation;
  }

  #endExpired(): void {
    for (const [id, { isExpired, running }] of this.#all) {
      if (running === 0 && isExpired()) this.#end(id, invalid("the ticket expired before anybody used it"));
    }
  }

  #end(id: string, why: CoveyError): void {
    const invitation = this.#all.get(id);
    if (invitation === undefined) return;
    this.#all.delete(id);
    clearTimeout(invitation.timer);
    invitation.outcome.reject(why);
  }

  /** Only those that wait count; of the used ones the oldest is forgotten first. */
  #makeRoom(): void {
    this.#endExpired();
    const used = [...this.#all].filter(([, { state }]) => state.is === "paired");
    if (this.#all.size - used.length >= LIMITS.openTickets) {
      const hint = "Withdraw one (end the `covey pair` that shows it, or dispose of the invitation), or wait until one expires.";
      throw new CoveyError("limit", `${LIMITS.openTickets} tickets wait for a peer already`, { hint });
    }
    if (used.length >= LIMITS.openTickets) this.#end(used[0]![0], unknownHere());
  }
}

const invalid = (message: string, hint = "Make a new ticket, by `covey pair` or `invite()`."): CoveyError =>
  new CoveyError("ticket-invalid", message, { hint });

const unknownHere = (): CoveyError =>
  invalid("the device that made the ticket does not know it (any more): it expired, was withdrawn, or its peer was restarted");
