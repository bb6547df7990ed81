// Sources that change or go while they are sent, and cut links.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFile, open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { b3, eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;

/** Offers the file, accepts it, and resolves to the offer's id once the first bytes are there. */
async function underWay(lab: Lab, path: string): Promise<string> {
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  await lab.b.files.accept(offer.id, { into: lab.into });
  await watchUntil(lab.b, offer.id, ({ doneBytes }) => doneBytes > 0);
  return offer.id;
}

const CHANGES: [what: string, change: (path: string) => Promise<void>][] = [
  ["appended to", (path) => appendFile(path, "more")],
  ["truncated", (path) => truncate(path, 50 * MiB + 1)],
  [
    "overwritten at its beginning and its end",
    async (path) => {
      const handle = await open(path, "r+");
      await handle.write(randomBytes(10), 0, 10, 0);
      await handle.write(randomBytes(10), 0, 10, 127 * MiB);
      await handle.close();
    },
  ],
  [
    "replaced by another file",
    async (path) => {
      await rm(path);
      await writeFile(path, randomBytes(3 * MiB));
    },
  ],
];
for (const [what, change] of CHANGES) {
  test(`a file that is ${what} on its way arrives as it was or as it is, never mixed`, async () => {
    await using lab = await openLab();
    const path = join(lab.dir, "file");
    const before = randomBytes(128 * MiB);
    await writeFile(path, before);
    const id = await underWay(lab, path);
    await change(path);
    const done = await watchUntil(lab.b, id);
    assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
    const found = b3(await readFile(join(lab.into, "file")));
    assert.ok([b3(before), b3(await readFile(path))].includes(found));
    assert.equal(done.blake3, found);
    assert.deepEqual(await readdir(lab.into), ["file"]);
  });
}

test("a file that never stops changing fails on both sides, in words, and leaves nothing", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "log");
  await writeFile(path, randomBytes(64 * MiB));
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  const handle = await open(path, "r+");
  let writing = true;
  const again = (async () => {
    while (writing) await handle.write(randomBytes(1), 0, 1, 5);
  })();
  await lab.b.files.accept(offer.id, { into: lab.into });
  const failed = await watchUntil(lab.b, offer.id);
  writing = false;
  await again;
  await handle.close();
  assert.equal(failed.offer.state, "failed");
  assert.equal(failed.problem!.code, "changed");
  assert.match(failed.problem!.hint!, /sent again/);
  assert.equal((await watchUntil(lab.a, offer.id)).problem!.code, "changed");
  await eventually(() => readdir(lab.into), []);
});

test("a file that is removed on its way fails on both sides, in words, and leaves nothing", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "file");
  await writeFile(path, randomBytes(128 * MiB));
  const id = await underWay(lab, path);
  await rm(path);
  for (const peer of [lab.b, lab.a]) {
    const { offer, problem } = await watchUntil(peer, id);
    assert.equal(offer.state, "failed");
    assert.equal(problem!.code, "not-found");
  }
  await eventually(() => readdir(lab.into), []);
});

test("a session that is cut costs nothing that was received", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "file");
  const content = randomBytes(150 * MiB);
  await writeFile(path, content);
  const id = await underWay(lab, path);
  const { doneBytes } = await watchUntil(lab.b, id, ({ doneBytes: bytes }) => bytes > 20 * MiB);
  await lab.b.sessions.get(lab.a.id)!.close();
  const again = await watchUntil(lab.b, id, ({ resumedBytes }) => resumedBytes > 0);
  assert.ok(again.resumedBytes >= doneBytes || again.offer.state === "done");
  const done = await watchUntil(lab.b, id);
  assert.equal(done.blake3, b3(content));
});
