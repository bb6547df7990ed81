// What services see of spaces: one asynchronous interface whose values can be cloned, because the store runs in a worker.

import type { CoveyError } from "../core/errors.ts";
import type { EntryId, Incarnation, PeerId, SpaceId, StoreId } from "../core/ids.ts";

/**
 * A path as its sort key: each component followed by a NUL, so that bytewise order is order by component and a prefix is a
 * byte prefix. Made by `pathOf`, read by `componentsOf` (path.ts). The empty path is the prefix of everything.
 */
export type Path = Uint8Array & { readonly __path: true };

/** One version of a path: a signed statement by one author. */
export interface Version {
  readonly id: EntryId;
  readonly path: Path;
  readonly author: PeerId;
  readonly incarnation: Incarnation;
  /** The hybrid logical clock: ms since 1970, and a counter within the ms. */
  readonly clockMs: number;
  readonly counter: number;
  /** undefined: the path was removed (a tombstone). */
  readonly value: Uint8Array | undefined;
  /** Its place in this store, from 1, without order between stores. */
  readonly seq: number;
}

/**
 * Every version of a path that no other one dominates, the winner first: values before removals (an edit wins over a concurrent
 * removal), then the highest clock, then author, then id. So the path is removed when its first version has no value. Never empty.
 */
export interface PathState {
  readonly path: Path;
  readonly versions: readonly Version[];
  /** Changes whenever `versions` does: what `expect` compares. */
  readonly token: string;
}

/** `expect`: the token that was read, or null for "nothing there or removed"; another state then fails the whole batch with `conflict`. */
export type Write =
  | { readonly path: Path; readonly value: Uint8Array | undefined; readonly expect?: string | null }
  /** Goes to `<service>/<author>/<incarnation>/<n>`, with n the next of this incarnation, from 1, in twelve decimal digits. */
  | { readonly append: "msg"; readonly value: Uint8Array };

/** Where a reader of changes is: valid for one store only. JSON-plain. */
export interface Cursor {
  readonly store: StoreId;
  readonly seq: number;
}

export interface ChangePage {
  /** The paths that changed, with their state now, in the order of their newest version; a path once per page. */
  readonly changes: readonly PathState[];
  readonly cursor: Cursor;
  /** The cursor was of another store, or beyond its end: the page starts from the beginning. */
  readonly reset: boolean;
  /** Whether another page is ready. */
  readonly more: boolean;
}

export interface Page {
  /** At most and by default LIMITS.listPaths. There may be fewer, of more than LIMITS.pageBytes; none mean that the end was reached. */
  readonly limit?: number;
  /** Continue behind this path. */
  readonly after?: Path;
  /** From the end: the last paths first, and `after` is the path to continue before. */
  readonly reverse?: boolean;
}

/** An entry as it travels: signed bytes, signature, inline value (absent in a tombstone). */
export interface WireEntry {
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface OutgoingBatch {
  readonly entries: readonly WireEntry[];
  /** The batch is everything after `from` up to `to` that is still current and, but for what it may have lost, did not come from the neighbour. */
  readonly from: number;
  readonly to: number;
  readonly more: boolean;
}

/** The answer to one entry. `deferred`: kept apart for later. `refused`: never acceptable. `held`: no room to keep it; send it again later. */
export type Verdict = "stored" | "have" | "deferred" | "refused" | "held";

export interface IncomingResult {
  readonly verdicts: readonly Verdict[];
  /** The cursor after this batch; behind `to` when it was not moved past a gap or a held entry. */
  readonly cursor: Cursor;
}

export interface SpaceInfo {
  readonly space: SpaceId;
  readonly kind: "self" | "direct";
  /** The other peer of a direct space. */
  readonly peer: PeerId | undefined;
  readonly paths: number;
  readonly deferred: number;
}

/** One store per home. Everything acknowledged is durable (fsync) before its promise resolves; calls made together share one commit. */
export interface SpaceStore {
  readonly author: PeerId;
  /** Both change when the store turns out to be a copy: read them when needed. */
  storeId(): StoreId;
  incarnation(): Incarnation;

  self(): Promise<SpaceId>;
  /** The direct space with a peer, created if it is not there. The same on both sides. */
  direct(peer: PeerId): Promise<SpaceId>;
  spaces(): Promise<readonly SpaceInfo[]>;

  /** All or nothing, in order. Rejects with `conflict` (see Write), `limit`, or `no-space`. */
  write(space: SpaceId, writes: readonly Write[]): Promise<readonly Version[]>;
  get(space: SpaceId, path: Path): Promise<PathState | undefined>;
  /** In path order, removed paths left out. */
  list(space: SpaceId, prefix: Path, page?: Page): Promise<readonly PathState[]>;
  /** What changed after the cursor, removals included; from the beginning without one. A page may be empty with `more`. */
  changes(space: SpaceId, prefix: Path, after: Cursor | undefined, limit?: number): Promise<ChangePage>;
  /** The cursor of now: changes after it are those that have not happened yet. */
  now(space: SpaceId): Promise<Cursor>;
  /** Called after each commit that changed the space, with the highest seq. Returns the function that ends it. */
  subscribe(listener: (space: SpaceId, seq: number) => void): () => void;

  // replication with one neighbour
  /** What this store holds of the neighbour's: to be told to it. undefined: nothing, or not to be relied on any more. */
  cursorFor(space: SpaceId, neighbour: PeerId): Promise<Cursor | undefined>;
  /**
   * What the neighbour lacks after `from`: the seq of the cursor that it told if that is of this store, else 0. From 0, from behind
   * what it had acknowledged, and until that round is through, what came from the neighbour is sent back too: it may have lost it. A
   * `from` that this store never gave out starts at 0 as well (`OutgoingBatch.from` says so), and the neighbour has to begin anew, too.
   * Rejects with `refused` for somebody who is no member.
   */
  outgoing(space: SpaceId, neighbour: PeerId, from: number): Promise<OutgoingBatch>;
  /** Saves the answers of a push: the neighbour has everything of ours up to `seq`. A lower one takes it back. */
  acknowledged(space: SpaceId, neighbour: PeerId, seq: number): Promise<void>;
  /** How many entries of ours the neighbour lacks; counts to LIMITS.waitingCount at most. */
  waitingFor(space: SpaceId, neighbour: PeerId): Promise<number>;
  /**
   * Checks and stores a batch of the neighbour's store; the cursor is saved in the same transaction. Rejects with `refused` for
   * somebody who is no member, and with `limit` for more than LIMITS.pushEntries entries.
   */
  incoming(
    space: SpaceId,
    neighbour: PeerId,
    batch: { readonly store: StoreId; readonly from: number; readonly to: number; readonly entries: readonly WireEntry[] },
  ): Promise<IncomingResult>;

  // small local records of the services, never replicated; keys are scoped by service
  /** Writes (or with undefined removes) all records in one commit. */
  putLocal(service: string, records: readonly { readonly key: string; readonly value: Uint8Array | undefined }[]): Promise<void>;
  getLocal(service: string, key: string): Promise<Uint8Array | undefined>;
  /** In key order. */
  listLocal(service: string, prefix: string): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]>;

  /** Resolves, with the reason, when the store ended by a fault of its own: every call rejects with it from then on. */
  readonly failed: Promise<CoveyError>;
  close(): Promise<void>;
}
