// Two who decide at once, and a change of mind while the last block is on its way: one of them has its will, on both sides.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { encodeCbor } from "../../src/core/cbor.ts";
import type { Files } from "../../src/services/files/contract.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { pathOf } from "../../src/space/path.ts";
import { eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

/** How it ended, the same on both sides; the file is there exactly when it was received. */
async function settled(lab: Lab, id: string, name: string): Promise<string> {
  const { offer } = await watchUntil(lab.a, id);
  await eventually(async () => (await lab.b.files.offers()).find((one) => one.id === id)!.state, offer.state);
  await eventually(async () => (await readdir(lab.into)).includes(name), offer.state === "done");
  return offer.state;
}

const DECISIONS: [what: string, one: (files: Files, id: string, into: string) => Promise<unknown>][] = [
  ["agreed to and declined", (files, id) => files.decline(id)],
  ["agreed to and given up", (files, id) => files.cancel(id)],
];
for (const [what, other] of DECISIONS) {
  test(`an offer that is ${what} at once ends one way`, async () => {
    await using lab = await openLab();
    const content = randomBytes(100_000);
    for (let round = 0; round < 8; round++) {
      const name = `n${round}`;
      await writeFile(join(lab.dir, name), content);
      const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, name)]);
      await nextOffer(lab.b);
      const accept = (): Promise<unknown> => lab.b.files.accept(offer.id, { into: lab.into });
      const decide = (): Promise<unknown> => other(lab.b.files, offer.id, lab.into);
      const both = round % 2 === 0 ? [accept(), decide()] : [decide(), accept()];
      const results = await Promise.allSettled(both);
      assert.ok(results.some(({ status }) => status === "fulfilled"));
      for (const result of results)
        if (result.status === "rejected") assert.equal((result.reason as { code: string }).code, "conflict");
      await settled(lab, offer.id, name);
    }
    assert.deepEqual(
      (await readdir(lab.into)).filter((name) => name.startsWith(".")),
      [],
    );
  });
}

test("a transfer that is given up around its end is done on both sides, or neither", async () => {
  await using lab = await openLab();
  const content = randomBytes(300_000);
  for (let round = 0; round < 24; round++) {
    const name = `n${round}`;
    await writeFile(join(lab.dir, name), content);
    const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, name)]);
    await nextOffer(lab.b);
    await lab.b.files.accept(offer.id, { into: lab.into });
    await new Promise((resolve) => setTimeout(resolve, round));
    const [cancelled] = await Promise.allSettled([lab.b.files.cancel(offer.id)]);
    const end = await settled(lab, offer.id, name);
    assert.equal(end, cancelled.status === "fulfilled" ? "declined" : "done");
    if (end === "done") assert.ok((await readFile(join(lab.into, name))).equals(content));
  }
  await eventually(async () => (await readdir(lab.into)).filter((name) => name.startsWith(".")), []);
});

const ENDS: [how: string, meet: (lab: Lab, id: string) => Promise<unknown>][] = [
  ["declined", (lab, id) => Promise.allSettled([lab.a.files.cancel(id), lab.b.files.decline(id)])],
  [
    "done",
    async (lab, id) => {
      await lab.b.files.accept(id, { into: lab.into });
      await watchUntil(lab.b, id);
      await lab.a.files.cancel(id).catch((error: unknown) => assert.equal((error as { code: string }).code, "conflict"));
    },
  ],
];
for (const [how, meet] of ENDS) {
  test(`an offer that is taken back while it becomes ${how} over there is ${how} on both sides, also later`, async () => {
    await using lab = await openLab();
    for (let round = 0; round < 8; round++) {
      const name = `n${round}`;
      await writeFile(join(lab.dir, name), name);
      const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, name)]);
      await nextOffer(lab.b);
      await meet(lab, offer.id);
      const states = (): Promise<string[]> =>
        Promise.all([lab.a, lab.b].map(async (peer) => (await peer.files.find(offer.id)).state));
      await eventually(states, [how, how]);
      assert.equal((await readdir(lab.into)).includes(name), how === "done");
      if (round > 0) continue;
      for (const which of ["a", "b"] as const) await lab.restart(which);
      assert.deepEqual(await states(), [how, how]);
    }
  });
}

test("a file that changes when all of it was sent, and nothing heard of that, is another offer when it is sent again", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "file");
  await writeFile(path, "before");
  const { id } = (await lab.a.files.send(lab.b.id, [path])).offer;
  await nextOffer(lab.b);
  const decision = { path: pathOf("offers", id, lab.b.id), value: encodeCbor({ v: 1, state: "accepted" }) };
  await lab.b.store.write(await lab.b.store.direct(lab.a.id), [decision]);
  await eventually(async () => (await lab.a.files.find(id)).state, "accepted");
  const { stream } = await lab.b.sessions.get(lab.a.id)!.open(FETCH_ROUTE, { offer: id, size: 6, ranges: [0, 1] });
  while ((await stream.read()) !== null);
  assert.equal((await lab.a.files.send(lab.b.id, [path])).offer.id, id);
  await writeFile(path, "afterwards");
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  assert.notEqual(offer.id, id);
  assert.equal(offer.size, 10);
  stream.reset();
});
