// Offers of a peer that is paired and offers what it likes: nonsense, thousands, and what was not agreed to.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { encodeCbor, type Cbor } from "../../src/core/cbor.ts";
import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { silentLog } from "../../src/core/log.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { pathOf } from "../../src/space/path.ts";
import { fileOffer, honest, offer, TOKEN } from "./hand-sender.ts";
import { eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

/** Writes the entries `offers/0…`, `offers/1…` and so on: an offer each, or its removal. */
async function write(lab: Lab, from: number, count: number, value: Cbor | undefined): Promise<void> {
  const writes = Array.from({ length: count }, (_, i) => ({
    path: pathOf("offers", (from + i).toString(16).padStart(32, "0")),
    value: value === undefined ? undefined : encodeCbor(value),
  }));
  await lab.a.store.write(await lab.a.store.direct(lab.b.id), writes);
}

const states = async (lab: Lab): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const { state } of await lab.b.files.offers()) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
};

test("offers that make no sense are not shown, and those after them are", async () => {
  await using lab = await openLab({ handSender: true });
  const sense = fileOffer("sense", 1) as Record<string, Cbor>;
  const senseless: Cbor[] = [
    ...[-1, 0.5, 2 ** 53 - 1, LIMITS.blobBytes + 1, 1e300, "1", null].map((size) => ({ ...sense, size })),
    ...[-1e15, 1e15, 0.5, "now"].map((mtimeMs) => ({ ...sense, mtimeMs })),
    { ...sense, name: 7 },
    { ...sense, name: "n".repeat(LIMITS.offerNameBytes + 1) },
    { ...sense, v: 2 },
    { ...sense, kind: "directory" },
    [],
    null,
    "file",
    { v: 1 },
  ];
  for (const value of senseless) await offer(lab, value);
  const space = await lab.a.store.direct(lab.b.id);
  for (const path of [pathOf("offers"), pathOf("offers", "x"), pathOf("offers", "x", "y", "z"), pathOf("offers", "0".repeat(32))])
    await lab.a.store.write(space, [{ path, value: Buffer.from("not CBOR") }]);
  const id = await offer(lab, { ...sense, later: "fields are for later versions" });
  assert.equal((await nextOffer(lab.b)).id, id);
  assert.equal((await lab.b.files.offers()).length, 1);
});

test("a thousand offers that make no sense are few lines in the log", async () => {
  const warned: { readonly count?: number }[] = [];
  const log = { ...silentLog, warn: (facts: object) => void warned.push(facts) };
  await using lab = await openLab({ handSender: true, log });
  await write(lab, 0, 1000, "no offer");
  const counted = async (): Promise<number> => warned.reduce((sum, { count = 1 }) => sum + count, 0);
  await eventually(counted, 1000);
  assert.ok(warned.length < 100, `${warned.length} lines`);
});

test("more offers than there is room for wait in the space until some are answered or taken back", async () => {
  await using lab = await openLab({ handSender: true });
  const room = LIMITS.offersOpen;
  await write(lab, 0, room + 5, fileOffer("x", 1));
  await eventually(() => states(lab), { waiting: room });
  const [first] = await lab.b.files.offers();
  await lab.b.files.decline(first!.id);
  await eventually(() => states(lab), { waiting: room, declined: 1 });
  await write(lab, 1, 1, undefined);
  await eventually(() => states(lab), { waiting: room, declined: 1, withdrawn: 1 });
});

test("offers that are made and taken back without end are not kept without end", async () => {
  await using lab = await openLab({ handSender: true });
  const count = LIMITS.offersEnded / 2;
  for (let round = 0; round < 3; round++) {
    await write(lab, round * count, count, fileOffer("x", 1));
    await eventually(async () => (await states(lab))["waiting"], count);
    await write(lab, round * count, count, undefined);
    await eventually(async () => (await states(lab))["waiting"], undefined);
  }
  await eventually(() => states(lab), { withdrawn: LIMITS.offersEnded });
  await eventually(async () => (await lab.b.store.listLocal("files", "offer/")).length, LIMITS.offersEnded);
});

test("a file that grows far beyond what was agreed to waits until somebody agrees again", async () => {
  await using lab = await openLab({ handSender: true });
  const bytes = Buffer.alloc(LIMITS.fileGrowthBytes + 11, 1);
  let asked: number[] = [];
  let size = 10;
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    const { size: wanted } = call.args as { readonly size: number };
    asked.push(wanted);
    if (wanted !== size) throw new CoveyError("changed", "the file is not what it was");
    const stream = await call.accept({ token: TOKEN });
    await honest(stream, bytes.subarray(0, size));
    while ((await stream.read()) !== null);
  });
  const id = await offer(lab, fileOffer("file", 10));
  await nextOffer(lab.b);
  size = bytes.length;
  await lab.b.files.accept(id, { into: lab.into });
  const space = await lab.a.store.direct(lab.b.id);
  await lab.a.store.write(space, [{ path: pathOf("offers", id), value: encodeCbor(fileOffer("file", size)) }]);
  const failed = await watchUntil(lab.b, id);
  assert.deepEqual([failed.offer.state, failed.offer.size, failed.problem?.code], ["failed", size, "changed"]);
  assert.match(failed.problem!.message, /larger than when it was agreed to: 67108875 bytes, not 10/);
  assert.ok(!asked.includes(size));
  asked = [];
  // Somebody who was shown the old size, and agrees when the new one has come, agrees to the old one.
  await lab.b.files.accept(id, { into: lab.into, size: 10 });
  assert.equal((await watchUntil(lab.b, id)).offer.state, "failed");
  assert.deepEqual(asked, []);
  await lab.b.files.accept(id, { into: lab.into });
  assert.equal((await watchUntil(lab.b, id)).offer.state, "done");
  assert.deepEqual(asked, [size]);
});

test("offers that ended long ago are forgotten, on both sides, and do not come alive again", async () => {
  await using lab = await openLab({ handSender: true });
  await lab.b.files.allow(lab.a.id, { offers: "refuse" });
  const extra = 30;
  await write(lab, 0, LIMITS.offersEnded + extra, fileOffer("x", 1));
  await eventually(async () => {
    const space = await lab.a.store.direct(lab.b.id);
    const last = (LIMITS.offersEnded + extra - 1).toString(16).padStart(32, "0");
    return (await lab.a.store.get(space, pathOf("offers", last, lab.b.id))) !== undefined;
  }, true);
  await eventually(() => states(lab), { declined: LIMITS.offersEnded });
  await eventually(async () => (await lab.b.store.listLocal("files", "offer/")).length, LIMITS.offersEnded);
  // Their entries are all there still, and nothing would be refused any more.
  await lab.b.files.allow(lab.a.id, { offers: "ask" });
  await lab.restart("b");
  await offer(lab, fileOffer("later", 1));
  assert.equal((await nextOffer(lab.b)).name, "later");
  assert.deepEqual(await states(lab), { declined: LIMITS.offersEnded, waiting: 1 });
});

test("the sender takes the entries of what it forgets out of the space", async () => {
  await using lab = await openLab();
  await lab.b.files.allow(lab.a.id, { offers: "refuse" });
  await writeFile(join(lab.dir, "x"), "x");
  const extra = 5;
  const first = (await lab.a.files.send(lab.b.id, [join(lab.dir, "x")])).offer;
  await eventually(async () => (await lab.a.files.find(first.id)).state, "declined");
  const sends = Array.from({ length: LIMITS.offersEnded + extra - 1 }, (_, i) => i);
  for (const part of [sends.slice(0, 500), sends.slice(500)]) {
    await Promise.all(
      part.map(async (i) => {
        const path = join(lab.dir, `x${i}`);
        await writeFile(path, "x");
        await lab.a.files.send(lab.b.id, [path]);
      }),
    );
    await eventually(async () => (await lab.a.files.offers()).filter(({ state }) => state === "waiting").length, 0);
  }
  await eventually(async () => (await lab.a.files.offers()).length, LIMITS.offersEnded);
  for (const idOrNumber of [first.id, String(first.number)])
    await assert.rejects(lab.a.files.find(idOrNumber), { code: "not-found" });
  const newest = (await lab.a.files.offers()).at(-1)!;
  assert.equal((await lab.a.files.find(String(newest.number))).id, newest.id);
  for (const peer of [lab.a, lab.b]) {
    const space = await peer.store.direct(peer === lab.a ? lab.b.id : lab.a.id);
    const removed = async (): Promise<boolean> =>
      (await peer.store.get(space, pathOf("offers", first.id)))?.versions[0]!.value === undefined;
    await eventually(removed, true);
  }
  await lab.restart("a");
  assert.equal((await lab.a.files.offers()).length, LIMITS.offersEnded);
});
