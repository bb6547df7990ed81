// What is in a share: listed, fetched and read as it is on disk now.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { Listed } from "../../src/services/files/contract.ts";
import { b3, eventually, type FilesPeer, type Lab, openFilesPeer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

/** a shares with b; resolves once b knows of it. */
async function share({ a, b }: Pick<Lab, "a" | "b">, path: string, name?: string): Promise<void> {
  const shared = await a.files.share(b.id, path, name === undefined ? {} : { name });
  await eventually(async () => b.files.sharedBy(a.id).some((known) => known.name === shared.name), true);
}

async function list(of: FilesPeer, by: FilesPeer, path: string, deep = false): Promise<Listed[]> {
  return Array.fromAsync(of.files.list(by.id, path, { deep, signal: signal() }));
}

const paths = (listed: readonly Listed[]): string[] =>
  listed.map(({ kind, path }) => (kind === "directory" ? `${path}/` : kind === "file" ? path : `${path} ${kind}`));

async function read(of: FilesPeer, by: FilesPeer, path: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(of.files.read(by.id, path, { signal: signal() })));
}

/** dist/ with a file, a large one, a directory of two levels, an empty one, a link inside and one that leads out. */
async function makeDist(lab: Lab): Promise<{ dist: string; large: Buffer }> {
  const dist = join(lab.dir, "dist");
  await mkdir(join(dist, "docs", "deep"), { recursive: true });
  await mkdir(join(dist, "empty"));
  const large = randomBytes(3 * MiB + 5);
  await writeFile(join(dist, "a.txt"), "a");
  await writeFile(join(dist, "large.bin"), large);
  await writeFile(join(dist, "run"), "#!", { mode: 0o755 });
  await writeFile(join(dist, "docs", "b.txt"), "b");
  await writeFile(join(dist, "docs", "deep", "c.txt"), "c");
  await symlink("../a.txt", join(dist, "docs", "inside"));
  await symlink("../outside", join(dist, "out"));
  await utimes(join(dist, "a.txt"), 1_000_000, 1_000_000.25);
  return { dist, large };
}

test("a share is listed as it is on the disk now: one level, all of them, a part, one file", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const { dist } = await makeDist(lab);
  await share(lab, dist);
  const top = await list(b, a, "dist");
  assert.deepEqual(paths(top), [
    ...["dist/", "dist/a.txt", "dist/docs/", "dist/empty/", "dist/large.bin", "dist/out note", "dist/run"],
  ]);
  assert.deepEqual(top[1], { kind: "file", path: "dist/a.txt", size: 1, mtimeMs: 1_000_000_250, executable: false });
  assert.ok(top[4]!.kind === "file" && top[4]!.size === 3 * MiB + 5);
  assert.ok(top[6]!.kind === "file" && top[6]!.executable);
  assert.deepEqual(top[5], { kind: "note", path: "dist/out", code: "link-outside" });
  assert.deepEqual(paths(await list(b, a, "dist/docs/", true)), [
    ...["dist/docs/", "dist/docs/b.txt", "dist/docs/deep/", "dist/docs/deep/c.txt", "dist/docs/inside note"],
  ]);
  const all = await list(b, a, "dist", true);
  assert.equal(all.length, 11);
  // It leads out of docs/, but not out of dist/.
  assert.ok(paths(all).includes("dist/docs/inside link"));
  assert.deepEqual(paths(await list(b, a, "dist/docs/b.txt")), ["dist/docs/b.txt"]);

  await rm(join(dist, "docs"), { recursive: true });
  await writeFile(join(dist, "b.txt"), "new");
  assert.deepEqual(paths(await list(b, a, "dist", true)), [
    ...["dist/", "dist/a.txt", "dist/b.txt", "dist/empty/", "dist/large.bin", "dist/out note", "dist/run"],
  ]);
  await assert.rejects(list(b, a, "dist/docs"), { code: "not-found" });
  await assert.rejects(list(b, a, "other"), { code: "not-found" });
});

test("a file and a directory are fetched whole, under their names or another one, and b's transfers tell of it alone", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const { dist, large } = await makeDist(lab);
  await share(lab, dist);

  const one = await b.files.get(a.id, "dist/large.bin", { into });
  assert.equal(one.offer.sharePath, "dist/large.bin");
  const done = await watchUntil(b, one.offer.id);
  assert.deepEqual([done.offer.state, done.path, done.blake3], ["done", join(into, "large.bin"), b3(large)]);
  assert.ok((await readFile(done.path!)).equals(large));

  const run = await b.files.get(a.id, "dist/run", { into, as: ".run" });
  assert.equal((await watchUntil(b, run.offer.id)).path, join(into, ".run"));
  assert.equal((await stat(join(into, ".run"))).mode & 0o111, 0o111);

  const tree = await b.files.get(a.id, "dist", { into, as: "copy" });
  assert.deepEqual([tree.offer.kind, tree.offer.files, tree.offer.size], ["tree", 5, 3 * MiB + 5 + 1 + 2 + 1 + 1]);
  const whole = await watchUntil(b, tree.offer.id);
  assert.deepEqual([whole.offer.state, whole.notes], ["done", { count: 1, first: [{ path: "dist/out", code: "link-outside" }] }]);
  assert.ok((await readFile(join(into, "copy", "large.bin"))).equals(large));
  assert.deepEqual((await readdir(join(into, "copy"), { recursive: true })).sort(), [
    ...["a.txt", "docs", "docs/b.txt", "docs/deep", "docs/deep/c.txt", "docs/inside", "empty", "large.bin", "run"],
  ]);
  assert.equal(Math.round((await stat(join(into, "copy", "a.txt"))).mtimeMs), 1_000_000_250);

  const part = await b.files.get(a.id, "dist/docs/deep/", { into });
  assert.equal((await watchUntil(b, part.offer.id)).offer.state, "done");
  assert.equal(await readFile(join(into, "deep", "c.txt"), "utf8"), "c");

  // Nobody is told, neither by a transfer nor by an entry.
  assert.deepEqual(await a.files.offers(), []);
  const entries = await b.store.changes(await b.store.direct(a.id), new Uint8Array() as never, undefined);
  assert.deepEqual(
    entries.changes.filter(({ versions }) => versions.some(({ author }) => author === b.id)),
    [],
  );
});

test("read brings the bytes of one file, and nothing else of it", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const { dist, large } = await makeDist(lab);
  await writeFile(join(dist, "nothing"), "");
  await share(lab, dist);
  await share(lab, join(dist, "large.bin"), "big");
  assert.ok((await read(b, a, "dist/large.bin")).equals(large));
  assert.ok((await read(b, a, "big")).equals(large));
  assert.equal((await read(b, a, "dist/nothing")).length, 0);
  assert.equal((await read(b, a, "dist/docs/b.txt")).toString(), "b");
  await assert.rejects(read(b, a, "dist/docs"), { code: "bad-argument" });
  await assert.rejects(read(b, a, "dist/docs/inside"), { code: "bad-argument" });
  await assert.rejects(read(b, a, "dist/no"), { code: "not-found" });
  // Leaving amid it leaves nothing behind: the lab's end would hang.
  for await (const _ of b.files.read(a.id, "big", { signal: signal() })) break;
  const controller = new AbortController();
  const reason = new Error("enough");
  const reading = b.files.read(a.id, "big", { signal: controller.signal })[Symbol.asyncIterator]();
  await reading.next();
  controller.abort(reason);
  await assert.rejects(async () => {
    while ((await reading.next()).done !== true);
  }, reason);
  assert.deepEqual(await b.files.transfers(), []);
});

test("reading goes on after a cut, with the same version of the file only", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const path = join(lab.dir, "big");
  const content = randomBytes(20 * MiB + 1);
  await writeFile(path, content);
  await share(lab, path);
  const session = b.sessions.get(a.id)!;
  const open = session.open.bind(session);
  let cuts = 0;
  let onCut = async (): Promise<void> => {};
  session.open = async (route, ...rest) => {
    const opened = await open(route, ...rest);
    if (route !== "files/fetch") return opened;
    const { stream } = opened;
    let left = 5 * MiB;
    const read = async (): Promise<Buffer | null> => {
      const chunk = await stream.read();
      if (left > 0 && (left -= chunk?.length ?? 0) <= 0) {
        cuts++;
        stream.reset();
        await onCut();
      }
      return chunk;
    };
    return {
      ...opened,
      stream: { ...stream, read, write: (c) => stream.write(c), end: () => stream.end(), reset: () => stream.reset() },
    };
  };
  assert.ok((await read(b, a, "big")).equals(content));
  assert.ok(cuts >= 3, `${cuts} cuts`);
  onCut = () => writeFile(path, randomBytes(20 * MiB + 1));
  await assert.rejects(read(b, a, "big"), { code: "changed" });
});

test("a file that changes while it is read is not taken for whole", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const path = join(lab.dir, "log");
  await writeFile(path, Buffer.alloc(24 * MiB, 1));
  await share(lab, path);
  let bytes = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of b.files.read(a.id, "log", { signal: signal() })) {
        if (bytes === 0) await writeFile(path, Buffer.alloc(24 * MiB, 2));
        bytes += chunk.length;
      }
    },
    { code: "changed" },
  );
  assert.ok(bytes >= MiB);
});

test("get follows a file that changed since it was asked for", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const path = join(lab.dir, "log");
  await writeFile(path, "first");
  await share(lab, path);
  const session = b.sessions.get(a.id)!;
  // The blocks are asked for after the file has changed.
  const open = session.open.bind(session);
  session.open = async (route, ...rest) => {
    if (route === "files/fetch" && (await readFile(path, "utf8")) === "first") await writeFile(path, "second one");
    return open(route, ...rest);
  };
  const { offer } = await b.files.get(a.id, "log", { into });
  assert.equal(offer.size, 5);
  const done = await watchUntil(b, offer.id);
  assert.deepEqual([done.offer.state, done.offer.size], ["done", 10]);
  assert.equal(await readFile(done.path!, "utf8"), "second one");
});

test("where the name is taken: another name, left as it is, or replaced; never a directory, never through a link", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  await writeFile(join(lab.dir, "x"), "theirs");
  await share(lab, lab.dir, "all");
  await writeFile(join(into, "x"), "mine");
  const get = async (conflict: "rename" | "skip" | "overwrite", as?: string) => {
    const { offer } = await b.files.get(a.id, "all/x", { into, conflict, ...(as === undefined ? {} : { as }) });
    return watchUntil(b, offer.id);
  };
  assert.equal((await get("rename")).path, join(into, "x (2)"));
  const skipped = await get("skip");
  assert.deepEqual([skipped.offer.state, skipped.path, skipped.blake3], ["done", join(into, "x"), undefined]);
  assert.deepEqual(skipped.notes, { count: 1, first: [{ path: "x", code: "exists" }] });
  assert.equal(await readFile(join(into, "x"), "utf8"), "mine");
  assert.equal((await get("overwrite")).path, join(into, "x"));
  assert.equal(await readFile(join(into, "x"), "utf8"), "theirs");
  await mkdir(join(into, "directory"));
  await symlink(join(lab.dir, "outside", "x"), join(into, "link"));
  for (const as of ["directory", "link"]) {
    await assert.rejects(get("overwrite", as), { code: "conflict" });
    assert.equal((await get("skip", as)).notes.count, 1);
  }
  assert.equal((await get("rename", "link")).path, join(into, "link (2)"));
  await assert.rejects(get("rename", "../x"), { code: "bad-argument" });
  assert.deepEqual((await readdir(into)).sort(), ["directory", "link", "link (2)", "x", "x (2)"]);
});

test("one that was paused is gone on with by the same get, and one that is done is not", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const path = join(lab.dir, "big");
  const content = randomBytes(32 * MiB);
  await writeFile(path, content);
  await share(lab, path);
  const first = await b.files.get(a.id, "big", { into });
  await watchUntil(b, first.offer.id, ({ doneBytes }) => doneBytes > 0);
  await b.files.pause(first.offer.id);
  const other = await b.files.get(a.id, "big", { into, as: "other" });
  assert.notEqual(other.offer.id, first.offer.id);
  await b.files.cancel(other.offer.id);
  const again = await b.files.get(a.id, "big", { into });
  assert.deepEqual([again.offer.id, again.paused], [first.offer.id, undefined]);
  assert.equal((await watchUntil(b, first.offer.id)).offer.state, "done");
  assert.ok((await readFile(join(into, "big"))).equals(content));
  const next = await b.files.get(a.id, "big", { into });
  assert.notEqual(next.offer.id, first.offer.id);
  await b.files.cancel(next.offer.id);
});

test("a get goes on after a restart of who gets it, from where it was", async () => {
  const home = await mkdtemp(join(tmpdir(), "covey-getter-"));
  let b = await openFilesPeer({ dir: home });
  {
    await using lab = await openLab({ from: b });
    const { a, into } = lab;
    const content = randomBytes(128 * MiB);
    await writeFile(join(lab.dir, "big"), content);
    await share(lab, join(lab.dir, "big"));
    const { offer } = await b.files.get(a.id, "big", { into });
    await watchUntil(b, offer.id, ({ doneBytes }) => doneBytes > 4 * MiB);
    await b.close();
    b = await openFilesPeer({ dir: home });
    const done = await watchUntil(b, offer.id);
    assert.equal(done.offer.state, "done");
    assert.ok(done.resumedBytes >= 4 * MiB, `${done.resumedBytes} bytes did not come again`);
    assert.ok((await readFile(done.path!)).equals(content));
    await b.close();
  }
  await rm(home, { recursive: true });
});

test("when a share ends, what is being fetched from it is cut, and says why; shared again, the same get goes on", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const path = join(lab.dir, "big");
  await writeFile(path, randomBytes(256 * MiB));
  await share(lab, path);
  const { offer } = await b.files.get(a.id, "big", { into });
  await watchUntil(b, offer.id, ({ doneBytes }) => doneBytes > 0);
  await a.files.unshare(b.id, "big");
  const failed = await watchUntil(b, offer.id);
  assert.deepEqual([failed.offer.state, failed.problem?.code], ["failed", "not-found"]);
  assert.match(failed.problem!.message, /does not share this any more/);
  assert.deepEqual(await readdir(into), []);

  await writeFile(path, "small now");
  await share(lab, path);
  const again = await b.files.get(a.id, "big", { into });
  assert.equal(again.offer.id, offer.id);
  assert.equal((await watchUntil(b, offer.id)).offer.state, "done");
  assert.equal(await readFile(join(into, "big"), "utf8"), "small now");
});

test("a reader of a list that takes its time gets all of it, and holds nothing up", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const dist = join(lab.dir, "many");
  await mkdir(dist);
  await Promise.all(Array.from({ length: 500 }, (_, n) => writeFile(join(dist, String(n).padStart(4, "0")), "")));
  await share(lab, dist);
  const all: string[] = [];
  for await (const { path } of b.files.list(a.id, "many", { signal: signal() })) {
    all.push(path);
    if (all.length % 100 === 0) await sleep(10);
  }
  assert.equal(all.length, 501);
  // While nobody takes the rest of one, another one is listed whole.
  const held = b.files.list(a.id, "many", { signal: signal() })[Symbol.asyncIterator]();
  await held.next();
  assert.equal((await list(b, a, "many")).length, 501);
  await held.return!();
});

test("without a session there is no list, and what is shared is known all the same", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  await share(lab, lab.dir, "all");
  await a.sessions.close();
  await eventually(async () => b.sessions.get(a.id) === undefined, true);
  assert.deepEqual(
    b.files.sharedBy(a.id).map(({ name }) => name),
    ["all"],
  );
  await assert.rejects(list(b, a, "all"), { code: "unreachable" });
  await assert.rejects(read(b, a, "all/x"), { code: "unreachable" });
  await assert.rejects(b.files.get(a.id, "all", { into }), { code: "unreachable" });
  await assert.rejects(list(b, b, "all"), { code: "not-paired" });
});
