// Files from one peer to another: offered or shared as an entry, fetched by the receiver, verified, resumed after anything.

import type { ErrorCode } from "../../core/errors.ts";
import type { PeerId } from "../../core/ids.ts";
import type { Conflict, RootSummary, TreeNotes } from "../../blob/tree/contract.ts";

/** JSON-plain. Something that this peer offered, was offered, or gets from a share; its number is short, local, and stays. */
export interface Offer {
  readonly id: string;
  readonly number: number;
  readonly peer: PeerId;
  readonly direction: "in" | "out";
  /** file: one regular file. tree: directories, or several things at once. */
  readonly kind: "file" | "tree";
  /** The file's, or the first root's, as the sender wrote it: show it through `printable`, never use it as a path. */
  readonly name: string;
  /** Regular files, and their bytes, as the sender counted them. */
  readonly files: number;
  readonly size: number;
  /** At most LIMITS.offerRoots of them; `rootCount` counts all. */
  readonly roots: readonly RootSummary[];
  readonly rootCount: number;
  /** It was not offered but asked for: the path in the peer's shares. */
  readonly sharePath: string | undefined;
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
  /** Who stopped it for now: `resume` on that side lets it go on. */
  readonly paused: "here" | "there" | undefined;
  /** The receiver's path, on the receiving side, once it is in place; else where it will be. Of several roots: their directory. */
  readonly path: string | undefined;
  /** BLAKE3 of the whole file in hex, as `b3sum` prints it, once it is known. */
  readonly blake3: string | undefined;
  /** What of a tree did not come along as it was, as far as this side knows. */
  readonly notes: TreeNotes;
  /** Why it failed or waits, and what to do, in words. */
  readonly problem: { readonly code: ErrorCode; readonly message: string; readonly hint?: string } | undefined;
}

/** What happens to a peer's offers. JSON-plain. */
export type Policy =
  | { readonly offers: "ask" }
  /** Taken without asking into the directory, up to so many bytes each; larger ones are asked about. */
  | { readonly offers: "take"; readonly into: string; readonly upToBytes: number | undefined }
  /** Declined at once. */
  | { readonly offers: "refuse" };

/** JSON-plain. What this peer keeps available for another one: a file or a directory, as it is on disk at any moment. */
export interface Share {
  readonly peer: PeerId;
  /** The first component of paths in it; one name stands for one share of a peer. */
  readonly name: string;
  readonly path: string;
  readonly sharedAtMs: number;
  /** undefined: until it is removed. */
  readonly untilMs: number | undefined;
}

/** JSON-plain. What another peer keeps available for this one. */
export interface RemoteShare {
  readonly peer: PeerId;
  readonly name: string;
  readonly kind: "file" | "directory";
  readonly untilMs: number | undefined;
}

/** JSON-plain. One thing in a share, as the peer says. `path` begins with the share's name. */
export type Listed =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly size: number;
      readonly mtimeMs: number;
      readonly executable: boolean;
    }
  | { readonly kind: "directory"; readonly path: string; readonly mtimeMs: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "note"; readonly path: string; readonly code: string };

export interface Receiving {
  /** Absolute. */
  readonly into: string;
  /** What the user was shown and agreed to; default what it is now. What is much larger by then fails instead. */
  readonly size?: number;
  /** What to do where the name is taken; default "rename": a free name beside it, "name (2).ext". */
  readonly conflict?: Conflict;
}

export interface Files {
  /**
   * Offers files, directories or both; durable here when it resolves. Names that are the same get numbers. An open offer of the same
   * paths to the same peer is gone on with instead of being made again. Rejects with `not-found`, `bad-argument`, `limit`.
   */
  send(peer: PeerId, paths: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<Transfer>;
  /** A file in the peer's private directory that becomes the offer's: it is removed once the offer is over. */
  sendSpooled(peer: PeerId, path: string, name: string): Promise<Transfer>;
  /** Every offer, newest last, or those with one peer. */
  offers(): Promise<readonly Offer[]>;
  /** One of them, by its id or its number, as `offer` stands for both below. Rejects with `not-found`. */
  find(idOrNumber: string): Promise<Offer>;
  /**
   * Agrees to receive; resolves once that is durable, the bytes follow. Rejects with `not-found`, `conflict` (already decided),
   * `bad-argument` (directory).
   */
  accept(offer: string, options: Receiving): Promise<Transfer>;
  decline(offer: string): Promise<void>;
  /** The sender takes it back, or the receiver gives up; both sides are told. */
  cancel(offer: string): Promise<void>;
  /** Stops it until `resume`, on whichever side, over restarts; the other side is told. Rejects with `conflict` when it is over. */
  pause(offer: string): Promise<Transfer>;
  resume(offer: string): Promise<Transfer>;
  transfers(): Promise<readonly Transfer[]>;
  /**
   * The state now and at most ten times a second while it changes; ends after done, declined, withdrawn or failed: the removal of the
   * peer is such an end, too.
   */
  watch(offer: string, options: { readonly signal: AbortSignal }): AsyncIterable<Transfer>;
  /** New offers to this peer from now on, and those waiting now first. Until the signal aborts (it then throws the reason). */
  incoming(options: { readonly signal: AbortSignal }): AsyncIterable<Offer>;

  policy(peer: PeerId): Policy;
  /** Also for the offers that wait now. Rejects with `bad-argument` (directory), `not-paired`. */
  allow(peer: PeerId, policy: Policy): Promise<void>;

  /**
   * Durable when it resolves. The same path under the same name again changes how long it lasts. Rejects with `conflict` when the name
   * is of another share, `not-found`, `bad-argument`, `limit`.
   */
  share(peer: PeerId, path: string, options?: { readonly name?: string; readonly forMs?: number }): Promise<Share>;
  /** Rejects with `not-found`. What is being fetched from it is cut. */
  unshare(peer: PeerId, name: string): Promise<void>;
  /** What this peer shares, with one peer or with all. */
  shares(peer?: PeerId): readonly Share[];
  /** What the peer shares with this one, as far as it is known here; also while it is away. */
  sharedBy(peer: PeerId): readonly RemoteShare[];
  /** The same now, and whenever it has changed; a slow reader sees the latest. Ends with the pairing, or throws the signal's reason. */
  watchSharedBy(peer: PeerId, options: { readonly signal: AbortSignal }): AsyncIterable<readonly RemoteShare[]>;
  /**
   * What is there now, in canonical order: the thing at the path, then what is in it; with `deep`, all below. Rejects with `not-found`,
   * `unreachable` (there is no session), `protocol`.
   */
  list(peer: PeerId, path: string, options: { readonly deep?: boolean; readonly signal: AbortSignal }): AsyncIterable<Listed>;
  /**
   * Fetches a file or a directory into `into`, as `as` or its own name; like an offer that was agreed to. One of the same path and
   * target that has not ended is gone on with. Rejects with `not-found`, `unreachable`, `bad-argument`.
   */
  get(
    peer: PeerId,
    path: string,
    options: Omit<Receiving, "size"> & { readonly as?: string; readonly signal?: AbortSignal },
  ): Promise<Transfer>;
  /** The bytes of one file, verified block by block, at the reader's pace; throws when the file is not whole. Rejects as `get` does. */
  read(peer: PeerId, path: string, options: { readonly signal: AbortSignal }): AsyncIterable<Buffer>;
  close(): Promise<void>;
}
