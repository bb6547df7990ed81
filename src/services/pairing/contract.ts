// How two peers first meet: a ticket from one, redeemed once by the other, inside a TLS session pinned to the ticket's key.

import type { PairedPeer } from "../../identity/contract.ts";

/** JSON-plain. */
export interface Invitation {
  /** Names it here; not secret. */
  readonly id: string;
  /** The whole text; whoever has it can pair once. Secret until used or expired. */
  readonly ticket: string;
  readonly expiresAtMs: number;
}

export interface InviteOptions {
  /** Default LIMITS.ticketMs; at most LIMITS.ticketLongestMs. */
  readonly ttlMs?: number;
  /** The name that the peer will get here; without it, what it calls itself. */
  readonly as?: string;
  readonly mine?: boolean;
}

export interface Pairing {
  /**
   * Rejects with `limit` when LIMITS.openTickets wait already, `bad-argument` (the name, the time), or `unreachable` when this peer
   * listens nowhere. Open tickets do not survive a restart.
   */
  invite(options?: InviteOptions): Promise<Invitation>;
  /** Resolves when a peer redeemed it; rejects with `ticket-invalid` when it expires or is withdrawn, or with the signal's reason. */
  paired(invitation: string, signal: AbortSignal): Promise<PairedPeer>;
  /** Does nothing to one that was used. */
  withdraw(invitation: string): void;
  /**
   * Rejects with `ticket-invalid`, `unreachable`, `timeout`, `bad-argument` (one's own ticket, a bad name), or `conflict` (the name is
   * another peer's). The same call again goes on after anything that cut it short.
   */
  join(
    ticket: string,
    options: { readonly as?: string; readonly mine?: boolean; readonly signal: AbortSignal },
  ): Promise<PairedPeer>;
  /** Whether a ticket is open: without one, nothing that is not paired needs to get past the gate. */
  welcomesStrangers(): boolean;
  /** What the user should know of tickets, in words, the newest last: one that somebody else tried to use as well, say. */
  warnings(): readonly string[];
  close(): void;
}
