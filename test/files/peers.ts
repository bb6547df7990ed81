// Two real peers that exchange files: homes on disk, stores in their threads, TLS sessions, replication and the files service.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { blake3 } from "@napi-rs/blake-hash";

import { createTreeReader } from "../../src/blob/tree/tree-reader.ts";
import { TreeThread } from "../../src/blob/tree/tree-thread.ts";
import { createTreeWriter } from "../../src/blob/tree/tree-writer.ts";
import { sleep } from "../../src/core/async.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { Address, PeerId } from "../../src/core/ids.ts";
import { type Logger, silentLog } from "../../src/core/log.ts";
import type { Identity, PeerBook } from "../../src/identity/contract.ts";
import { openHome } from "../../src/identity/home.ts";
import { loadIdentity } from "../../src/identity/key.ts";
import { openPeerBook } from "../../src/identity/peer-book.ts";
import type { Files, Offer, Transfer } from "../../src/services/files/contract.ts";
import { createFiles } from "../../src/services/files/files.ts";
import { createReplication } from "../../src/services/replication/replication.ts";
import { createSessions, type RunningSessions } from "../../src/session/sessions.ts";
import type { SpaceStore } from "../../src/space/contract.ts";
import { openSpaceStore } from "../../src/space/open-store.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";
import type { Transport } from "../../src/transport/transport.ts";

export interface FilesPeer {
  readonly id: PeerId;
  readonly identity: Identity;
  readonly book: PeerBook;
  readonly store: SpaceStore;
  readonly sessions: RunningSessions;
  readonly files: Files;
  /** Where files of own devices go. */
  readonly incoming: string;
  close(): Promise<void>;
}

export interface FilesPeerOptions {
  readonly dir: string;
  readonly transport?: Transport;
  readonly listen?: Address;
  readonly log?: Logger;
  /** Of the service alone. */
  readonly clock?: Clock;
  /** Without it, the test answers for the peer by hand. */
  readonly service?: boolean;
}

export async function openFilesPeer(options: FilesPeerOptions): Promise<FilesPeer> {
  const {
    dir,
    transport = tcpTransport,
    listen = "tcp://127.0.0.1:0",
    log = silentLog,
    clock = systemClock,
    service = true,
  } = options;
  const home = await openHome(join(dir, "home"));
  const identity = await loadIdentity(home);
  const book = await openPeerBook(home);
  const store = await openSpaceStore({ path: home.database, identity, clock: systemClock, log });
  const sessions = createSessions({
    identity,
    book,
    transports: [transport],
    listen: [listen],
    clock: systemClock,
    log,
    storeId: store.storeId,
    welcomesStrangers: () => false,
    limits: { backOffMinMs: 5, backOffMaxMs: 100, dialYieldMs: 5 },
  });
  const replication = createReplication({ store, sessions, book, log });
  const incoming = join(dir, "incoming");
  const thread = new TreeThread();
  const trees = { reader: createTreeReader(thread), writer: createTreeWriter(thread) };
  const files = service
    ? await createFiles({ store, sessions, book, incoming, spool: home.spool, clock, log, ...trees })
    : undefined;
  await sessions.start();
  return {
    id: identity.peerId,
    identity,
    book,
    store,
    sessions,
    get files() {
      assert.ok(files, "this peer has no service: the test answers for it");
      return files;
    },
    incoming,
    async close() {
      await files?.close();
      await thread.close();
      await replication.close();
      await sessions.close();
      await store.close();
    },
  };
}

async function pair(a: FilesPeer, b: FilesPeer, options: { readonly mine?: boolean } = {}): Promise<void> {
  const facts = { mine: options.mine ?? false, pairedAtMs: 1, secret: Buffer.alloc(32, 7) };
  await a.book.add({ ...facts, peerId: b.id, name: "b", addresses: b.sessions.addresses() });
  await b.book.add({ ...facts, peerId: a.id, name: "a", addresses: a.sessions.addresses() });
  for (const peer of [a, b]) await up(peer, peer === a ? b : a);
}

/** Resolves once there is a session. */
async function up(peer: FilesPeer, other: FilesPeer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = peer.sessions.subscribe((event) => event.type === "up" && event.session.peer === other.id && resolve());
  await promise;
  end();
}

export interface LabOptions {
  /** Each is the other's own device. */
  readonly mine?: boolean;
  /** The test answers for a by hand. */
  readonly handSender?: boolean;
  /** Where the lab's directory is made; default the system's for temporary files. */
  readonly parent?: string;
  /** This peer of another lab is a. */
  readonly to?: FilesPeer;
  /** This peer of another lab is b. */
  readonly from?: FilesPeer;
}

/**
 * A directory of the test's own with two paired peers in it, a and b, and a directory into which b receives. Beside that one is a tree,
 * "outside", that nobody has any business in: whatever a test does, it must be as it was at the end.
 */
export interface Lab extends AsyncDisposable {
  readonly dir: string;
  readonly a: FilesPeer;
  readonly b: FilesPeer;
  readonly into: string;
  /** Stops one of the two, and starts it again from what it has on disk; in between, somebody may do what they like there. */
  restart(which: "a" | "b", between?: (dir: string) => Promise<void>): Promise<void>;
}

export async function openLab(options: Omit<FilesPeerOptions, "dir" | "service"> & LabOptions = {}): Promise<Lab> {
  const dir = await mkdtemp(join(options.parent ?? tmpdir(), "covey-files-"));
  const service = options.handSender !== true;
  let a = options.to ?? (await openFilesPeer({ ...options, dir: join(dir, "a"), service }));
  let b = options.from ?? (await openFilesPeer({ ...options, dir: join(dir, "b") }));
  await pair(a, b, options);
  const into = join(dir, "into");
  await mkdir(into);
  const outside = join(dir, "outside");
  await mkdir(join(outside, "deep"), { recursive: true });
  for (const name of ["x", ".hidden", join("deep", "x")]) await writeFile(join(outside, name), "canary");
  const before = await canary(outside);
  return {
    dir,
    get a() {
      return a;
    },
    get b() {
      return b;
    },
    into,
    async restart(which, between = async () => {}) {
      const [peer, other] = which === "a" ? [a, b] : [b, a];
      await peer.close();
      await between(join(dir, which));
      const again = await openFilesPeer({ ...options, dir: join(dir, which), service: which === "b" || service });
      if (which === "a") a = again;
      else b = again;
      if (other.book.byId(again.id) !== undefined) await other.book.update(again.id, { addresses: again.sessions.addresses() });
    },
    async [Symbol.asyncDispose]() {
      if (a !== options.to) await a.close();
      if (b !== options.from) await b.close();
      assert.deepEqual(await canary(outside), before);
      await rm(dir, { recursive: true });
    },
  };
}

/** The next offer to the peer that nobody has decided on. */
export async function nextOffer(peer: FilesPeer): Promise<Offer> {
  for await (const offer of peer.files.incoming({ signal: AbortSignal.timeout(15_000) })) return offer;
  throw new Error("no offer came");
}

/** Watches until it has ended, or until `enough` says so; resolves to the last state that was seen. */
export async function watchUntil(
  peer: FilesPeer,
  offer: string,
  enough: (transfer: Transfer) => boolean = () => false,
): Promise<Transfer> {
  let last: Transfer | undefined;
  for await (const transfer of peer.files.watch(offer, { signal: AbortSignal.timeout(30_000) })) {
    last = transfer;
    if (enough(transfer)) break;
  }
  return last!;
}

export const b3 = (bytes: Buffer): string => blake3(bytes).toString("hex");

/** Every name below a directory with a hash of what is there: equal before and after when nothing was touched. */
async function canary(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const lines = names.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return `${path} ${
      entry.isFile()
        ? createHash("sha256")
            .update(await readFile(path))
            .digest("hex")
        : "-"
    }`;
  });
  return (await Promise.all(lines)).sort();
}

/** Asks until it is so; what it was last is the failure. */
export async function eventually<T>(ask: () => Promise<T>, expected: T): Promise<void> {
  const giveUpMs = performance.now() + 10_000;
  let found = await ask();
  while (!isDeepStrictEqual(found, expected) && performance.now() < giveUpMs) {
    await sleep(10);
    found = await ask();
  }
  assert.deepEqual(found, expected);
}
