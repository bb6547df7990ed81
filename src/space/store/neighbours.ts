// What this store knows of each neighbour in each space: how far it holds the neighbour's entries, and how far the neighbour holds ours.

import { LIMITS } from "../../core/limits.ts";
import type { PeerId, StoreId } from "../../core/ids.ts";
import type { Database } from "./database.ts";
import type { Members, Space } from "./members.ts";

export interface Neighbour {
  /** null: nothing is held of it, or nothing to be relied on. */
  readonly store: StoreId | null;
  readonly seq: number;
  readonly acked: number;
  readonly echo: number;
}

const UNKNOWN: Neighbour = { store: null, seq: 0, acked: 0, echo: 0 };

/** Throws `refused` for somebody who is no member. */
export function neighbourRow(db: Database, members: Members, space: Space, peer: PeerId): Neighbour {
  members.checkNeighbour(space, peer);
  const sql = "SELECT store, seq, acked, echo FROM neighbours JOIN peers ON num = peer WHERE space = ? AND id = ?";
  return db.get<Neighbour>(sql, space.num, peer) ?? UNKNOWN;
}

export function saveNeighbour(db: Database, members: Members, space: Space, peer: PeerId, change: Partial<Neighbour>): void {
  const before = neighbourRow(db, members, space, peer);
  const after = { ...before, ...change };
  if ((Object.keys(after) as (keyof Neighbour)[]).every((key) => before[key] === after[key])) return;
  db.run(
    "INSERT OR REPLACE INTO neighbours (space, peer, store, seq, acked, echo) VALUES (?, ?, ?, ?, ?, ?)",
    space.num,
    members.peerNum(peer),
    after.store,
    after.seq,
    after.acked,
    after.echo,
  );
}

/** Entries behind what it acknowledged that did not come from it, to LIMITS.waitingCount. */
export function waitingRows(db: Database, members: Members, space: Space, peer: PeerId): number {
  const { acked } = neighbourRow(db, members, space, peer);
  const sql =
    "SELECT count(*) AS waiting FROM (SELECT 1 FROM entries WHERE space = ? AND seq > ? AND origin <> coalesce((SELECT num FROM peers WHERE id = ?), -1) LIMIT ?)";
  return db.get<{ waiting: number }>(sql, space.num, acked, peer, LIMITS.waitingCount)!.waiting;
}
