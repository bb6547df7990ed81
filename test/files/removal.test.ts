// The end of a peer: whatever was open with it ends here, however this program learns of it, and nothing comes back by pairing anew.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { encodeCbor } from "../../src/core/cbor.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { openHome } from "../../src/identity/home.ts";
import { openPeerBook } from "../../src/identity/peer-book.ts";
import { pathOf } from "../../src/space/path.ts";
import { fileOffer, offer as offerByHand } from "./hand-sender.ts";
import { b3, eventually, type FilesPeer, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;

async function addAgain(peer: FilesPeer, other: FilesPeer, name: string): Promise<void> {
  const facts = { name, mine: false, pairedAtMs: 2, secret: Buffer.alloc(32, 9) };
  await peer.book.add({ ...facts, peerId: other.id, addresses: other.sessions.addresses() });
}

/** One of the two had removed the other. */
async function pairAgain({ a, b }: Lab): Promise<void> {
  if (a.book.byId(b.id) === undefined) await addAgain(a, b, "b");
  if (b.book.byId(a.id) === undefined) await addAgain(b, a, "a");
  await eventually(async () => a.sessions.get(b.id) !== undefined && b.sessions.get(a.id) !== undefined, true);
}

async function send(from: FilesPeer, to: FilesPeer, path: string, bytes = 10): Promise<string> {
  await writeFile(path, randomBytes(bytes));
  return (await from.files.send(to.id, [path])).offer.id;
}

const statesOf = async (peer: FilesPeer): Promise<Record<string, string>> =>
  Object.fromEntries((await peer.files.offers()).map(({ id, state }) => [id, state]));

/** In every state that is open, in both directions: a removes b. Resolves to the ids by what they are. */
async function openInEveryWay(lab: Lab) {
  const { a, b, dir, into } = lab;
  const ids = {
    outWaiting: await send(a, b, join(dir, "out-waiting")),
    outAccepted: await send(a, b, join(dir, "out-accepted")),
    outFailed: await send(a, b, join(dir, "out-failed")),
    inWaiting: await send(b, a, join(dir, "in-waiting")),
    inAccepted: await send(b, a, join(dir, "in-accepted"), 32 * MiB),
    inFailed: await send(b, a, join(dir, "in-failed")),
  };
  for (const [peer, count] of [
    [a, 6],
    [b, 6],
  ] as const)
    await eventually(async () => (await peer.files.offers()).length, count);
  for (const name of ["out-failed", "in-failed"]) await rm(join(dir, name));
  await b.files.accept(ids.outFailed, { into });
  await a.files.accept(ids.inFailed, { into });
  for (const peer of [a, b]) for (const id of [ids.outFailed, ids.inFailed]) await watchUntil(peer, id);
  await a.files.pause(ids.outAccepted);
  await b.files.accept(ids.outAccepted, { into });
  await a.files.accept(ids.inAccepted, { into });
  await watchUntil(a, ids.inAccepted, ({ doneBytes }) => doneBytes > 4 * MiB);
  await a.files.pause(ids.inAccepted);
  await eventually(async () => (await statesOf(a))[ids.outAccepted], "accepted");
  await a.files.allow(b.id, { offers: "take", into, upToBytes: 1 });
  return ids;
}

type Ids = Awaited<ReturnType<typeof openInEveryWay>>;

/** What a, who removed b, has now. */
function ended(ids: Ids): Record<string, string> {
  return {
    [ids.outWaiting]: "withdrawn",
    [ids.outAccepted]: "withdrawn",
    [ids.outFailed]: "withdrawn",
    [ids.inWaiting]: "declined",
    [ids.inAccepted]: "failed",
    [ids.inFailed]: "failed",
  };
}

/** Paired anew, nothing is as it was, and what is offered from now on is. */
async function nothingComesBack(lab: Lab, ids: Ids): Promise<void> {
  await eventually(() => statesOf(lab.a), ended(ids));
  for (const { offer, problem } of await lab.a.files.transfers())
    if (offer.id !== ids.inFailed) assert.equal(problem?.code, "not-paired", offer.name);
  await eventually(async () => (await lab.a.store.listLocal("files", "policy/")).length, 0);
  await pairAgain(lab);
  assert.deepEqual(lab.a.files.policy(lab.b.id), { offers: "ask" });
  const later = await send(lab.b, lab.a, join(lab.dir, "later"), 0);
  assert.equal((await nextOffer(lab.a)).id, later);
  assert.deepEqual(await statesOf(lab.a), { ...ended(ids), [later]: "waiting" });
  // The other side is told, now that it can be.
  await eventually(() => statesOf(lab.b), { ...ended(ids), [later]: "waiting" });
  assert.deepEqual(
    (await readdir(lab.into)).filter((name) => !name.startsWith(".")),
    [],
  );
}

test("a device that is removed: everything that was open ends, its policy too, and pairing anew brings nothing back", async () => {
  await using lab = await openLab();
  const ids = await openInEveryWay(lab);
  await lab.a.book.remove(lab.b.id);
  await nothingComesBack(lab, ids);
});

test("the same for one that was removed and paired again before anybody could draw breath", async () => {
  await using lab = await openLab();
  const ids = await openInEveryWay(lab);
  await Promise.all([lab.a.book.remove(lab.b.id), addAgain(lab.a, lab.b, "b")]);
  await nothingComesBack(lab, ids);
});

test("the same for one that was removed when this program ended before it could do anything", async () => {
  await using lab = await openLab();
  const ids = await openInEveryWay(lab);
  await lab.restart("a", async (dir) => {
    const book = await openPeerBook(await openHome(join(dir, "home")));
    await book.remove(lab.b.id);
  });
  assert.deepEqual(await statesOf(lab.a), ended(ids));
  await nothingComesBack(lab, ids);
  await lab.restart("a");
  assert.deepEqual({ ...(await statesOf(lab.a)), ...ended(ids) }, await statesOf(lab.a));
});

test("what was on its way from a removed device goes on after pairing anew when somebody says so, from where it was", async () => {
  await using lab = await openLab();
  const content = randomBytes(64 * MiB);
  await writeFile(join(lab.dir, "file"), content);
  const { id } = (await lab.a.files.send(lab.b.id, [join(lab.dir, "file")])).offer;
  await nextOffer(lab.b);
  await lab.b.files.accept(id, { into: lab.into });
  await watchUntil(lab.b, id, ({ doneBytes }) => doneBytes > 4 * MiB);
  await lab.b.book.remove(lab.a.id);
  const stopped = await watchUntil(lab.b, id);
  assert.deepEqual([stopped.offer.state, stopped.problem?.code], ["failed", "not-paired"]);
  await assert.rejects(lab.b.files.resume(id), { code: "not-paired" });
  await assert.rejects(lab.b.files.accept(id, { into: lab.into }), { code: "not-paired" });
  await lab.restart("b");
  const kept = (await lab.b.files.transfers())[0]!.doneBytes;
  assert.ok(kept > 0);
  await pairAgain(lab);
  assert.equal((await lab.b.files.resume(id)).offer.state, "accepted");
  const done = await watchUntil(lab.b, id);
  assert.equal(done.blake3, b3(content));
  assert.ok(done.resumedBytes >= kept);
  await eventually(() => readdir(lab.into), ["file"]);
});

test("what came of it is removed when it is cancelled instead", async () => {
  await using lab = await openLab();
  const id = await send(lab.a, lab.b, join(lab.dir, "file"), 64 * MiB);
  await nextOffer(lab.b);
  await lab.b.files.accept(id, { into: lab.into });
  await watchUntil(lab.b, id, ({ doneBytes }) => doneBytes > 4 * MiB);
  await lab.b.book.remove(lab.a.id);
  await watchUntil(lab.b, id);
  assert.equal((await readdir(lab.into)).length, 1, "what came of it is kept");
  await lab.b.files.cancel(id);
  assert.deepEqual(await readdir(lab.into), []);
});

test("offers that nobody had looked at yet do not come back either", async () => {
  await using lab = await openLab({ handSender: true });
  const write = async (from: number, count: number): Promise<void> => {
    const value = encodeCbor(fileOffer("x", 1));
    const writes = Array.from({ length: count }, (_, i) => ({
      path: pathOf("offers", (from + i).toString(16).padStart(32, "0")),
      value,
    }));
    await lab.a.store.write(await lab.a.store.direct(lab.b.id), writes);
  };
  const offers = async (): Promise<number> => (await lab.b.files.offers()).length;
  await write(0, LIMITS.offersOpen + 5);
  await eventually(offers, LIMITS.offersOpen);
  const space = await lab.b.store.direct(lab.a.id);
  const last = pathOf("offers", (LIMITS.offersOpen + 4).toString(16).padStart(32, "0"));
  await eventually(async () => (await lab.b.store.get(space, last)) !== undefined, true);
  await lab.b.book.remove(lab.a.id);
  await eventually(async () => Object.values(await statesOf(lab.b)).filter((state) => state === "waiting").length, 0);
  await lab.restart("b");
  await pairAgain(lab);
  const fresh = await offerByHand(lab, fileOffer("fresh", 1));
  assert.equal((await nextOffer(lab.b)).id, fresh);
  await lab.restart("b");
  assert.equal((await nextOffer(lab.b)).id, fresh);
  assert.equal(Object.values(await statesOf(lab.b)).filter((state) => state === "waiting").length, 1);
});
