// The figures of a transfer, at every moment: what is there is counted, and counted once.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { u64 } from "../../src/core/bytes.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { Transfer } from "../../src/services/files/contract.ts";
import { WALK_ROUTE } from "../../src/services/files/trees/wire.ts";
import { eventually, type FilesPeer, type Lab, openLab, watchUntil } from "./peers.ts";
import { sendAndAccept } from "./tree-kit.ts";

const MiB = LIMITS.blockBytes;

async function transfer(peer: FilesPeer, id: string): Promise<Transfer> {
  return (await peer.files.transfers()).find(({ offer }) => offer.id === id)!;
}

/** Every state that shows from now to the end. */
async function everyState(peer: FilesPeer, id: string): Promise<Transfer[]> {
  const seen: Transfer[] = [];
  for (;;) {
    seen.push(await transfer(peer, id));
    if (seen.at(-1)!.offer.state !== "accepted") return seen;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function assertRising(seen: readonly Transfer[], from: number): void {
  let last = from;
  for (const { doneBytes, resumedBytes, offer } of seen) {
    assert.ok(doneBytes >= last, `${doneBytes} after ${last} bytes`);
    assert.ok(doneBytes <= offer.size && resumedBytes <= doneBytes, `${resumedBytes} of ${doneBytes} of ${offer.size}`);
    last = doneBytes;
  }
}

/** A tree whose large file is on its way. */
async function largeUnderWay(lab: Lab): Promise<string> {
  await mkdir(join(lab.dir, "tree"));
  await writeFile(join(lab.dir, "tree", "a"), randomBytes(500_000));
  await writeFile(join(lab.dir, "tree", "large"), randomBytes(128 * MiB));
  const id = await sendAndAccept(lab, [join(lab.dir, "tree")]);
  await watchUntil(lab.b, id, ({ doneBytes }) => doneBytes > 16 * MiB);
  return id;
}

test("a receiver that starts anew counts what is here of a tree's large files before it has looked at them again", async () => {
  await using lab = await openLab();
  const id = await largeUnderWay(lab);
  const { doneBytes } = await lab.b.files.pause(id);
  await lab.restart("b");
  assert.equal((await transfer(lab.b, id)).doneBytes, doneBytes);
  await lab.b.files.resume(id);
  const seen = await everyState(lab.b, id);
  assert.equal(seen.at(-1)!.offer.state, "done");
  assertRising(seen, doneBytes);
  assert.ok(seen.at(-1)!.resumedBytes >= doneBytes);
});

test("a sender that starts anew amid a tree's large file shows what the receiver has of all of it", async () => {
  await using lab = await openLab();
  const id = await largeUnderWay(lab);
  let had = 0;
  await lab.restart("a", async () => void ({ doneBytes: had } = await transfer(lab.b, id)));
  const first = await watchUntil(lab.a, id, ({ doneBytes }) => doneBytes > 0);
  assert.ok(first.doneBytes >= had, `${first.doneBytes}, and ${had} were there`);
  assert.ok(first.resumedBytes >= had);
  assert.equal((await watchUntil(lab.b, id)).offer.state, "done");
});

test("what came in this session is not counted as resumed when the receiver walks on", async () => {
  await using lab = await openLab();
  await mkdir(join(lab.dir, "tree"));
  await writeFile(join(lab.dir, "tree", "a"), "0123456789");
  const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, "tree")]);
  const figures = async (): Promise<number[]> => {
    const { doneBytes, resumedBytes } = await transfer(lab.a, offer.id);
    return [doneBytes, resumedBytes];
  };
  const args = { offer: offer.id, path: "", content: true, deep: true };
  for (const [count, shown] of [
    [4, [4, 4]],
    [7, [7, 4]],
    [2 ** 50, [10, 4]],
  ] as const) {
    const { stream } = await lab.b.sessions.get(lab.a.id)!.open(WALK_ROUTE, args);
    await stream.write(u64(count));
    await eventually(figures, [...shown]);
    stream.reset();
  }
});

test("a tree that grew is never shown as more than it is", async () => {
  await using lab = await openLab();
  await mkdir(join(lab.dir, "tree"));
  for (const name of ["a", "b", "c"]) await writeFile(join(lab.dir, "tree", name), randomBytes(8 * MiB));
  const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, "tree")]);
  for (const name of ["a", "b", "c"]) await appendFile(join(lab.dir, "tree", name), randomBytes(8 * MiB));
  await eventually(async () => (await lab.b.files.offers()).length, 1);
  await lab.b.files.accept(offer.id, { into: lab.into });
  const seen = await everyState(lab.b, offer.id);
  assert.equal(seen.at(-1)!.offer.state, "done");
  assertRising(seen, 0);
});
