// Sources that change or go while they are sent, cut links, and full disks.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { startChild } from "./children.ts";
import { b3, eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;

/** Offers the file, accepts it, and resolves to the offer's id once the first bytes are there. */
async function underWay(lab: Lab, path: string): Promise<string> {
  const { offer } = await lab.a.files.send(lab.b.id, path);
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
  const { offer } = await lab.a.files.send(lab.b.id, path);
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

function whyNoNamespace(): string | undefined {
  try {
    execFileSync("unshare", ["-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `no tmpfs of one's own here: ${(error as Error).message.split("\n")[0]}`;
  }
}

test(
  "a disk that fills up on the way stops the transfer in words; with space again it goes on by itself",
  { skip: whyNoNamespace() },
  async () => {
    await using lab = await openLab({ mine: true });
    const { incoming } = lab.b;
    await mkdir(incoming, { recursive: true });
    const address = lab.b.sessions.addresses()[0]!;
    await lab.b.close();
    const script = 'mount -t tmpfs -o size=48m tmpfs "$0" && head -c 4M /dev/zero > "$0/filler" && exec "$@"';
    await using child = await startChild([join(lab.dir, "b"), address], ["unshare", "-Urm", "sh", "-c", script, incoming]);
    const there = `/proc/${child.pid}/root${incoming}`;

    // Each fits alone, and is begun; both do not fit.
    const contents = [randomBytes(30 * MiB), randomBytes(30 * MiB)];
    const ids: string[] = [];
    for (const [i, content] of contents.entries()) {
      const path = join(lab.dir, `n${i}`);
      await writeFile(path, content);
      ids.push((await lab.a.files.send(lab.b.id, path)).offer.id);
    }
    await eventually(
      async () => (await child.transfers()).map(({ offer, problem }) => `${offer.state} ${problem?.code ?? ""}`).sort(),
      ["accepted no-space", "done "],
    );
    const transfers = await child.transfers();
    const stopped = transfers.find(({ problem }) => problem !== undefined)!;
    assert.match(stopped.problem!.hint!, /Free some space/);
    const whole = transfers.find(({ offer }) => offer.state === "done")!;
    await rm(join(there, whole.offer.name));
    assert.equal((await watchUntil(lab.a, stopped.offer.id)).offer.state, "done");
    assert.ok((await readFile(join(there, stopped.offer.name))).equals(contents[ids.indexOf(stopped.offer.id)]!));
    assert.deepEqual((await readdir(there)).sort(), ["filler", stopped.offer.name].sort());
  },
);
