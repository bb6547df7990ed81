// Trees whose way is cut, whose peers stop and start, and whose files change or go while they are sent.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { Stream } from "../../src/session/contract.ts";
import { eventually, type FilesPeer, nextOffer, openLab, watchUntil } from "./peers.ts";
import { listing, makeMixedTree, sendAndAccept } from "./tree-kit.ts";

const MiB = LIMITS.blockBytes;

/** Counts what the peer reads from the other one's streams of files. */
function countBytes(peer: FilesPeer, other: FilesPeer, counted: { bytes: number }): void {
  const count = (stream: Stream): Stream => ({
    ...stream,
    write: (chunk) => stream.write(chunk),
    end: () => stream.end(),
    reset: () => stream.reset(),
    closed: stream.closed,
    async read() {
      const chunk = await stream.read();
      counted.bytes += chunk?.length ?? 0;
      return chunk;
    },
  });
  const session = peer.sessions.get(other.id)!;
  const open = session.open.bind(session);
  session.open = async (route, args, options) => {
    const { value, stream } = await open(route, args, options);
    return { value, stream: route.startsWith("files/") ? count(stream) : stream };
  };
}

/** So many MiB: files that travel in packs, and two that do not. */
async function makeBulk(dir: string, small: number, large: number): Promise<void> {
  await mkdir(dir);
  for (let i = 0; i < small; i++) await writeFile(join(dir, `s${i}`), randomBytes(MiB - 100));
  for (const name of ["b0", "b1"]) await writeFile(join(dir, name), randomBytes((large / 2) * MiB));
}

test("a way that is cut again and again, anywhere, costs nothing but time", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "photos");
  await makeMixedTree(path, { small: 600, large: 4 });
  const id = await sendAndAccept(lab, [path]);
  let cuts = 0;
  const done = watchUntil(lab.b, id);
  let over = false;
  void done.finally(() => (over = true));
  while (!over && cuts < 12) {
    await sleep(Math.random() * 150);
    const [cutter, other] = cuts % 2 === 0 ? [lab.a, lab.b] : [lab.b, lab.a];
    const session = cutter.sessions.get(other.id);
    if (session === undefined) continue;
    cuts++;
    await session.close();
  }
  const { offer, problem } = await done;
  assert.equal(offer.state, "done", JSON.stringify(problem));
  assert.ok(cuts > 0);
  assert.deepEqual(await listing(join(lab.into, "photos")), await listing(path));
  await eventually(() => readdir(lab.into), ["photos"]);
});

for (const which of ["a", "b"] as const) {
  test(`after ${which === "a" ? "the sender" : "the receiver"} was stopped and started, only what was on its way comes again`, async () => {
    await using lab = await openLab();
    const path = join(lab.dir, "bulk");
    await makeBulk(path, 25, 30);
    const counted = { bytes: 0 };
    countBytes(lab.b, lab.a, counted);
    const id = await sendAndAccept(lab, [path]);
    const before = await watchUntil(lab.b, id, ({ doneBytes }) => doneBytes > 12 * MiB);
    assert.equal(before.offer.state, "accepted");
    await lab.restart(which);
    if (lab.b.sessions.get(lab.a.id) !== undefined) countBytes(lab.b, lab.a, counted);
    const after = await watchUntil(lab.b, id, ({ resumedBytes, doneBytes }) => resumedBytes > 0 && doneBytes > resumedBytes);
    assert.ok(after.resumedBytes >= before.doneBytes, `${after.resumedBytes} of ${before.doneBytes}`);
    const done = await watchUntil(lab.b, id);
    assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
    // What was read from the way and not written yet, both times.
    assert.ok(counted.bytes < done.offer.size + 16 * MiB, `${counted.bytes} for ${done.offer.size}`);
    assert.deepEqual(await listing(join(lab.into, "bulk")), await listing(path));
    await eventually(async () => (await watchUntil(lab.a, id)).offer.state, "done");
  });
}

test("a large file that goes or changes on the way is noted, unless it came before; the rest arrives", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "bulk");
  await makeBulk(path, 3, 60);
  await writeFile(join(path, "b2"), randomBytes(2 * MiB));
  const content = await readFile(join(path, "b1"));
  const id = await sendAndAccept(lab, [path]);
  await watchUntil(lab.b, id, ({ doneBytes }) => doneBytes > 4 * MiB);
  await Promise.all([rm(join(path, "b0")), appendFile(join(path, "b1"), "more")]);
  const done = await watchUntil(lab.b, id);
  assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
  const names = ["b2", "s0", "s1", "s2"];
  const found = await readdir(join(lab.into, "bulk"));
  assert.deepEqual(
    found.filter((name) => !["b0", "b1"].includes(name)),
    names,
  );
  const noted = new Map(done.notes.first.map(({ path: at, code }) => [at, code]));
  assert.equal(noted.get("bulk/b0"), found.includes("b0") ? undefined : "vanished");
  assert.equal(noted.get("bulk/b1"), found.includes("b1") ? undefined : "changed");
  if (found.includes("b1")) assert.ok((await readFile(join(lab.into, "bulk", "b1"))).equals(content));
  assert.ok(found.length < 6, "nothing of it was still to come");
  const there = await watchUntil(lab.a, id);
  assert.equal(there.offer.state, "done");
  assert.equal(there.notes.count, done.notes.count);
});

test("a tree of which nothing is there any more fails in words, and leaves nothing", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "bulk");
  await makeBulk(path, 2, 4);
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  await rm(path, { recursive: true });
  await eventually(async () => (await lab.b.files.offers()).length, 1);
  await lab.b.files.accept(offer.id, { into: lab.into });
  const done = await watchUntil(lab.b, offer.id);
  assert.equal(done.offer.state, "failed", JSON.stringify(done));
  assert.equal(done.problem!.code, "not-found");
  await eventually(() => readdir(lab.into), []);
});

test("a tree that has grown far beyond what was agreed to fails; sent again, it is what it is now", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "bulk");
  await makeBulk(path, 1, 2);
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  for (let i = 0; i < 70; i++) await writeFile(join(path, `more${i}`), randomBytes(MiB));
  await lab.b.files.accept(offer.id, { into: lab.into });
  const failed = await watchUntil(lab.b, offer.id);
  assert.equal(failed.offer.state, "failed");
  assert.equal(failed.problem!.code, "changed");
  await eventually(() => readdir(lab.into), []);
  assert.equal((await watchUntil(lab.a, offer.id)).problem!.code, "changed");

  const again = await lab.a.files.send(lab.b.id, [path]);
  assert.equal(again.offer.id, offer.id);
  assert.equal(again.offer.files, 73);
  const renewed = await nextOffer(lab.b);
  assert.equal(renewed.size, again.offer.size);
  await lab.b.files.accept(offer.id, { into: lab.into });
  const done = await watchUntil(lab.b, offer.id);
  assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
  assert.deepEqual(await listing(join(lab.into, "bulk")), await listing(path));
});

test("either side gives up midway: both know, and nothing is left", async () => {
  for (const which of ["a", "b"] as const) {
    await using lab = await openLab();
    const path = join(lab.dir, "bulk");
    await makeBulk(path, 10, 40);
    const id = await sendAndAccept(lab, [path]);
    await watchUntil(lab.b, id, ({ doneBytes }) => doneBytes > 5 * MiB);
    await lab[which].files.cancel(id);
    const state = which === "a" ? "withdrawn" : "declined";
    for (const peer of [lab.a, lab.b]) assert.equal((await watchUntil(peer, id)).offer.state, state);
    await eventually(() => readdir(lab.into), []);
    await eventually(() => lab.a.store.listLocal("files", `roots/${id}/`), []);
    for (const prefix of ["tree/", "large/", "hash/"])
      for (const peer of [lab.a, lab.b]) await eventually(() => peer.store.listLocal("files", prefix + id), []);
  }
});
