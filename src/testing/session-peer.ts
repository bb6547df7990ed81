// One peer for tests of what needs sessions: a real identity and book in a directory of its own, and real sessions.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { toHex } from "../core/bytes.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Address, StoreId } from "../core/ids.ts";
import { type Logger, silentLog } from "../core/log.ts";
import type { Identity, PeerBook } from "../identity/contract.ts";
import { loadIdentity } from "../identity/key.ts";
import { openPeerBook } from "../identity/peer-book.ts";
import type { Protocol } from "../session/hello.ts";
import { createSessions, type RunningSessions, type SessionLimits } from "../session/sessions.ts";
import type { Transport } from "../transport/transport.ts";

export interface SessionPeer {
  readonly identity: Identity;
  readonly book: PeerBook;
  readonly storeId: StoreId;
  /** Not started. */
  readonly sessions: RunningSessions;
  /** The same identity and book in a new life: the old sessions are closed first. Not started. */
  restart(change?: Partial<SessionPeerOptions>): Promise<SessionPeer>;
  /** Closes the sessions and removes the directory. */
  close(): Promise<void>;
}

export interface SessionPeerOptions {
  readonly transport: Transport;
  readonly listen: readonly Address[];
  readonly limits?: Partial<SessionLimits>;
  readonly protocol?: Protocol;
  readonly welcomesStrangers?: () => boolean;
  readonly clock?: Clock;
  readonly log?: Logger;
}

export async function openSessionPeer(options: SessionPeerOptions): Promise<SessionPeer> {
  const home = await mkdtemp(join(tmpdir(), "covey-test-"));
  const identity = await loadIdentity({ key: join(home, "key") });
  const book = await openPeerBook({ peers: join(home, "peers.json") });
  return peerOf(home, identity, book, toHex(randomBytes(16)) as StoreId, options);
}

function peerOf(home: string, identity: Identity, book: PeerBook, storeId: StoreId, options: SessionPeerOptions): SessionPeer {
  const { transport, listen, limits, protocol, welcomesStrangers = () => false, clock = systemClock, log = silentLog } = options;
  const sessions = createSessions({
    identity,
    book,
    transports: [transport],
    listen,
    storeId: () => storeId,
    welcomesStrangers,
    clock,
    log,
    ...(limits === undefined ? {} : { limits }),
    ...(protocol === undefined ? {} : { protocol }),
  });
  return {
    identity,
    book,
    storeId,
    sessions,
    async restart(change = {}) {
      await sessions.close();
      return peerOf(home, identity, book, storeId, { ...options, ...change });
    },
    async close() {
      await sessions.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Both know each other from now on, as `a` and `b` know where the other listens. */
export async function pairPeers(
  a: SessionPeer,
  b: SessionPeer,
  names: { readonly a?: string; readonly b?: string } = {},
): Promise<void> {
  const secret = randomBytes(32);
  const entry = (peer: SessionPeer, name: string) => ({
    peerId: peer.identity.peerId,
    name,
    mine: false,
    addresses: peer.sessions.addresses(),
    pairedAtMs: Date.now(),
    secret,
  });
  await Promise.all([a.book.add(entry(b, names.b ?? "bob")), b.book.add(entry(a, names.a ?? "ann"))]);
}
