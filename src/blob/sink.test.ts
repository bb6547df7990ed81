import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { link, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

import { hash } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import { blockLength, Manifest } from "./manifest.ts";
import { removeTemp, tempPath } from "./placing.ts";
import { Sink } from "./sink.ts";

const MiB = LIMITS.blockBytes;
const never = new AbortController().signal;
let root = "";
let dir = "";
let count = 0;
before(async () => void (root = await mkdtemp(join(tmpdir(), "covey-sink-"))));
after(() => rm(root, { recursive: true }));
beforeEach(async () => {
  dir = join(root, String(count++));
  await mkdir(dir);
});

const blockOf = (content: Buffer, block: number): Buffer =>
  content.subarray(block * MiB, block * MiB + blockLength(content.length, block));

const nothing = (): void => {};

const plain = (mtimeMs: number) => ({ mtimeMs, executable: false });

async function fill(sink: Sink, content: Buffer, order: number[]): Promise<Manifest> {
  const manifest = new Manifest(content.length);
  for (const block of order) {
    const bytes = blockOf(content, block);
    await sink.write(block, bytes, nothing);
    manifest.set(block, hash(bytes));
  }
  return manifest;
}

for (const size of [0, 1, MiB - 1, MiB, MiB + 1, 3 * MiB, 12 * MiB + 7]) {
  test(`${size} bytes arrive whole, under the name, readable, with their time, and leave nothing beside them`, async () => {
    const content = randomBytes(size);
    const sink = await Sink.create(dir, "abc", size);
    const manifest = await fill(sink, content, [...Array(Math.ceil(size / MiB)).keys()]);
    assert.ok(manifest.complete);
    assert.equal((await lstat(sink.temp.path)).mode & 0o777, 0o600);
    await sink.sync();
    assert.equal(await sink.blake3(never), hash(content).toString("hex"));
    const path = await sink.place(dir, "name.bin", plain(1_000_000_000_123));
    await sink.discard();
    assert.equal(path, join(dir, "name.bin"));
    assert.deepEqual(await readdir(dir), ["name.bin"]);
    assert.ok((await readFile(path)).equals(content));
    const found = await stat(path);
    await writeFile(join(root, "plain"), "");
    assert.equal(found.mode, (await stat(join(root, "plain"))).mode);
    assert.equal(Math.round(found.mtimeMs), 1_000_000_000_123);
  });
}

test("an executable file arrives executable, for whoever may read it", async () => {
  const sink = await Sink.create(dir, "abc", 0);
  const path = await sink.place(dir, "run", { mtimeMs: 0, executable: true });
  await sink.discard();
  await writeFile(join(root, "script"), "", { mode: 0o777 });
  assert.equal((await stat(path)).mode, (await stat(join(root, "script"))).mode);
});

test("blocks in any order make the same file and the same BLAKE3", async () => {
  const content = randomBytes(4 * MiB + 9);
  const sink = await Sink.create(dir, "abc", content.length);
  await fill(sink, content, [4, 0, 2, 1, 3]);
  assert.equal(await sink.blake3(never), hash(content).toString("hex"));
  assert.ok((await readFile(await sink.place(dir, "x", plain(0)))).equals(content));
  await sink.discard();
});

test("an existing file, link or directory is never replaced, nor written through", async () => {
  const outside = join(root, "outside");
  await writeFile(outside, "canary");
  await writeFile(join(dir, "a.txt"), "mine");
  await symlink(outside, join(dir, "a (2).txt"));
  await mkdir(join(dir, "a (3).txt"));
  await symlink(join(dir, "nowhere"), join(dir, "a (4).txt"));
  const sink = await Sink.create(dir, "abc", 1);
  await fill(sink, Buffer.of(7), [0]);
  assert.equal(await sink.place(dir, "a.txt", plain(0)), join(dir, "a (5).txt"));
  await sink.discard();
  assert.equal(await readFile(join(dir, "a.txt"), "utf8"), "mine");
  assert.equal(await readFile(outside, "utf8"), "canary");
  assert.deepEqual(await readdir(dir), ["a (2).txt", "a (3).txt", "a (4).txt", "a (5).txt", "a.txt"]);
});

test("two of the same name at once get two names", async () => {
  const paths = await Promise.all(
    ["k1", "k2", "k3"].map(async (key) => {
      const sink = await Sink.create(dir, key, 1);
      await fill(sink, Buffer.from(key.slice(1)), [0]);
      const path = await sink.place(dir, "same", plain(0));
      await sink.discard();
      return path;
    }),
  );
  assert.equal(new Set(paths).size, 3);
  assert.deepEqual(await readdir(dir), ["same", "same (2)", "same (3)"]);
});

test("a link that waits under the temp name is replaced, not followed", async () => {
  const outside = join(root, "outside-2");
  await writeFile(outside, "canary");
  await symlink(outside, tempPath(dir, "abc"));
  const sink = await Sink.create(dir, "abc", 1);
  await fill(sink, Buffer.of(7), [0]);
  await sink.place(dir, "x", plain(0));
  await sink.discard();
  assert.equal(await readFile(outside, "utf8"), "canary");
});

test("a partial file is taken up where it was, and hashed on from there", async () => {
  const content = randomBytes(3 * MiB);
  const sink = await Sink.create(dir, "abc", content.length);
  const manifest = await fill(sink, content, [0, 1]);
  await sink.sync();
  await sink.close();
  const again = await Sink.reopen(sink.temp, manifest, never);
  assert.ok(again !== undefined);
  await again.write(2, blockOf(content, 2), nothing);
  assert.equal(await again.blake3(never), hash(content).toString("hex"));
  await again.discard();
});

const damages: [what: string, damage: (path: string) => Promise<void>][] = [
  ["removed", (path) => rm(path)],
  ["shorter", (path) => truncate(path, MiB + 5)],
  ["changed", async (path) => writeFile(path, randomBytes(2 * MiB))],
  [
    "replaced by a link to a file with the same bytes",
    async (path) => {
      await writeFile(`${path}.copy`, await readFile(path));
      await rm(path);
      await symlink(`${path}.copy`, path);
    },
  ],
  [
    "replaced by another file with the same bytes",
    async (path) => {
      const bytes = await readFile(path);
      await writeFile(`${path}.copy`, bytes);
      await rm(path);
      await link(`${path}.copy`, path);
    },
  ],
];
for (const [what, damage] of damages) {
  test(`a partial file that was ${what} meanwhile is not taken up`, async () => {
    const content = randomBytes(2 * MiB);
    const sink = await Sink.create(dir, "abc", content.length);
    const manifest = await fill(sink, content, [0, 1]);
    await sink.close();
    await damage(sink.temp.path);
    assert.equal(await Sink.reopen(sink.temp, manifest, never), undefined);
  });
}

test("after a crash between the name and its record, the file is found where it is, not placed twice", async () => {
  const content = randomBytes(MiB);
  const sink = await Sink.create(dir, "abc", content.length);
  const manifest = await fill(sink, content, [0]);
  await writeFile(join(dir, "x"), "taken");
  const path = await sink.place(dir, "x", plain(0));
  await sink.close();
  const again = await Sink.reopen(sink.temp, manifest, never);
  assert.equal(await again!.place(dir, "x", plain(0)), path);
  await again!.discard();
  assert.deepEqual(await readdir(dir), ["x", "x (2)"]);
});

test("more than the disk holds is refused before anything is written", async () => {
  await assert.rejects(Sink.create(dir, "abc", LIMITS.blobBytes), { code: "no-space" });
  assert.deepEqual(await readdir(dir), []);
});

test("a failed write is final", async () => {
  const sink = await Sink.create(dir, "abc", 2 * MiB);
  await sink.close();
  // The descriptor is gone: what the file system says then stands for any failure.
  await sink.write(0, Buffer.alloc(MiB), nothing);
  await assert.rejects(sink.sync(), { code: "io" });
  await assert.rejects(sink.write(1, Buffer.alloc(MiB), nothing), { code: "io" });
  await assert.rejects(sink.place(dir, "x", plain(0)), { code: "io" });
  await removeTemp(sink.temp);
  assert.deepEqual(await readdir(dir), []);
});

test("a file that is no longer ours is not removed", async () => {
  const sink = await Sink.create(dir, "abc", 0);
  await rm(sink.temp.path);
  await writeFile(sink.temp.path, "somebody else's");
  await sink.discard();
  assert.equal(await readFile(sink.temp.path, "utf8"), "somebody else's");
});

test("a file of this name stays, or is replaced at once, as was asked for", async () => {
  const content = randomBytes(10);
  await writeFile(join(dir, "a.txt"), "older");
  const sink = await Sink.create(dir, "abc", content.length);
  await fill(sink, content, [0]);
  assert.equal(await sink.placeAs(dir, "a.txt", plain(0), { overwrite: false }), undefined);
  assert.equal(await readFile(join(dir, "a.txt"), "utf8"), "older");
  assert.equal(await sink.placeAs(dir, "a.txt", plain(0), { overwrite: true }), join(dir, "a.txt"));
  // A crash before the path was noted: it is found there.
  assert.equal(await sink.placeAs(dir, "a.txt", plain(0), { overwrite: true }), join(dir, "a.txt"));
  assert.equal(await sink.placeAs(dir, "b.txt", plain(0), { overwrite: false }), join(dir, "b.txt"));
  await sink.discard();
  assert.deepEqual((await readdir(dir)).sort(), ["a.txt", "b.txt"]);
  assert.ok((await readFile(join(dir, "a.txt"))).equals(content));
});

test("neither a directory nor a link is replaced by a file, and nothing is written through the link", async () => {
  await mkdir(join(dir, "directory"));
  await writeFile(join(root, "canary"), "canary");
  await symlink(join(root, "canary"), join(dir, "link"));
  const sink = await Sink.create(dir, "abc", 1);
  await fill(sink, Buffer.of(1), [0]);
  for (const name of ["directory", "link"]) {
    await assert.rejects(sink.placeAs(dir, name, plain(0), { overwrite: true }), { code: "conflict" });
    assert.equal(await sink.placeAs(dir, name, plain(0), { overwrite: false }), undefined);
  }
  await sink.discard();
  assert.deepEqual((await readdir(dir)).sort(), ["directory", "link"]);
  assert.ok((await lstat(join(dir, "link"))).isSymbolicLink());
  assert.equal(await readFile(join(root, "canary"), "utf8"), "canary");
});

test("what a crash left amid replacing a file is removed with the rest", async () => {
  const sink = await Sink.create(dir, "abc", 0);
  await link(sink.temp.path, sink.temp.path.replace(".part", "-2.part"));
  await sink.close();
  await removeTemp(sink.temp);
  assert.deepEqual(await readdir(dir), []);
});
