// Shares as records and entries: who is told what, when it ends, and what a restart or a crash leaves.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { encodeCbor, type Cbor } from "../../src/core/cbor.ts";
import { systemClock, type Clock } from "../../src/core/clock.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { silentLog } from "../../src/core/log.ts";
import type { Identity } from "../../src/identity/contract.ts";
import { openHome } from "../../src/identity/home.ts";
import { loadShares, removeShare, saveShare } from "../../src/services/files/shares/share-records.ts";
import type { SpaceStore } from "../../src/space/contract.ts";
import { openSpaceStore } from "../../src/space/open-store.ts";
import { pathOf } from "../../src/space/path.ts";
import { offer } from "./hand-sender.ts";
import { eventually, type FilesPeer, type Lab, openFilesPeer, openLab } from "./peers.ts";

const DAY_MS = 24 * 3_600_000;

const namesBy = (of: FilesPeer, by: FilesPeer) => async (): Promise<string[]> => of.files.sharedBy(by.id).map(({ name }) => name);

const namesOf = (peer: FilesPeer): string[] => peer.files.shares().map(({ name }) => name);

/** The wall clock, moved by hand. */
function movedClock(): Clock & { aheadMs: number } {
  return {
    aheadMs: 0,
    nowMs() {
      return systemClock.nowMs() + this.aheadMs;
    },
    monotonicMs: () => systemClock.monotonicMs(),
  };
}

test("what is shared is listed at both, until it is not shared any more", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const dist = join(lab.dir, "dist");
  await mkdir(dist);
  await writeFile(join(lab.dir, "report.pdf"), "report");
  await symlink(dist, join(lab.dir, "latest"));
  const share = await a.files.share(b.id, join(lab.dir, "latest"));
  await a.files.share(b.id, join(lab.dir, "report.pdf"), { forMs: DAY_MS });
  assert.deepEqual({ ...share, sharedAtMs: 0 }, { peer: b.id, name: "latest", path: dist, sharedAtMs: 0, untilMs: undefined });
  assert.deepEqual(a.files.shares(), a.files.shares(b.id));
  assert.deepEqual(namesOf(a), ["latest", "report.pdf"]);
  await eventually(namesBy(b, a), ["latest", "report.pdf"]);
  const [first, second] = b.files.sharedBy(a.id);
  assert.deepEqual(first, { peer: a.id, name: "latest", kind: "directory", untilMs: undefined });
  assert.equal(second!.kind, "file");
  assert.equal(second!.untilMs, a.files.shares()[1]!.untilMs);
  assert.deepEqual([b.files.shares(), a.files.sharedBy(b.id)], [[], []]);

  await a.files.unshare(b.id, "latest");
  assert.deepEqual(namesOf(a), ["report.pdf"]);
  await eventually(namesBy(b, a), ["report.pdf"]);
  await assert.rejects(a.files.unshare(b.id, "latest"), { code: "not-found" });
  assert.deepEqual(await b.files.offers(), []);
});

test("the same again changes how long it lasts; another thing of that name is refused", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  await mkdir(join(lab.dir, "dist"));
  await mkdir(join(lab.dir, "other"));
  const path = join(lab.dir, "dist");
  const { sharedAtMs } = await a.files.share(b.id, path, { forMs: DAY_MS });
  const longer = await a.files.share(b.id, `${path}/`, { forMs: 2 * DAY_MS });
  assert.ok(longer.untilMs! > sharedAtMs + DAY_MS * 1.5);
  assert.equal(longer.sharedAtMs, sharedAtMs);
  await eventually(async () => b.files.sharedBy(a.id).map(({ untilMs }) => untilMs), [longer.untilMs]);
  assert.equal((await a.files.share(b.id, path)).untilMs, undefined);
  await eventually(async () => b.files.sharedBy(a.id).map(({ untilMs }) => untilMs), [undefined]);
  await assert.rejects(a.files.share(b.id, join(lab.dir, "other"), { name: "dist" }), { code: "conflict" });
  await a.files.share(b.id, path, { name: "dist too" });
  assert.deepEqual(namesOf(a), ["dist", "dist too"]);
});

test("what can't be shared is refused in words, and nothing of it stays", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const path = join(lab.dir, "dist");
  await mkdir(path);
  const names = ["", ".", "..", "a/b", "/", "a\0b", "\x1b[2J", "n".repeat(256), "a\u202eb", "\ud83d", "line\nbreak"];
  for (const name of names)
    await assert.rejects(a.files.share(b.id, path, { name }), { code: "bad-argument" }, JSON.stringify(name));
  await assert.rejects(a.files.share(b.id, "/"), { code: "bad-argument" });
  await assert.rejects(a.files.share(b.id, "dist"), { code: "bad-argument" });
  await assert.rejects(a.files.share(b.id, join(lab.dir, "nothing")), { code: "not-found" });
  await assert.rejects(a.files.share(b.id, "/dev/null"), { code: "bad-argument" });
  for (const forMs of [0, -1, 0.5, Number.NaN, Infinity, 2 ** 53])
    await assert.rejects(a.files.share(b.id, path, { forMs }), { code: "bad-argument" }, String(forMs));
  await assert.rejects(a.files.share(a.id, path), { code: "not-paired" });
  assert.deepEqual(a.files.shares(), []);
  for (let n = 0; n < LIMITS.sharesPerPeer; n++) await a.files.share(b.id, path, { name: `share ${n}` });
  await assert.rejects(a.files.share(b.id, path, { name: "one more" }), { code: "limit" });
  await a.files.share(b.id, path, { name: "share 7", forMs: DAY_MS });
  await a.files.unshare(b.id, "share 0");
  await a.files.share(b.id, path, { name: "one more" });
  await eventually(async () => b.files.sharedBy(a.id).length, LIMITS.sharesPerPeer);
});

test("a share ends at its time by both clocks, also when that is years ahead", async () => {
  const clock = movedClock();
  await using lab = await openLab({ clock });
  const { a, b } = lab;
  const path = join(lab.dir, "dist");
  await mkdir(path);
  await a.files.share(b.id, path, { name: "years", forMs: 3000 * DAY_MS });
  await a.files.share(b.id, path, { name: "day", forMs: DAY_MS });
  await eventually(namesBy(b, a), ["day", "years"]);
  clock.aheadMs = DAY_MS;
  assert.deepEqual(namesOf(a), ["years"]);
  assert.deepEqual(await namesBy(b, a)(), ["years"]);
  // Its name is free, whether it has been cleared away or not.
  await a.files.share(b.id, lab.into, { name: "day", forMs: 50 });
  // This one goes by the timer: its record and its entry are gone, and so are those of the first.
  await eventually(async () => (await loadShares(a.store)).map(({ name }) => name), ["years"]);
  await eventually(async () => (await entriesOf(a.store, b)).length, 1);
  clock.aheadMs = 3000 * DAY_MS;
  assert.deepEqual([namesOf(a), await namesBy(b, a)()], [[], []]);
});

test("removing a peer ends what it could reach, and pairing it anew brings nothing back", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  await a.files.share(b.id, lab.into);
  await eventually(namesBy(b, a), ["into"]);
  const known = a.book.byId(b.id)!;
  const secret = a.book.secret(b.id)!;
  await a.book.remove(b.id);
  assert.deepEqual(a.files.shares(), []);
  await assert.rejects(a.files.share(b.id, lab.into), { code: "not-paired" });
  await a.book.add({ ...known, secret });
  assert.deepEqual(a.files.shares(), []);
  await eventually(namesBy(b, a), []);
  await eventually(() => loadShares(a.store), []);
});

test("shares outlast a restart; what ended meanwhile is gone at both", async () => {
  await using lab = await openRestartable();
  const { b } = lab;
  await lab.a.files.share(b.id, lab.dir, { name: "stays" });
  await lab.a.files.share(b.id, lab.dir, { name: "ends", forMs: 300 });
  await eventually(namesBy(b, lab.a), ["ends", "stays"]);
  const before = lab.a.files.shares(b.id);
  await lab.restart(() => new Promise((resolve) => setTimeout(resolve, 350)));
  assert.deepEqual(lab.a.files.shares(), before.slice(0, 1));
  await eventually(async () => (await entriesOf(lab.a.store, b)).length, 1);
  await eventually(namesBy(b, lab.a), ["stays"]);
});

test("a kill between a record and its entry is mended at the start, whichever came first", async () => {
  await using lab = await openRestartable();
  const { b } = lab;
  await lab.a.files.share(b.id, lab.dir, { name: "kept" });
  await lab.a.files.share(b.id, lab.dir, { name: "removed" });
  await lab.a.files.share(b.id, lab.dir, { name: "extended", forMs: DAY_MS });
  await eventually(namesBy(b, lab.a), ["extended", "kept", "removed"]);
  const untilMs = systemClock.nowMs() + 9 * DAY_MS;
  await lab.restart(async (store) => {
    const [kept, removed, extended] = ["kept", "removed", "extended"].map((name) => ({ name }));
    const records = await loadShares(store);
    const of = ({ name }: { name: string }) => records.find((record) => record.name === name)!;
    await saveShare(store, { ...of(kept!), id: "ab".repeat(16), name: "added" });
    await removeShare(store, of(removed!).id);
    await saveShare(store, { ...of(extended!), untilMs });
  });
  assert.deepEqual(namesOf(lab.a).sort(), ["added", "extended", "kept"]);
  await eventually(namesBy(b, lab.a), ["added", "extended", "kept"]);
  assert.equal(b.files.sharedBy(lab.a.id)[1]!.untilMs, untilMs);
});

test("what was ended after a backup was made stays ended when that is put back", async () => {
  await using lab = await openRestartable();
  const { b } = lab;
  await lab.a.files.share(b.id, lab.dir, { name: "kept" });
  await lab.a.files.share(b.id, lab.dir, { name: "ended" });
  const records = await loadShares(lab.a.store);
  await lab.a.files.unshare(b.id, "ended");
  await eventually(namesBy(b, lab.a), ["kept"]);
  await lab.restart(async (store) => {
    for (const record of records) await saveShare(store, record);
  });
  assert.deepEqual(namesOf(lab.a), ["kept"]);
  assert.equal((await loadShares(lab.a.store)).length, 1);
});

test("a peer that was removed while this one was down, or killed amid that, has nothing left at the start", async () => {
  await using lab = await openRestartable();
  const { b } = lab;
  await lab.a.files.share(b.id, lab.dir, { name: "gone" });
  const records = await loadShares(lab.a.store);
  const known = lab.a.book.byId(b.id)!;
  const secret = lab.a.book.secret(b.id)!;
  await lab.a.book.remove(b.id);
  await lab.restart(async (store) => {
    for (const record of records) await saveShare(store, record);
  });
  assert.deepEqual(await loadShares(lab.a.store), []);
  await lab.a.book.add({ ...known, secret });
  assert.deepEqual(lab.a.files.shares(), []);
  await eventually(namesBy(b, lab.a), []);
});

test("of what another peer says it shares, what makes no sense is left alone, and the newest of a name counts", async () => {
  const warned: { readonly count?: number }[] = [];
  const log = { ...silentLog, warn: (facts: object) => void warned.push(facts) };
  await using lab = await openLab({ handSender: true, log });
  const { a, b } = lab;
  const share = { v: 1, kind: "share", name: "x", type: "directory" };
  const senseless: Cbor[] = [
    ...["", ".", "..", "../x", "a/b", "/", "a\0b", "\x1b[2J", "n".repeat(256), "a\u202eb", 7].map((name) => ({ ...share, name })),
    { ...share, type: "link" },
    { ...share, v: 2 },
    ...[-1e15, 1e15, 0.5, "now"].map((untilMs) => ({ ...share, untilMs })),
  ];
  for (const value of senseless) await offer(lab, value);
  await offer(lab, { ...share, type: "file" });
  const newest = await offer(lab, share);
  await eventually(async () => b.files.sharedBy(a.id), [{ peer: a.id, name: "x", kind: "directory", untilMs: undefined }]);
  assert.equal(
    warned.reduce((sum, { count = 0 }) => sum + count, 0),
    senseless.length,
  );

  const space = await a.store.direct(b.id);
  await a.store.write(space, [{ path: pathOf("offers", newest), value: encodeCbor({ ...share, name: "a/b" }) }]);
  await eventually(async () => b.files.sharedBy(a.id).map(({ kind }) => kind), ["file"]);

  const many = Array.from({ length: LIMITS.sharesPerPeer + 50 }, (_, n) => ({
    path: pathOf("offers", n.toString(16).padStart(32, "0")),
    value: encodeCbor({ ...share, name: `${n}` }),
  }));
  await a.store.write(space, many);
  await eventually(async () => b.files.sharedBy(a.id).length, LIMITS.sharesPerPeer);
  assert.ok(warned.length < 40, `${warned.length} lines`);
  assert.deepEqual(await b.files.offers(), []);
});

async function entriesOf(store: SpaceStore, other: FilesPeer): Promise<readonly unknown[]> {
  return store.list(await store.direct(other.id), pathOf("offers"));
}

interface Restartable extends AsyncDisposable {
  readonly dir: string;
  readonly a: FilesPeer;
  readonly b: FilesPeer;
  /** Closes a, runs `meanwhile` with a's store, and opens a again. */
  restart(meanwhile: (store: SpaceStore) => Promise<void>): Promise<void>;
}

async function openRestartable(): Promise<Restartable> {
  const home = await mkdtemp(join(tmpdir(), "covey-shares-"));
  let a = await openFilesPeer({ dir: home });
  const lab: Lab = await openLab({ to: a });
  const identity: Identity = a.identity;
  return {
    dir: lab.dir,
    get a() {
      return a;
    },
    b: lab.b,
    async restart(meanwhile) {
      await a.close();
      const { database } = await openHome(join(home, "home"));
      const store = await openSpaceStore({ path: database, identity, log: silentLog });
      await meanwhile(store);
      await store.close();
      a = await openFilesPeer({ dir: home });
    },
    async [Symbol.asyncDispose]() {
      await a.close();
      await lab[Symbol.asyncDispose]();
      await rm(home, { recursive: true });
    },
  };
}
