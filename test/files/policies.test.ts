// Whose offers are taken without asking, up to what size, into what; and whose are refused.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { encodeCbor } from "../../src/core/cbor.ts";
import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { silentLog } from "../../src/core/log.ts";
import type { Policy } from "../../src/services/files/contract.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { pathOf } from "../../src/space/path.ts";
import { fileOffer, honest, offer as offerByHand, TOKEN, treeOffer } from "./hand-sender.ts";
import { eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const take = (into: string, upToBytes?: number): Policy => ({ offers: "take", into, upToBytes });

/** Writes a file of so many bytes, and offers it; resolves to the offer's id. */
async function send({ dir, a, b }: Lab, name: string, bytes: number): Promise<string> {
  await writeFile(join(dir, name), Buffer.alloc(bytes, name));
  return (await a.files.send(b.id, [join(dir, name)])).offer.id;
}

const stateAt = async (lab: Lab, id: string): Promise<string | undefined> =>
  (await lab.b.files.offers()).find((offer) => offer.id === id)?.state;

test("what is small enough is taken into the directory, what is larger is asked about, now and for what waits", async () => {
  await using lab = await openLab();
  assert.deepEqual(lab.b.files.policy(lab.a.id), { offers: "ask" });
  const before = await send(lab, "before", 100);
  await nextOffer(lab.b);
  await lab.b.files.allow(lab.a.id, take(lab.into, 1000));
  assert.deepEqual(lab.b.files.policy(lab.a.id), take(lab.into, 1000));
  const small = await send(lab, "small", 1000);
  const large = await send(lab, "large", 1001);
  for (const id of [before, small]) assert.equal((await watchUntil(lab.a, id)).offer.state, "done");
  assert.equal((await nextOffer(lab.b)).id, large);
  assert.deepEqual((await readdir(lab.into)).sort(), ["before", "small"]);
  await lab.b.files.allow(lab.a.id, take(lab.into));
  assert.equal((await watchUntil(lab.a, large)).offer.state, "done");
});

test("so many files that their number alone is more than was allowed are asked about", async () => {
  await using lab = await openLab({ handSender: true });
  await lab.b.files.allow(lab.a.id, take(lab.into, LIMITS.blockBytes));
  const most = LIMITS.treeGrowthFiles + LIMITS.blockBytes / 4096;
  const ids = { taken: await offerByHand(lab, treeOffer(most, 0)), asked: await offerByHand(lab, treeOffer(most + 1, 0)) };
  await eventually(() => stateAt(lab, ids.taken), "accepted");
  await eventually(() => stateAt(lab, ids.asked), "waiting");
});

test("a policy holds over a restart, and asks about an own device's files when that was said", async () => {
  await using lab = await openLab({ mine: true });
  assert.deepEqual(lab.b.files.policy(lab.a.id), take(lab.b.incoming));
  await lab.b.files.allow(lab.a.id, { offers: "ask" });
  await lab.restart("b");
  const id = await send(lab, "x", 1);
  assert.equal((await nextOffer(lab.b)).id, id);
  assert.deepEqual(lab.b.files.policy(lab.a.id), { offers: "ask" });
  await lab.b.files.allow(lab.a.id, take(lab.into));
  assert.equal((await watchUntil(lab.a, id)).offer.state, "done");
  assert.deepEqual(await readdir(lab.into), ["x"]);
});

test("whoever is refused is told at once, also of what waits, and nobody is asked", async () => {
  await using lab = await openLab();
  const waits = await send(lab, "waits", 1);
  await nextOffer(lab.b);
  await lab.b.files.allow(lab.a.id, { offers: "refuse" });
  assert.equal((await watchUntil(lab.a, waits)).offer.state, "declined");
  const later = await send(lab, "later", 1);
  assert.equal((await watchUntil(lab.a, later)).offer.state, "declined");
  await assert.rejects(
    async () => {
      for await (const asked of lab.b.files.incoming({ signal: AbortSignal.timeout(50) })) assert.fail(asked.name);
    },
    { name: "TimeoutError" },
  );
});

test("a directory that can't be received into is refused when the policy is made", async () => {
  await using lab = await openLab();
  await writeFile(join(lab.dir, "file"), "");
  for (const into of ["relative", join(lab.dir, "absent"), join(lab.dir, "file")]) {
    await assert.rejects(lab.b.files.allow(lab.a.id, take(into)), (error: CoveyError) => {
      assert.equal(error.code, "bad-argument");
      assert.match(error.hint!, /directory/);
      return true;
    });
  }
  await assert.rejects(lab.b.files.allow(lab.b.id, take(lab.into)), { code: "not-paired" });
  assert.deepEqual(lab.b.files.policy(lab.a.id), { offers: "ask" });
});

test("what has no room, or no directory any more, waits, and says why", async () => {
  const warned: { readonly code?: string }[] = [];
  const log = { ...silentLog, warn: (facts: object) => void warned.push(facts) };
  await using lab = await openLab({ handSender: true, log });
  await lab.b.files.allow(lab.a.id, take(lab.into));
  const huge = await offerByHand(lab, fileOffer("huge", LIMITS.blobBytes));
  assert.equal((await nextOffer(lab.b)).id, huge);
  assert.equal((await watchUntil(lab.b, huge, ({ problem }) => problem !== undefined)).problem!.code, "no-space");
  await lab.b.files.decline(huge);
  await rm(lab.into, { recursive: true });
  const small = await offerByHand(lab, fileOffer("small", 1));
  assert.equal((await nextOffer(lab.b)).id, small);
  const { offer, problem } = await watchUntil(lab.b, small, (seen) => seen.problem !== undefined);
  assert.deepEqual([offer.state, problem!.code], ["waiting", "bad-argument"]);
  assert.deepEqual(
    warned.flatMap(({ code }) => code ?? []),
    ["no-space", "bad-argument"],
  );
  await mkdir(lab.into);
  await lab.b.files.allow(lab.a.id, take(lab.into));
  assert.equal(await stateAt(lab, small), "accepted");
  assert.equal((await lab.b.files.transfers()).find((one) => one.offer.id === small)!.problem, undefined);
});

test("a file that grows far beyond what is taken without asking is not", async () => {
  await using lab = await openLab({ handSender: true });
  const grown = 3 * LIMITS.fileGrowthBytes;
  const asked: number[] = [];
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    const { size } = call.args as { readonly size: number };
    asked.push(size);
    throw new CoveyError("changed", "the file is not what it was");
  });
  await lab.b.files.allow(lab.a.id, take(lab.into, LIMITS.fileGrowthBytes));
  const id = await offerByHand(lab, fileOffer("log", 10));
  await eventually(() => stateAt(lab, id), "accepted");
  const space = await lab.a.store.direct(lab.b.id);
  await lab.a.store.write(space, [{ path: pathOf("offers", id), value: encodeCbor(fileOffer("log", grown)) }]);
  const failed = await watchUntil(lab.b, id);
  assert.deepEqual([failed.offer.state, failed.problem?.code], ["failed", "changed"]);
  assert.ok(!asked.includes(grown));
});

test("of thousands of offers that are taken without asking, some are open and few run at once; the others follow", async () => {
  await using lab = await openLab({ handSender: true });
  const content = Buffer.from("x");
  let running = 0;
  let most = 0;
  const mayAnswer = Promise.withResolvers<void>();
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    most = Math.max(most, ++running);
    await mayAnswer.promise;
    const stream = await call.accept({ token: TOKEN });
    await honest(stream, content);
    while ((await stream.read()) !== null);
    running--;
  });
  await lab.b.files.allow(lab.a.id, take(lab.into));
  const extra = 20;
  const space = await lab.a.store.direct(lab.b.id);
  const value = encodeCbor(fileOffer("x", content.length));
  const ids = Array.from({ length: LIMITS.offersOpen + extra }, (_, i) => i.toString(16).padStart(32, "0"));
  await lab.a.store.write(
    space,
    ids.map((id) => ({ path: pathOf("offers", id), value })),
  );
  const count = async (state: string): Promise<number> =>
    (await lab.b.files.offers()).filter((one) => one.state === state).length;
  await eventually(() => count("accepted"), LIMITS.offersOpen);
  await eventually(async () => running, LIMITS.filesAtOncePerPeer);
  assert.equal((await lab.b.files.offers()).length, LIMITS.offersOpen);
  mayAnswer.resolve();
  await eventually(async () => (await lab.b.files.offers()).length, LIMITS.offersOpen + extra);
  assert.equal(most, LIMITS.filesAtOncePerPeer);
  assert.equal(await readFile(join(lab.into, "x"), "utf8"), "x");
});
