// kill -9 at random moments of a transfer, on either side: it goes on by itself, loses little, and ends with the right file.

import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import type { Transfer } from "../../src/services/files/contract.ts";
import { type Child, startChild } from "../files/children.ts";
import { b3, eventually, type FilesPeer, openFilesPeer, openLab, watchUntil } from "../files/peers.ts";

const MiB = LIMITS.blockBytes;
const SIZE = 256 * MiB + 4321;
const KILLS = 3;

/** What is verified here, and its checkpoint is still running, when the next one is due. */
const MAY_BE_LOST = 2 * LIMITS.checkpointBytes + 2 * LIMITS.blobWriteBytes;

/** Watches from the peer that stays; kills and restarts the other at random moments. */
async function survive(peer: FilesPeer, id: string, start: () => Promise<Child>, first: Child): Promise<Transfer> {
  let child = first;
  try {
    let before = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const moment = Math.floor((SIZE * (kill + Math.random())) / KILLS);
      const seen = await watchUntil(peer, id, ({ doneBytes }) => doneBytes >= moment);
      if (seen.offer.state === "done") break;
      await child.kill();
      child = await start();
      const again = await watchUntil(peer, id, ({ resumedBytes }) => resumedBytes !== before);
      before = again.resumedBytes;
      assert.ok(before >= seen.doneBytes - MAY_BE_LOST, `${seen.doneBytes - before} bytes were sent again`);
    }
    return await watchUntil(peer, id);
  } finally {
    await child.kill();
  }
}

for (const victim of ["receiver", "sender"] as const) {
  test(`the ${victim} is killed ${KILLS} times at random moments`, async () => {
    await using lab = await openLab({ mine: true });
    const content = randomBytes(SIZE);
    const path = join(lab.dir, "file");
    await writeFile(path, content);
    const survivor = victim === "receiver" ? lab.a : lab.b;
    const dead = victim === "receiver" ? lab.b : lab.a;
    const address = dead.sessions.addresses()[0]!;
    await dead.close();
    const args = [join(lab.dir, victim === "receiver" ? "b" : "a"), address];
    if (victim === "sender") args.push(survivor.id, path);
    const start = (): Promise<Child> => startChild(args);
    const child = await start();
    let id = "";
    if (victim === "receiver") id = (await survivor.files.send(dead.id, [path])).offer.id;
    else
      await eventually(async () => (await survivor.files.offers()).length, 1).then(
        async () => void (id = (await survivor.files.offers())[0]!.id),
      );

    const done = await survive(survivor, id, start, child);
    // What was acknowledged is there, although the receiver was killed right after.
    assert.equal(done.offer.state, "done");
    assert.deepEqual(await readdir(lab.b.incoming), ["file"]);
    assert.equal(b3(await readFile(join(lab.b.incoming, "file"))), b3(content));

    const again = await openFilesPeer({ dir: join(lab.dir, victim === "receiver" ? "b" : "a") });
    await eventually(async () => (await again.files.offers())[0]!.state, "done");
    await eventually(async () => (await again.store.listLocal("files", "hash/")).length, 0);
    await again.close();
  });
}

test("a receiver killed anywhere in the end of many small files has each of them once", async () => {
  await using lab = await openLab({ mine: true });
  const address = lab.b.sessions.addresses()[0]!;
  await lab.b.close();
  const start = (): Promise<Child> => startChild([join(lab.dir, "b"), address]);
  let child = await start();
  const ids: string[] = [];
  for (let i = 0; i < 24; i++) {
    const path = join(lab.dir, `n${i}`);
    await writeFile(path, `content ${i}`);
    ids.push((await lab.a.files.send(lab.b.id, [path])).offer.id);
    if (i % 6 !== 5) continue;
    await new Promise((resolve) => setTimeout(resolve, randomInt(60)));
    await child.kill();
    child = await start();
  }
  for (const id of ids) assert.equal((await watchUntil(lab.a, id)).offer.state, "done");
  await eventually(async () => (await readdir(lab.b.incoming)).sort(), ids.map((_, i) => `n${i}`).sort());
  await child.kill();
  for (const [i] of ids.entries()) assert.equal(await readFile(join(lab.b.incoming, `n${i}`), "utf8"), `content ${i}`);
});
