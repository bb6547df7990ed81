// Directories and many things at once, between two real peers.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { createMemoryTransport } from "../../src/transport/memory.ts";
import { eventually, nextOffer, openLab, watchUntil } from "./peers.ts";
import { listing, makeMixedTree, sendAndAccept } from "./tree-kit.ts";

const MiB = LIMITS.blockBytes;

for (const over of ["tcp", "memory"] as const) {
  test(`a directory with everything in it arrives as it was, over ${over}`, async () => {
    const memory = over === "memory" ? { transport: createMemoryTransport(), listen: "memory://*" } : {};
    await using lab = await openLab(memory);
    const path = join(lab.dir, "photos");
    await makeMixedTree(path, { small: over === "tcp" ? 2000 : 200 });
    await symlink("/etc/passwd", join(path, "absolute"));
    await symlink("../outside/x", join(path, "beside"));
    await symlink("../../outside/x", join(path, "a", "above"));
    const sent = await lab.a.files.send(lab.b.id, [path]);
    const offer = await nextOffer(lab.b);
    assert.equal(offer.kind, "tree");
    const files = over === "tcp" ? 2021 : 221;
    assert.equal(offer.files, files);
    assert.deepEqual(offer.roots, [{ name: "photos", kind: "directory", files, bytes: offer.size }]);
    await lab.b.files.accept(offer.id, { into: lab.into });
    const done = await watchUntil(lab.b, offer.id);
    assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
    assert.equal(done.path, join(lab.into, "photos"));
    assert.equal(done.doneBytes, offer.size);

    const left = new Set(["absolute", "beside", "a/above"].map((name) => `link ${name}`));
    const before = await listing(path);
    const kept = before.filter((line) => !left.has(line.split(" -> ")[0]!));
    assert.equal(kept.length, before.length - 3);
    assert.deepEqual(await listing(join(lab.into, "photos")), kept);
    await eventually(() => readdir(lab.into), ["photos"]);

    const notes = ["a/above", "absolute", "beside"].map((name) => ({ path: `photos/${name}`, code: "link-outside" }));
    assert.deepEqual(done.notes, { count: 3, first: notes });
    const there = await watchUntil(lab.a, sent.offer.id);
    assert.equal(there.offer.state, "done");
    assert.deepEqual(there.notes, { count: 3, first: notes });
  });
}

test("an empty directory arrives, and one of empty directories", async () => {
  await using lab = await openLab();
  await mkdir(join(lab.dir, "empty"));
  await mkdir(join(lab.dir, "hollow", "more", "and more"), { recursive: true });
  const id = await sendAndAccept(lab, [join(lab.dir, "empty"), join(lab.dir, "hollow")]);
  const { offer, path } = await watchUntil(lab.b, id);
  assert.equal(offer.state, "done");
  assert.equal(offer.files, 0);
  assert.equal(path, lab.into);
  await eventually(
    async () => (await readdir(lab.into, { recursive: true })).sort(),
    ["empty", "hollow", "hollow/more", "hollow/more/and more"],
  );
});

test("many things at once are one offer, each under a name of its own, and a link brings what is behind it", async () => {
  await using lab = await openLab();
  const paths: string[] = [];
  for (const [i, dir] of ["x", "y", "z"].entries()) {
    await mkdir(join(lab.dir, dir));
    await writeFile(join(lab.dir, dir, "same.txt"), `of ${i}`);
    paths.push(join(lab.dir, dir, "same.txt"));
  }
  await symlink(join(lab.dir, "y", "same.txt"), join(lab.dir, "linked"));
  await writeFile(join(lab.dir, "large"), randomBytes(2 * MiB + 1));
  paths.push(join(lab.dir, "linked"), join(lab.dir, "large"), join(lab.dir, "x"));
  const { offer } = await lab.a.files.send(lab.b.id, paths);
  assert.deepEqual(
    offer.roots.map(({ name, kind }) => `${kind} ${name}`),
    ["file large", "file linked", "file same (2).txt", "file same (3).txt", "file same.txt", "directory x"],
  );
  await nextOffer(lab.b);
  await lab.b.files.accept(offer.id, { into: lab.into });
  const done = await watchUntil(lab.b, offer.id);
  assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
  assert.equal(done.path, lab.into);
  const texts = ["same.txt", "same (2).txt", "same (3).txt", "linked", "x/same.txt"].map((name) =>
    readFile(join(lab.into, name), "utf8"),
  );
  assert.deepEqual(await Promise.all(texts), ["of 0", "of 1", "of 2", "of 1", "of 0"]);
  assert.ok((await readFile(join(lab.into, "large"))).equals(await readFile(join(lab.dir, "large"))));
});

test("of a thousand things with the longest names, the first are named in the offer, and all arrive", async () => {
  await using lab = await openLab();
  const names = Array.from({ length: 1000 }, (_, i) => `${String(i).padStart(4, "0")}${"😀".repeat(62)}ab`);
  assert.ok(names.every((name) => Buffer.byteLength(name) === 254));
  await mkdir(join(lab.dir, "many"));
  for (const name of names) await writeFile(join(lab.dir, "many", name), name);
  const id = await sendAndAccept(
    lab,
    names.map((name) => join(lab.dir, "many", name)),
  );
  const { offer } = await watchUntil(lab.b, id);
  assert.equal(offer.state, "done");
  assert.equal(offer.rootCount, 1000);
  assert.equal(offer.roots.length, LIMITS.offerRoots);
  await eventually(async () => (await readdir(lab.into)).sort().join("\n") === names.join("\n"), true);
});

test("a directory of that name stays as it was, unless they are to become one", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "docs");
  await mkdir(path);
  await writeFile(join(path, "new"), "sent");
  await writeFile(join(path, "both"), "sent");
  const there = join(lab.into, "docs");
  await mkdir(there);
  await writeFile(join(there, "both"), "here");
  await writeFile(join(there, "old"), "here");
  const read = async (...names: string[]): Promise<string[]> =>
    Promise.all(names.map((name) => readFile(join(lab.into, name), "utf8").catch(() => "-")));
  const receive = async (conflict?: "skip" | "overwrite") => {
    const { offer } = await lab.a.files.send(lab.b.id, [path]);
    await nextOffer(lab.b);
    await lab.b.files.accept(offer.id, { into: lab.into, ...(conflict === undefined ? {} : { conflict }) });
    // To be sent again as another offer, it has to be over there, too.
    await watchUntil(lab.a, offer.id);
    return watchUntil(lab.b, offer.id);
  };
  assert.equal((await receive()).path, join(lab.into, "docs (2)"));
  assert.deepEqual(await read("docs/new", "docs/both", "docs (2)/both"), ["-", "here", "sent"]);
  const skipped = await receive("skip");
  assert.deepEqual(await read("docs/new", "docs/both", "docs/old"), ["sent", "here", "here"]);
  assert.deepEqual(skipped.notes, { count: 1, first: [{ path: "docs/both", code: "exists" }] });
  await receive("overwrite");
  assert.deepEqual(await read("docs/new", "docs/both", "docs/old"), ["sent", "sent", "here"]);
});

test("one executable file arrives executable", async () => {
  await using lab = await openLab();
  await writeFile(join(lab.dir, "run"), "#!/bin/sh\n", { mode: 0o755 });
  const id = await sendAndAccept(lab, [join(lab.dir, "run")]);
  assert.equal((await watchUntil(lab.b, id)).offer.kind, "file");
  assert.equal((await stat(join(lab.into, "run"))).mode & 0o777, 0o755);
});

test("a spooled file arrives under the name it was given, and goes when its offer is over; what no offer has goes at the start", async () => {
  await using lab = await openLab();
  const spool = join(lab.dir, "a", "home", "spool");
  assert.equal((await stat(spool)).mode & 0o777, 0o700);
  for (const name of ["1", "2", "3"]) await writeFile(join(spool, name), `bytes ${name}`);
  await assert.rejects(lab.a.files.sendSpooled(lab.b.id, join(lab.into, "x"), "x"), { code: "bad-argument" });
  await assert.rejects(lab.a.files.sendSpooled(lab.b.id, join(spool, "..", "key.pem"), "x"), { code: "bad-argument" });
  const first = await lab.a.files.sendSpooled(lab.b.id, join(spool, "1"), "log.txt");
  const second = await lab.a.files.sendSpooled(lab.b.id, join(spool, "2"), "other.txt");
  await lab.restart("a");
  assert.deepEqual((await readdir(spool)).sort(), ["1", "2"]);
  await nextOffer(lab.b);
  await lab.b.files.accept(first.offer.id, { into: lab.into });
  assert.equal((await watchUntil(lab.b, first.offer.id)).offer.state, "done");
  assert.equal(await readFile(join(lab.into, "log.txt"), "utf8"), "bytes 1");
  await eventually(() => readdir(spool), ["2"]);
  await lab.a.files.cancel(second.offer.id);
  await eventually(() => readdir(spool), []);
});

test("what can't be offered is refused in words", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const some = join(lab.dir, "some");
  await mkdir(some);
  await assert.rejects(a.files.send(b.id, []), { code: "bad-argument" });
  await assert.rejects(a.files.send(b.id, [some, join(lab.dir, "absent")]), { code: "not-found" });
  await assert.rejects(a.files.send(b.id, [some, "/dev/null"]), { code: "bad-argument" });
  await assert.rejects(
    a.files.send(
      b.id,
      Array.from({ length: LIMITS.sendPaths + 1 }, () => some),
    ),
    { code: "limit" },
  );
  await assert.rejects(
    a.files.send(
      b.id,
      Array.from({ length: LIMITS.freeNames + 1 }, () => some),
    ),
    { code: "limit" },
  );
  const reason = new Error("enough");
  await assert.rejects(a.files.send(b.id, [some], { signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual(await a.files.offers(), []);
});
