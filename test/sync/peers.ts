// Two real peers in this process: homes on disk, stores in their threads, TLS sessions, and the three services that keep spaces in sync.

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";

import { sleep } from "../../src/core/async.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { Address, PeerId, SpaceId } from "../../src/core/ids.ts";
import { type Logger, silentLog } from "../../src/core/log.ts";
import type { Identity, PeerBook } from "../../src/identity/contract.ts";
import { openHome } from "../../src/identity/home.ts";
import { loadIdentity } from "../../src/identity/key.ts";
import { openPeerBook } from "../../src/identity/peer-book.ts";
import type { Data } from "../../src/services/data/contract.ts";
import { createData } from "../../src/services/data/data.ts";
import type { Messages } from "../../src/services/messages/contract.ts";
import { createMessages } from "../../src/services/messages/messages.ts";
import type { Replication } from "../../src/services/replication/contract.ts";
import { createReplication } from "../../src/services/replication/replication.ts";
import { createSessions, type RunningSessions } from "../../src/session/sessions.ts";
import type { Cursor, SpaceStore } from "../../src/space/contract.ts";
import { openSpaceStore } from "../../src/space/open-store.ts";
import { pathOf } from "../../src/space/path.ts";
import { createMemoryTransport } from "../../src/transport/memory.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";
import type { Connection, Transport } from "../../src/transport/transport.ts";

export interface TestPeer extends AsyncDisposable {
  readonly id: PeerId;
  readonly identity: Identity;
  readonly book: PeerBook;
  readonly store: SpaceStore;
  readonly sessions: RunningSessions;
  readonly replication: Replication;
  readonly messages: Messages;
  readonly data: Data;
  close(): Promise<void>;
}

export interface PeerParts {
  readonly transport: Transport;
  readonly listen: Address;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Without it, nothing is replicated by itself: for tests that speak the protocol by hand. */
  readonly replicates?: boolean;
}

/** Opens the peer whose home is the directory. */
export async function openTestPeer(dir: string, parts: PeerParts): Promise<TestPeer> {
  const { transport, listen, clock = systemClock, log = silentLog, replicates = true } = parts;
  const home = await openHome(dir);
  const identity = await loadIdentity(home);
  const book = await openPeerBook(home);
  const store = await openSpaceStore({ path: home.database, identity, clock, log });
  const sessions = createSessions({
    identity,
    book,
    transports: [transport],
    listen: [listen],
    clock,
    log,
    storeId: store.storeId,
    welcomesStrangers: () => false,
    limits: { backOffMinMs: 5, backOffMaxMs: 50, dialYieldMs: 5 },
  });
  const nothing: Pick<RunningSessions, "handle" | "subscribe" | "get"> = {
    handle: () => {},
    subscribe: () => () => {},
    get: () => undefined,
  };
  const replication = createReplication({ store, sessions: replicates ? sessions : nothing, book, log });
  const messages = createMessages({ store, book, log });
  const data = createData({ store });
  await sessions.start();
  const close = async (): Promise<void> => {
    await messages.close();
    await replication.close();
    await sessions.close();
    await store.close();
  };
  return {
    id: identity.peerId,
    identity,
    book,
    store,
    sessions,
    replication,
    messages,
    data,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Each knows the other from now on. */
export async function pair(a: TestPeer, b: TestPeer): Promise<SpaceId> {
  const secret = Buffer.alloc(32, 7);
  const facts = { mine: false, pairedAtMs: 1, secret };
  await a.book.add({ ...facts, peerId: b.id, name: "b", addresses: b.sessions.addresses() });
  await b.book.add({ ...facts, peerId: a.id, name: "a", addresses: a.sessions.addresses() });
  return a.store.direct(b.id);
}

/** A transport whose connections can all be cut, as when a cable is pulled and the system says so. */
function cuttable(transport: Transport): Transport & { cut(): void } {
  const open = new Set<Duplex>();
  const keep = (connection: Connection): Connection => {
    open.add(connection.duplex);
    connection.duplex.once("close", () => void open.delete(connection.duplex));
    return connection;
  };
  return {
    scheme: transport.scheme,
    dial: async (address, signal) => keep(await transport.dial(address, signal)),
    listen: (address, onConnection) => transport.listen(address, (connection) => onConnection(keep(connection))),
    cut() {
      for (const duplex of open) duplex.destroy();
    },
  };
}

/** A directory that is gone at the end. */
async function temporary(): Promise<{ readonly dir: string } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), "covey-sync-"));
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

/** Two homes and the way between them: peers are opened and closed as a test likes. */
export interface Lab extends AsyncDisposable {
  readonly dir: string;
  readonly transport: Transport & { cut(): void };
  open(name: "a" | "b", parts?: Partial<PeerParts>): Promise<TestPeer>;
  /** Keeps a copy of a closed home, or puts the last copy back in its place. */
  backUp(name: "a" | "b"): Promise<void>;
  restore(name: "a" | "b"): Promise<void>;
}

export async function openLab({ tcp = false } = {}): Promise<Lab> {
  const { dir, [Symbol.asyncDispose]: remove } = await temporary();
  const transport = cuttable(tcp ? tcpTransport : createMemoryTransport());
  const open = new Set<TestPeer>();
  const ports = new Map<string, Address>();
  return {
    dir,
    transport,
    async open(name, parts = {}) {
      const listen = ports.get(name) ?? (tcp ? "tcp://127.0.0.1:0" : `memory://${name}`);
      const peer = await openTestPeer(join(dir, name), { transport, listen, ...parts });
      ports.set(name, peer.sessions.addresses()[0]!);
      open.add(peer);
      return peer;
    },
    backUp: (name) => cp(join(dir, name), join(dir, `${name}.copy`), { recursive: true }),
    async restore(name) {
      await rm(join(dir, name), { recursive: true });
      await cp(join(dir, `${name}.copy`), join(dir, name), { recursive: true });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...open].map((peer) => peer.close()));
      await remove();
    },
  };
}

/** The first value that is neither undefined nor false; fails when there is none in time. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 30_000,
): Promise<T> {
  const giveUpMs = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpMs) throw new Error(`never came about: ${what}`);
    await sleep(2);
  }
}

/** Both answered for everything of the other's. */
export const inSync = (a: TestPeer, b: TestPeer): Promise<true> =>
  eventually(
    "both sides in sync",
    async () => {
      if (a.replication.status(b.id).state !== "in-sync" || b.replication.status(a.id).state !== "in-sync") return undefined;
      const waiting = await Promise.all([a.replication.waiting(b.id), b.replication.waiting(a.id)]);
      return waiting.every((count) => count === 0) ? true : undefined;
    },
    120_000,
  );

/** Every path of the space with the ids of its versions, removed ones too: equal on both sides when nothing is lost or reverted. */
export async function contentsOf(store: SpaceStore, space: SpaceId): Promise<ReadonlyMap<string, readonly string[]>> {
  const contents = new Map<string, readonly string[]>();
  for (let cursor: Cursor = { store: store.storeId(), seq: 0 }, more = true; more;) {
    const page = await store.changes(space, pathOf(), cursor);
    for (const { path, versions } of page.changes)
      contents.set(Buffer.from(path).toString("latin1"), versions.map(({ id }) => id).toSorted());
    ({ cursor, more } = page);
  }
  return new Map([...contents].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
