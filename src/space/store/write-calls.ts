// The calls that write, as the client names them: each runs in the transaction of its group (store.ts).

import type { PeerId, SpaceId } from "../../core/ids.ts";
import type { SpaceStore, Write } from "../contract.ts";
import { acknowledged, incoming, outgoing, type ReplicateNeeds, retryDeferred } from "./replicate.ts";
import { write } from "./write.ts";

export function writeCalls(needs: ReplicateNeeds) {
  const { db, members } = needs;
  return {
    self: (): SpaceId => members.self(),
    direct: (peer: PeerId): SpaceId => members.direct(peer),
    write: (nowMs: number, space: SpaceId, writes: readonly Write[]) => write(needs, nowMs, space, writes),
    incoming: (nowMs: number, ...[space, neighbour, batch]: Parameters<SpaceStore["incoming"]>) =>
      incoming(needs, nowMs, space, neighbour, batch),
    outgoing: (...[space, neighbour, from]: Parameters<SpaceStore["outgoing"]>) => outgoing(needs, space, neighbour, from),
    acknowledged: (space: SpaceId, neighbour: PeerId, seq: number) => acknowledged(needs, space, neighbour, seq),
    retry: (nowMs: number) => retryDeferred(needs, nowMs, false),
    putLocal(...[service, records]: Parameters<SpaceStore["putLocal"]>): void {
      for (const { key, value } of records) {
        if (value === undefined) db.run("DELETE FROM local WHERE service = ? AND key = ?", service, key);
        else db.run("INSERT OR REPLACE INTO local (service, key, value) VALUES (?, ?, ?)", service, key, value);
      }
    },
  };
}
