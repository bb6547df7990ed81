// What the tests of this folder share: real keys, temporary directories, and two stores that replicate without a network.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import sodium from "sodium-native";

import type { Clock } from "../core/clock.ts";
import type { Incarnation, PeerId, SpaceId } from "../core/ids.ts";
import { silentLog } from "../core/log.ts";
import { peerIdOf } from "../identity/peer-id.ts";
import type { SpaceStore, Verdict, WireEntry } from "./contract.ts";
import { contentOf, encodeEntry, type Entry, signedMessage } from "./entry.ts";
import { hlcOf } from "./hlc.ts";
import { openSpaceStore } from "./open-store.ts";
import { pathOf } from "./path.ts";
import { secretKeyOf, sign } from "./signing.ts";

export interface TestIdentity {
  readonly seed: Buffer;
  readonly publicKey: Buffer;
  readonly peerId: PeerId;
}

export function identityOf(seed: Buffer): TestIdentity {
  const publicKey = Buffer.alloc(32);
  sodium.crypto_sign_seed_keypair(publicKey, Buffer.alloc(64), seed);
  return { seed, publicKey, peerId: peerIdOf(publicKey) };
}

export const newIdentity = (): TestIdentity => identityOf(randomBytes(32));

/** A clock that stands until it is set. */
export interface SetClock extends Clock {
  ms: number;
}

export const setClock = (ms = 1_800_000_000_000): SetClock => ({
  ms,
  nowMs(): number {
    return this.ms;
  },
  monotonicMs: () => performance.now(),
});

/** Removed after the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "covey-space-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Closed after the test, if it is open by then. */
export async function openTestStore(t: TestContext, path: string, identity: TestIdentity, clock?: Clock): Promise<SpaceStore> {
  const store = await openSpaceStore({ path, identity, log: silentLog, ...(clock && { clock }) });
  t.after(() => store.close());
  return store;
}

export interface Side {
  readonly store: SpaceStore;
  readonly identity: TestIdentity;
}

/** Two peers with their direct space. */
export async function openPair(t: TestContext, clocks: { readonly a?: Clock; readonly b?: Clock } = {}) {
  const directory = await temporaryDirectory(t);
  const [one, other] = [newIdentity(), newIdentity()];
  const a: Side = { identity: one, store: await openTestStore(t, join(directory, "a.db"), one, clocks.a) };
  const b: Side = { identity: other, store: await openTestStore(t, join(directory, "b.db"), other, clocks.b) };
  const space = await a.store.direct(other.peerId);
  await b.store.direct(one.peerId);
  return { a, b, space, directory };
}

/** Everything that `from` has and `to` lacks goes over. Returns the verdicts. */
export async function push(space: SpaceId, from: Side, to: Side): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const told = await to.store.cursorFor(space, from.identity.peerId);
  let seq = told?.store === from.store.storeId() ? told.seq : 0;
  for (;;) {
    const batch = await from.store.outgoing(space, to.identity.peerId, seq);
    const result = await to.store.incoming(space, from.identity.peerId, { store: from.store.storeId(), ...batch });
    verdicts.push(...result.verdicts);
    seq = result.cursor.seq;
    await from.store.acknowledged(space, to.identity.peerId, seq);
    if (!batch.more || seq < batch.to) return verdicts;
  }
}

/** Both ways, until nobody has anything new to say: as two peers do that are connected. */
export async function meet(space: SpaceId, a: Side, b: Side): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await push(space, a, b);
    await push(space, b, a);
  }
}

/** What a space shows, for comparing: path, values, authors, in order, without what is local. */
export async function shown(store: SpaceStore, space: SpaceId): Promise<readonly string[]> {
  const { changes } = await store.changes(space, pathOf(), undefined);
  return changes
    .map(({ path, versions, token }) => {
      const all = versions.map(
        ({ id, value }) => `${id.slice(0, 8)}=${value === undefined ? "-" : Buffer.from(value).toString()}`,
      );
      return `${Buffer.from(path).toString("latin1")} ${all.join(" ")} ${token}`;
    })
    .sort();
}

export const text = (value: string): Buffer => Buffer.from(value);

/** A correctly signed entry, whatever is in it. */
export function forge(
  space: SpaceId,
  identity: TestIdentity,
  change: Partial<Entry> & { readonly value?: Uint8Array | undefined },
): WireEntry {
  const { value = text("forged"), ...fields } = change;
  const entry: Entry = {
    space,
    author: identity.peerId,
    incarnation: "00112233aabbccdd" as Incarnation,
    path: pathOf("data", "x"),
    clock: hlcOf(Date.now(), 0),
    vector: new Map(),
    grant: undefined,
    ...contentOf(value),
    ...fields,
  };
  return signAs(identity, encodeEntry(entry), value);
}

export const signAs = (identity: TestIdentity, signed: Buffer, value: Uint8Array | undefined): WireEntry => ({
  signed,
  signature: sign(signedMessage(signed), secretKeyOf(identity.seed)),
  value,
});
