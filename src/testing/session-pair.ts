// Two or more peers with sessions between all of them, for tests of what runs over sessions: in memory, or over TCP on loopback with
// COVEY_TEST_TRANSPORT=tcp. Closing it fails when something was left behind.

import type { Session } from "../session/contract.ts";
import { createMemoryTransport } from "../transport/memory.ts";
import { tcpTransport } from "../transport/tcp.ts";
import { leakCheck } from "./leak-check.ts";
import { openSessionPeer, pairPeers, type SessionPeer, type SessionPeerOptions } from "./session-peer.ts";

export type SessionPairOptions = Partial<Omit<SessionPeerOptions, "transport" | "listen">> & {
  /** Called before the sessions come up: the place to register routes. */
  readonly prepare?: (peer: SessionPeer, index: number) => void;
};

export interface SessionGroup extends AsyncDisposable {
  readonly peers: readonly SessionPeer[];
  /** The session that peer `from` has with peer `to`. */
  session(from: number, to: number): Session;
  close(): Promise<void>;
}

/** What tests put in place of a network. */
export function testNetwork(): Pick<SessionPeerOptions, "transport" | "listen"> {
  return process.env["COVEY_TEST_TRANSPORT"] === "tcp"
    ? { transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] }
    : { transport: createMemoryTransport(), listen: ["memory://*"] };
}

/** `count` peers, paired with each other, with a session between any two. */
export async function openSessionGroup(count: number, { prepare, ...options }: SessionPairOptions = {}): Promise<SessionGroup> {
  const check = leakCheck();
  const network = testNetwork();
  const peers = await Promise.all(Array.from({ length: count }, () => openSessionPeer({ ...network, ...options })));
  for (const [index, peer] of peers.entries()) prepare?.(peer, index);
  for (const peer of peers) await peer.sessions.start();
  const pairs = peers.flatMap((a, index) => peers.slice(index + 1).map((b) => [a, b] as const));
  for (const [a, b] of pairs) await pairPeers(a, b);
  await Promise.all(pairs.flatMap(([a, b]) => [isUp(a, b), isUp(b, a)]));
  const close = async (): Promise<void> => {
    await Promise.all(peers.map((peer) => peer.close()));
    await check();
  };
  return {
    peers,
    session(from, to) {
      const session = peers[from]!.sessions.get(peers[to]!.identity.peerId);
      if (session === undefined) throw new Error(`peer ${from} has no session with peer ${to}`);
      return session;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Resolves when `a` has a session with `b`. */
function isUp(a: SessionPeer, b: SessionPeer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = a.sessions.subscribe((event) => event.type === "up" && event.session.peer === b.identity.peerId && resolve());
  return promise.finally(end);
}

export interface SessionPair extends AsyncDisposable {
  readonly a: SessionPeer;
  readonly b: SessionPeer;
  /** a's session with b. */
  readonly ab: Session;
  /** b's session with a. */
  readonly ba: Session;
  close(): Promise<void>;
}

/** Two peers, paired, with the one session between them. */
export async function openSessionPair(options: SessionPairOptions = {}): Promise<SessionPair> {
  const group = await openSessionGroup(2, options);
  const [a, b] = group.peers as readonly [SessionPeer, SessionPeer];
  return {
    a,
    b,
    ab: group.session(0, 1),
    ba: group.session(1, 0),
    close: () => group.close(),
    [Symbol.asyncDispose]: () => group.close(),
  };
}
