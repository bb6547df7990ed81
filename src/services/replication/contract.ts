// Keeps the direct space with every paired peer the same on both sides.

import type { PeerId } from "../../core/ids.ts";

/**
 * offline: no session. opening: a push stream is being asked for. pushing: entries are on their way. in-sync: the peer answered for
 * everything here. pausing: the peer could not take it, or failed; it is tried again. stopped: not paired any more, or closed.
 */
export type PushState = "offline" | "opening" | "pushing" | "in-sync" | "pausing" | "stopped";

/** JSON-plain. */
export interface ReplicationStatus {
  readonly state: PushState;
  /** Entries of ours that the peer will never take, since this process started. */
  readonly refused: number;
}

export interface Replication {
  status(peer: PeerId): ReplicationStatus;
  /** Entries here that the peer does not have yet. */
  waiting(peer: PeerId): Promise<number>;
  /** Entries that are kept apart here, from a clock that is ahead, say: how many of each peer that has any. */
  deferred(): Promise<ReadonlyMap<PeerId, number>>;
  /** Cuts what runs; what was not answered is sent again in the next session. */
  close(): Promise<void>;
}
