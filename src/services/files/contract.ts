// One file from one peer to another: offered as an entry, fetched by the receiver, verified block by block, resumed after anything.

import type { PeerId } from "../../core/ids.ts";

/** JSON-plain. An offer that this peer made or got; its number is short, local, and stays. */
export interface Offer {
  readonly id: string;
  readonly number: number;
  readonly peer: PeerId;
  readonly direction: "in" | "out";
  /** As the sender wrote it: show it through `printable`, never use it as a path. */
  readonly name: string;
  readonly size: number;
  readonly offeredAtMs: number;
  readonly state: OfferState;
}

/**
 * waiting: nobody has agreed to receive it. accepted: agreed, the transfer runs whenever both are there. done: verified and durable
 * at the receiver. failed: it can't go on without somebody doing something.
 */
export type OfferState = "waiting" | "accepted" | "done" | "declined" | "withdrawn" | "failed";

/** JSON-plain. What `transfers` shows; also of transfers that wait or have ended. */
export interface Transfer {
  readonly offer: Offer;
  /** Verified and written at the receiver, as far as this side knows. */
  readonly doneBytes: number;
  /** Of those, bytes that this run did not have to send again. */
  readonly resumedBytes: number;
  /** Over the last seconds; 0 while nothing moves. */
  readonly bytesPerSecond: number;
  readonly connected: boolean;
  /** The receiver's path, on the receiving side, once it is in place; else where it will be. */
  readonly path: string | undefined;
  /** BLAKE3 of the whole file in hex, as `b3sum` prints it, once it is known. */
  readonly blake3: string | undefined;
  /** Why it failed or waits, and what to do, in words. */
  readonly problem: { readonly code: string; readonly message: string; readonly hint?: string } | undefined;
}

export interface Files {
  /** Offers one regular file to a peer; durable here when it resolves. Rejects with `not-found`, `bad-argument` (not a regular file). */
  send(peer: PeerId, path: string): Promise<Transfer>;
  /** Every offer, newest last, or those with one peer. */
  offers(): Promise<readonly Offer[]>;
  /**
   * Agrees to receive: into the directory, under the offer's name, or a free name beside it ("name (2).ext") when that is taken.
   * `size`: what the user was shown and agreed to; default what it is now. A file that is much larger by then fails instead.
   * Resolves once that is durable; the bytes follow. Rejects with `not-found`, `conflict` (already decided), `bad-argument` (directory).
   */
  accept(offer: string, options: { readonly into: string; readonly size?: number }): Promise<Transfer>;
  decline(offer: string): Promise<void>;
  /** The sender takes it back, or the receiver gives up; both sides are told. */
  cancel(offer: string): Promise<void>;
  transfers(): Promise<readonly Transfer[]>;
  /**
   * The state now and at most ten times a second while it changes; ends after done, declined, withdrawn or failed. Throws `not-paired`
   * once the peer is removed here.
   */
  watch(offer: string, options: { readonly signal: AbortSignal }): AsyncIterable<Transfer>;
  /** New offers to this peer from now on, and those waiting now first. Until the signal aborts (it then throws the reason). */
  incoming(options: { readonly signal: AbortSignal }): AsyncIterable<Offer>;
  close(): Promise<void>;
}
