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
  /** Default LIMITS.ticketMs. */
  readonly ttlMs?: number;
  /** The name that the peer will get here; without it, what it calls itself. */
  readonly as?: string;
  readonly mine?: boolean;
}

export interface Pairing {
  /** Rejects with `limit` when LIMITS.openTickets wait already. Open tickets do not survive a restart. */
  invite(options?: InviteOptions): Promise<Invitation>;
  /** Resolves when a peer redeemed it; rejects with `ticket-invalid` when it expires or is withdrawn, or with the signal's reason. */
  paired(invitation: string, signal: AbortSignal): Promise<PairedPeer>;
  withdraw(invitation: string): void;
  /** Rejects with `ticket-invalid`, `unreachable`, `timeout`, or `bad-argument` (one's own ticket, a bad name). */
  join(
    ticket: string,
    options: { readonly as?: string; readonly mine?: boolean; readonly signal: AbortSignal },
  ): Promise<PairedPeer>;
  close(): void;
}
