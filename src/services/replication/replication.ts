// One pump for each paired peer, started and stopped as peers and sessions come and go; the other direction is receive.ts.

import type { PeerId, SpaceId } from "../../core/ids.ts";
import type { Logger } from "../../core/log.ts";
import type { PeerBook } from "../../identity/contract.ts";
import type { SessionEvent, Sessions } from "../../session/contract.ts";
import type { SpaceStore } from "../../space/contract.ts";
import type { Replication } from "./contract.ts";
import { PUSH_ROUTE } from "./protocol.ts";
import { createPump, type Pump } from "./pump.ts";
import { createReceiver } from "./receive.ts";

export interface ReplicationNeeds {
  readonly store: SpaceStore;
  readonly sessions: Pick<Sessions, "handle" | "subscribe" | "get">;
  readonly book: Pick<PeerBook, "list" | "byId" | "subscribe">;
  readonly log: Logger;
}

/** Registers its route and starts at once, with the sessions that are up already, too. */
export function createReplication({ store, sessions, book, log }: ReplicationNeeds): Replication {
  const pumps = new Map<PeerId, { readonly space: SpaceId; readonly pump: Pump }>();
  const bySpace = new Map<SpaceId, Pump>();
  const starting = new Map<PeerId, Promise<void>>();
  const receiver = createReceiver({ store, book, log });
  let closed = false;

  sessions.handle(PUSH_ROUTE, receiver.handler);
  const endings = [sessions.subscribe(sessionChanged), book.subscribe(bookChanged), store.subscribe(committed)];

  function sessionChanged(event: SessionEvent): void {
    const peer = event.type === "up" ? event.session.peer : event.peer;
    const entry = pumps.get(peer);
    if (entry !== undefined) entry.pump.connected(event.type === "up" ? event.session : sessions.get(peer));
    else if (event.type === "up" && book.byId(peer) !== undefined) start(peer);
  }

  function start(peer: PeerId): void {
    if (closed || starting.has(peer)) return;
    const work = store
      .direct(peer)
      .then((space) => {
        if (closed || book.byId(peer) === undefined) return;
        const pump = createPump({ store, peer, space, log, rewound: () => receiver.cut(peer) });
        pumps.set(peer, { space, pump });
        bySpace.set(space, pump);
        pump.connected(sessions.get(peer));
      })
      .catch((error: unknown) => log.error({ peer, why: String(error) }, "replication can't start"))
      .finally(() => void starting.delete(peer));
    starting.set(peer, work);
  }

  function bookChanged(): void {
    for (const [peer, { space, pump }] of pumps) {
      if (book.byId(peer) !== undefined) continue;
      pumps.delete(peer);
      bySpace.delete(space);
      receiver.cut(peer);
      void pump.stop();
    }
    // A peer that was paired a moment after its session came up.
    for (const { peerId } of book.list()) if (!pumps.has(peerId) && sessions.get(peerId) !== undefined) start(peerId);
  }

  function committed(space: SpaceId, seq: number): void {
    bySpace.get(space)?.committed(seq);
  }

  return {
    status: (peer) => pumps.get(peer)?.pump.status() ?? { state: "offline", refused: 0 },
    async waiting(peer) {
      await pumps.get(peer)?.pump.saved();
      return store.waitingFor(await store.direct(peer), peer);
    },
    async deferred() {
      const waiting = (await store.spaces()).filter(({ deferred }) => deferred > 0);
      return new Map(waiting.flatMap(({ peer, deferred }): [PeerId, number][] => (peer === undefined ? [] : [[peer, deferred]])));
    },
    async close() {
      closed = true;
      for (const end of endings) end();
      await Promise.all(starting.values());
      await Promise.all([...[...pumps.values()].map(({ pump }) => pump.stop()), receiver.close()]);
    },
  };
}
