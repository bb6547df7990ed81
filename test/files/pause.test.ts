// Transfers that are stopped for now: on either side or both, over restarts and kills, and around everything else that happens to them.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import type { Transfer } from "../../src/services/files/contract.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { startChild } from "./children.ts";
import { b3, eventually, type FilesPeer, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;

/** Offers a new file; resolves to the offer's id and the file's content once the receiver knows of it. */
async function offered(lab: Lab, bytes: number, name = "file"): Promise<{ readonly id: string; readonly content: Buffer }> {
  const content = randomBytes(bytes);
  await writeFile(join(lab.dir, name), content);
  const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, name)]);
  await nextOffer(lab.b);
  return { id: offer.id, content };
}

/** The same, agreed to, and on its way. */
async function underWay(lab: Lab, bytes = 128 * MiB): Promise<{ readonly id: string; readonly content: Buffer }> {
  const one = await offered(lab, bytes);
  await lab.b.files.accept(one.id, { into: lab.into });
  await watchUntil(lab.b, one.id, ({ doneBytes }) => doneBytes > 0);
  return one;
}

async function transfer(peer: FilesPeer, id: string): Promise<Transfer> {
  return (await peer.files.transfers()).find(({ offer }) => offer.id === id)!;
}

const paused = async (lab: Lab, id: string): Promise<unknown[]> => [
  (await transfer(lab.a, id)).paused,
  (await transfer(lab.b, id)).paused,
];

async function arrives(lab: Lab, id: string, content: Buffer): Promise<Transfer> {
  const done = await watchUntil(lab.b, id);
  assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
  assert.equal(done.blake3, b3(content));
  assert.equal((await watchUntil(lab.a, id)).offer.state, "done");
  assert.deepEqual(await paused(lab, id), [undefined, undefined]);
  return done;
}

for (const who of ["a", "b"] as const) {
  const other = who === "a" ? "b" : "a";
  test(`the ${who === "a" ? "sender" : "receiver"} pauses: it stands still on both sides, over restarts, until that one resumes`, async () => {
    await using lab = await openLab();
    const { id, content } = await underWay(lab);
    const shown = await lab[who].files.pause(id);
    assert.deepEqual([shown.paused, shown.offer.state], ["here", "accepted"]);
    await watchUntil(lab[other], id, (seen) => seen.paused === "there");
    await lab.restart(who);
    await lab.restart(other);
    await eventually(async () => (await transfer(lab.b, id)).connected, true);
    const { doneBytes } = await transfer(lab.b, id);
    // Another one goes all its way meanwhile.
    const marker = await offered(lab, 1000, "marker");
    await lab.b.files.accept(marker.id, { into: lab.into });
    await arrives(lab, marker.id, marker.content);
    assert.ok(doneBytes > 0 && doneBytes < content.length);
    assert.deepEqual(await paused(lab, id), who === "a" ? ["here", "there"] : ["there", "here"]);
    // The other side has nothing to resume.
    await lab[other].files.resume(id);
    assert.equal((await transfer(lab[who], id)).paused, "here");
    assert.equal((await transfer(lab.b, id)).doneBytes, doneBytes);
    assert.equal((await lab[who].files.resume(id)).paused, undefined);
    assert.ok((await arrives(lab, id, content)).resumedBytes >= doneBytes);
    for (const peer of [lab.a, lab.b])
      for (const method of ["pause", "resume"] as const)
        await assert.rejects(peer.files[method](id), { code: "conflict", message: /already done/ });
  });
}

test("a sender that paused gives nothing to a receiver that asks all the same, and does not call it a fault", async () => {
  await using lab = await openLab();
  const { id, content } = await offered(lab, 1000);
  await lab.a.files.pause(id);
  const args = { offer: id, size: content.length, ranges: [0, 1] };
  await assert.rejects(lab.b.sessions.get(lab.a.id)!.open(FETCH_ROUTE, args), { code: "limit" });
});

test("both pause: it goes on when both have resumed", async () => {
  await using lab = await openLab();
  const { id, content } = await underWay(lab);
  await Promise.all([lab.a.files.pause(id), lab.b.files.pause(id)]);
  assert.deepEqual(await paused(lab, id), ["here", "here"]);
  await lab.a.files.resume(id);
  await eventually(() => paused(lab, id), ["there", "here"]);
  await lab.b.files.resume(id);
  await arrives(lab, id, content);
});

test("an offer that waits can be paused by its sender alone; agreed to, it starts when that one resumes", async () => {
  await using lab = await openLab();
  const { id, content } = await offered(lab, 1000);
  await assert.rejects(lab.b.files.pause(id), { code: "conflict", message: /agreed/ });
  await lab.b.files.resume(id);
  await lab.a.files.pause(id);
  await watchUntil(lab.b, id, (seen) => seen.paused === "there");
  const agreed = await lab.b.files.accept(id, { into: lab.into });
  assert.deepEqual([agreed.offer.state, agreed.paused], ["accepted", "there"]);
  await watchUntil(lab.a, id, ({ offer }) => offer.state === "accepted");
  assert.deepEqual(await readdir(lab.into), []);
  await lab.a.files.resume(id);
  await arrives(lab, id, content);
});

for (const who of ["a", "b"] as const) {
  test(`the ${who === "a" ? "sender" : "receiver"} cancels what the other one paused: nothing is left`, async () => {
    await using lab = await openLab();
    const { id } = await underWay(lab);
    await lab[who === "a" ? "b" : "a"].files.pause(id);
    await watchUntil(lab[who], id, (seen) => seen.paused === "there");
    await lab[who].files.cancel(id);
    const state = who === "a" ? "withdrawn" : "declined";
    for (const peer of [lab.a, lab.b]) {
      const last = await watchUntil(peer, id);
      assert.deepEqual([last.offer.state, last.paused], [state, undefined]);
    }
    await eventually(() => readdir(lab.into), []);
    for (const peer of [lab.a, lab.b]) await eventually(async () => (await peer.store.listLocal("files", "hash/")).length, 0);
  });
}

test("pauses and resumes at once, on both sides, end as the last one said", async () => {
  await using lab = await openLab();
  const { id, content } = await underWay(lab, 32 * MiB);
  for (let round = 0; round < 10; round++) {
    const peer = round % 2 === 0 ? lab.a : lab.b;
    const calls = ["pause", "resume", "pause", "resume", "resume"] as const;
    const results = await Promise.allSettled(calls.map((call) => peer.files[call](id)));
    for (const result of results)
      if (result.status === "rejected") assert.equal((result.reason as { code: string }).code, "conflict");
  }
  await arrives(lab, id, content);
});

test("a pause at the moment of agreeing, and at the last block, is held to by both sides", async () => {
  await using lab = await openLab();
  for (let round = 0; round < 12; round++) {
    const { id, content } = await offered(lab, 300_000, `n${round}`);
    const peer = round % 2 === 0 ? lab.a : lab.b;
    const accepting = lab.b.files.accept(id, { into: lab.into });
    if (peer === lab.b || round > 4) await accepting;
    await new Promise((resolve) => setTimeout(resolve, round));
    const [pausing] = await Promise.allSettled([peer.files.pause(id)]);
    await accepting;
    if (pausing.status === "fulfilled" && pausing.value.offer.state !== "done") {
      const shown = (await transfer(peer, id)).paused;
      const over = (await transfer(lab.b, id)).offer.state === "done";
      assert.ok(over || shown === "here", `round ${round}: ${shown}`);
      if (!over) await peer.files.resume(id);
    }
    await arrives(lab, id, content);
  }
});

test("what failed begins again as it was agreed to, when its receiver resumes it", async () => {
  await using lab = await openLab();
  const { id, content } = await offered(lab, 1000);
  await rm(join(lab.dir, "file"));
  await lab.b.files.accept(id, { into: lab.into });
  assert.equal((await watchUntil(lab.b, id)).offer.state, "failed");
  await writeFile(join(lab.dir, "file"), content);
  const again = await lab.b.files.resume(id);
  assert.deepEqual([again.offer.state, again.problem], ["accepted", undefined]);
  await arrives(lab, id, content);
});

test("what failed is offered again when its sender resumes it, and stays so", async () => {
  await using lab = await openLab();
  const { id, content } = await offered(lab, 1000);
  await rm(join(lab.dir, "file"));
  await lab.b.files.accept(id, { into: lab.into });
  assert.equal((await watchUntil(lab.a, id)).offer.state, "failed");
  await writeFile(join(lab.dir, "file"), content);
  assert.equal((await lab.a.files.resume(id)).offer.state, "waiting");
  assert.equal((await nextOffer(lab.b)).id, id);
  // What the other side had said of the first time is still in the space.
  await lab.restart("a");
  assert.equal((await transfer(lab.a, id)).offer.state, "waiting");
  await lab.b.files.accept(id, { into: lab.into });
  await arrives(lab, id, content);
});

test("sending the same paths again goes on with what is open: paused, failed, waiting; and not with what is over", async () => {
  await using lab = await openLab();
  const { id, content } = await underWay(lab);
  await writeFile(join(lab.dir, "other"), "other");
  const again = async (...names: string[]): Promise<string> =>
    (
      await lab.a.files.send(
        lab.b.id,
        names.map((name) => join(lab.dir, name)),
      )
    ).offer.id;
  await lab.a.files.pause(id);
  assert.equal(await again("file"), id);
  await arrives(lab, id, content);
  assert.notEqual(await again("file"), id);
  const both = await again("file", "other");
  assert.equal(await again("other", "file"), both);
  const other = await again("other");
  assert.ok(![id, both].includes(other));
  await eventually(async () => (await lab.b.files.offers()).filter(({ state }) => state === "waiting").length, 3);
  await lab.b.files.decline(other);
  await watchUntil(lab.a, other);
  assert.notEqual(await again("other"), other);
  // What was a file is none now: that is another thing to send.
  const before = await again("other");
  await rm(join(lab.dir, "other"));
  await mkdir(join(lab.dir, "other"));
  assert.notEqual(await again("other"), before);
});

test("a sender that is killed around a pause and a resume: afterwards both sides agree", async () => {
  await using lab = await openLab();
  const content = randomBytes(64 * MiB);
  await writeFile(join(lab.dir, "file"), content);
  const address = lab.a.sessions.addresses()[0]!;
  await lab.a.close();
  const start = () => startChild([join(lab.dir, "a"), address, lab.b.id, join(lab.dir, "file")]);
  let child = await start();
  try {
    const { id } = await nextOffer(lab.b);
    await lab.b.files.accept(id, { into: lab.into });
    await watchUntil(lab.b, id, ({ doneBytes }) => doneBytes > 0);
    for (let round = 0; round < 3; round++) {
      const asked = child.ask(round % 2 === 0 ? "pause" : "resume");
      await new Promise((resolve) => setTimeout(resolve, 4 * round));
      await child.kill();
      await asked;
      child = await start();
      const [there] = await child.transfers();
      if (there!.offer.state === "done") break;
      const expected = there!.paused === "here" ? "there" : undefined;
      await watchUntil(lab.b, id, (seen) => seen.connected && seen.paused === expected);
    }
    await child.ask("resume");
    const done = await watchUntil(lab.b, id);
    assert.equal(done.offer.state, "done");
    assert.ok((await readFile(join(lab.into, "file"))).equals(content));
  } finally {
    await child.kill();
  }
});
