import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { createMemoryTransport } from "../../src/transport/memory.ts";
import { b3, eventually, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;

const SIZES: [size: number, border: string][] = [
  [0, "nothing"],
  [1, "one byte"],
  [MiB - 1, "just under a block"],
  [MiB, "a block"],
  [MiB + 1, "just over a block"],
  [3 * MiB, "whole blocks"],
  [20 * MiB + 12_345, "more than all that is read ahead and queued"],
];

for (const transport of ["tcp", "memory"] as const) {
  test(`files of every size arrive, verified, over ${transport}`, async () => {
    const network = transport === "memory" ? { transport: createMemoryTransport(), listen: "memory://*" } : {};
    await using lab = await openLab(network);
    const { a, b, into } = lab;
    for (const [size, border] of SIZES) {
      const content = randomBytes(size);
      const path = join(lab.dir, `file ${size}.bin`);
      await writeFile(path, content);
      await utimes(path, 1_600_000_000, 1_600_000_000);
      const sent = await a.files.send(b.id, [path]);
      assert.equal(sent.offer.state, "waiting");
      assert.equal(sent.path, undefined);
      const offer = await nextOffer(b);
      assert.deepEqual([offer.name, offer.size, offer.direction, offer.peer], [`file ${size}.bin`, size, "in", a.id]);
      await b.files.accept(offer.id, { into });
      const got = await watchUntil(b, offer.id);
      assert.equal(got.offer.state, "done", border);
      assert.equal(got.blake3, b3(content), border);
      assert.equal(got.doneBytes, size);
      assert.equal(got.path, join(into, `file ${size}.bin`));
      assert.ok((await readFile(got.path)).equals(content));
      assert.equal((await stat(got.path)).mtimeMs, 1_600_000_000_000);
      const known = await watchUntil(a, offer.id);
      assert.equal(known.offer.state, "done");
      assert.equal(known.doneBytes, size);
      assert.equal((await a.files.transfers()).find(({ offer: { id } }) => id === offer.id)!.blake3, b3(content));
    }
    assert.deepEqual(
      (await readdir(into)).filter((name) => name.startsWith(".")),
      [],
    );
    for (const peer of [a, b]) await eventually(async () => (await peer.store.listLocal("files", "hash/")).length, 0);
  });
}

test("both numbers stay, and count on", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "x");
  await writeFile(path, "x");
  for (const number of [1, 2, 3]) {
    const { offer } = await lab.a.files.send(lab.b.id, [path]);
    assert.equal(offer.number, number);
    const got = await nextOffer(lab.b);
    assert.equal(got.number, number);
    await lab.b.files.decline(got.id);
    await watchUntil(lab.a, offer.id);
  }
});

test("what was declined is not sent, and its sender is told", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "x");
  await writeFile(path, "x");
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  await lab.b.files.decline(offer.id);
  assert.equal((await watchUntil(lab.a, offer.id)).offer.state, "declined");
  await assert.rejects(lab.b.files.accept(offer.id, { into: lab.into }), { code: "conflict" });
  await assert.rejects(lab.b.files.decline(offer.id), { code: "conflict" });
  assert.deepEqual(await readdir(lab.into), []);
});

test("files of an own device are taken without asking, into a directory that is made for them", async () => {
  await using lab = await openLab({ mine: true });
  const path = join(lab.dir, "own.txt");
  await writeFile(path, "mine");
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  assert.equal((await watchUntil(lab.a, offer.id)).offer.state, "done");
  assert.equal(await readFile(join(lab.b.incoming, "own.txt"), "utf8"), "mine");
  const waiting = lab.b.files.incoming({ signal: AbortSignal.timeout(50) });
  await assert.rejects(
    async () => {
      for await (const one of waiting) assert.fail(`asked about ${one.name}`);
    },
    { name: "TimeoutError" },
  );
});

test("the sender takes a waiting offer back", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "x");
  await writeFile(path, "x");
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  await lab.a.files.cancel(offer.id);
  assert.equal((await watchUntil(lab.b, offer.id)).offer.state, "withdrawn");
  await assert.rejects(lab.b.files.accept(offer.id, { into: lab.into }), { code: "conflict" });
  await assert.rejects(lab.a.files.cancel(offer.id), { code: "conflict" });
});

test("whoever waits for a transfer is told when the other device is removed", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "x");
  await writeFile(path, "x");
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  const waiting = watchUntil(lab.a, offer.id);
  await nextOffer(lab.b);
  await lab.a.book.remove(lab.b.id);
  const last = await waiting;
  assert.deepEqual([last.offer.state, last.problem?.code], ["withdrawn", "not-paired"]);
});

for (const who of ["sender", "receiver"] as const) {
  test(`the ${who} stops a running transfer: both sides know, nothing is left`, async () => {
    await using lab = await openLab();
    const path = join(lab.dir, "big");
    await writeFile(path, randomBytes(128 * MiB));
    const { offer } = await lab.a.files.send(lab.b.id, [path]);
    await nextOffer(lab.b);
    await lab.b.files.accept(offer.id, { into: lab.into });
    await watchUntil(lab.b, offer.id, ({ doneBytes }) => doneBytes > 0);
    const peer = who === "sender" ? lab.a : lab.b;
    await peer.files.cancel(offer.id);
    const states = await Promise.all([lab.a, lab.b].map(async (one) => (await watchUntil(one, offer.id)).offer.state));
    const expected = who === "sender" ? "withdrawn" : "declined";
    assert.deepEqual(states, [expected, expected]);
    await eventually(async () => (await readdir(lab.into)).length, 0);
    for (const peer of [lab.a, lab.b]) await eventually(async () => (await peer.store.listLocal("files", "hash/")).length, 0);
  });
}

test("two offers of the same name at once get two names, and what was there stays", async () => {
  await using lab = await openLab();
  await mkdir(join(lab.dir, "two"));
  const paths = [join(lab.dir, "same.txt"), join(lab.dir, "two", "same.txt")];
  await writeFile(join(lab.into, "same.txt"), "was here");
  const offers: string[] = [];
  for (const [index, path] of paths.entries()) {
    await writeFile(path, `number ${index}`);
    offers.push((await lab.a.files.send(lab.b.id, [path])).offer.id);
  }
  for (const id of offers) await watchUntil(lab.b, await known(lab, id), () => true);
  await Promise.all(offers.map((id) => lab.b.files.accept(id, { into: lab.into })));
  await Promise.all(offers.map((id) => watchUntil(lab.b, id)));
  assert.deepEqual((await readdir(lab.into)).sort(), ["same (2).txt", "same (3).txt", "same.txt"]);
  assert.equal(await readFile(join(lab.into, "same.txt"), "utf8"), "was here");
  const two = [await readFile(join(lab.into, "same (2).txt"), "utf8"), await readFile(join(lab.into, "same (3).txt"), "utf8")];
  assert.deepEqual(two.sort(), ["number 0", "number 1"]);
});

test("many at once all arrive, a few at a time", async () => {
  await using lab = await openLab({ mine: true });
  const ids: string[] = [];
  for (let i = 0; i < 30; i++) {
    const path = join(lab.dir, `n${i}`);
    await writeFile(path, randomBytes(100_000 + i));
    ids.push((await lab.a.files.send(lab.b.id, [path])).offer.id);
  }
  for (const id of ids) assert.equal((await watchUntil(lab.a, id)).offer.state, "done");
  assert.equal((await readdir(lab.b.incoming)).length, 30);
});

test("what can't be sent or received is refused in words", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  await assert.rejects(a.files.send(b.id, [join(lab.dir, "absent")]), { code: "not-found" });
  await assert.rejects(a.files.send(b.id, ["/dev/null"]), { code: "bad-argument" });
  await assert.rejects(a.files.send(a.id, [join(lab.dir, "x")]), { code: "not-paired" });
  const path = join(lab.dir, "x");
  await writeFile(path, "x");
  const { offer } = await a.files.send(b.id, [path]);
  await nextOffer(b);
  await assert.rejects(b.files.accept(offer.id, { into: "relative" }), { code: "bad-argument" });
  await assert.rejects(b.files.accept(offer.id, { into: join(lab.dir, "absent") }), { code: "bad-argument" });
  await assert.rejects(b.files.accept(offer.id, { into: path }), { code: "bad-argument" });
  await assert.rejects(b.files.accept("0".repeat(32), { into: lab.into }), { code: "not-found" });
  await assert.rejects(a.files.accept(offer.id, { into: lab.into }), { code: "bad-argument" });
  await rm(path);
  await b.files.accept(offer.id, { into: lab.into });
  const failed = await watchUntil(b, offer.id);
  assert.equal(failed.offer.state, "failed");
  assert.equal(failed.problem?.code, "not-found");
  assert.match(failed.problem.hint ?? "", /sent again/);
  assert.equal((await watchUntil(a, offer.id)).offer.state, "failed");
  await writeFile(path, "again");
  await b.files.accept(offer.id, { into: lab.into });
  assert.equal((await watchUntil(b, offer.id)).offer.state, "done");
  assert.equal(await readFile(join(lab.into, "x"), "utf8"), "again");
});

async function known(lab: Awaited<ReturnType<typeof openLab>>, id: string): Promise<string> {
  for await (const offer of lab.b.files.incoming({ signal: AbortSignal.timeout(15_000) })) if (offer.id === id) return id;
  throw new Error("unreachable");
}
