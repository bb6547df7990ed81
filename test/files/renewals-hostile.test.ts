// A peer that turns its offers into something else: another kind, other things, other sizes, while they wait and while they are fetched.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { encodeCbor, type Cbor } from "../../src/core/cbor.ts";
import { u32 } from "../../src/core/bytes.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { WALK_ROUTE } from "../../src/services/files/trees/wire.ts";
import { pathOf } from "../../src/space/path.ts";
import { block, blobOf, end, fileOffer, frame, offer, pack, TOKEN, treeOffer } from "./hand-sender.ts";
import { eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;

/** Resolves when the other side has seen it. */
async function renew(lab: Lab, id: string, value: Cbor): Promise<void> {
  const space = await lab.a.store.direct(lab.b.id);
  await lab.a.store.write(space, [{ path: pathOf("offers", id), value: encodeCbor(value) }]);
  const marker = await offer(lab, { v: 1, kind: "share", name: randomBytes(8).toString("hex"), type: "file" });
  await lab.a.store.write(space, [{ path: pathOf("offers", marker), value: undefined }]);
  const before = await offer(lab, fileOffer("marker", 1));
  await eventually(async () => (await lab.b.files.offers()).some((known) => known.id === before), true);
}

test("what waits as a file stays one, whatever its entry turns into and back", async () => {
  await using lab = await openLab({ handSender: true });
  const id = await offer(lab, fileOffer("file", 10));
  const first = await nextOffer(lab.b);
  const shares = (): string[] => lab.b.files.sharedBy(lab.a.id).map(({ name }) => name);
  const share = { v: 1, kind: "share", name: "docs", type: "directory" };
  await renew(lab, id, treeOffer(2 ** 53 - 1, LIMITS.blobBytes));
  assert.deepEqual(await lab.b.files.find(id), first);
  await renew(lab, id, share);
  assert.deepEqual(shares(), ["docs"]);
  assert.deepEqual(await lab.b.files.find(id), first);
  await renew(lab, id, fileOffer("other", 20));
  assert.deepEqual(shares(), []);
  assert.deepEqual(await lab.b.files.find(id), first);
  await renew(lab, id, fileOffer("file", 20));
  assert.deepEqual(await lab.b.files.find(id), { ...first, size: 20, roots: [{ ...first.roots[0], bytes: 20 }] });
  await lab.b.files.decline(id);
  await renew(lab, id, { ...(fileOffer("other", 20) as object), round: 9 });
  assert.equal((await lab.b.files.find(id)).state, "declined");
  await renew(lab, id, share);
  assert.deepEqual(shares(), ["docs"]);
});

test("a file that is said to be another size while it comes is what came, under the name that was agreed to", async () => {
  await using lab = await openLab({ handSender: true });
  const content = randomBytes(2 * MiB);
  const id = await offer(lab, fileOffer("file", content.length));
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    const stream = await call.accept({ token: TOKEN });
    await stream.write(block(content.subarray(0, MiB)));
    await renew(lab, id, { ...(fileOffer("evil.sh", 5) as object), round: 3 });
    await stream.write(block(content.subarray(MiB)));
    await stream.write(end(blobOf(content)));
    await stream.end();
    while ((await stream.read()) !== null);
  });
  await nextOffer(lab.b);
  await lab.b.files.accept(id, { into: lab.into });
  const done = await watchUntil(lab.b, id);
  assert.deepEqual([done.offer.state, done.offer.size, done.doneBytes], ["done", content.length, content.length]);
  assert.deepEqual(await readdir(lab.into), ["file"]);
  assert.ok((await readFile(join(lab.into, "file"))).equals(content));
});

test("things that come to a tree after it was agreed to are not taken", async () => {
  await using lab = await openLab({ handSender: true });
  const id = await offer(lab, treeOffer(1, 10));
  const evil = { name: "evil", kind: "directory", files: 1, bytes: 10 };
  let walks = 0;
  lab.a.sessions.handle(WALK_ROUTE, async (call) => {
    const stream = await call.accept({});
    if (walks++ === 0) {
      await stream.write(frame(pack.directory("d"), pack.file("d/x", Buffer.from("agreed to"))));
      const d = { name: "d", kind: "directory", files: 1, bytes: 10 };
      await renew(lab, id, treeOffer(1, 10, { roots: [d, evil], rootCount: 2 ** 40 }));
      stream.reset();
      return;
    }
    await stream.write(Buffer.concat([frame(pack.directory("evil"), pack.file("evil/x", Buffer.from("not"))), u32(0)]));
    await stream.end();
    while ((await stream.read()) !== null);
  });
  await nextOffer(lab.b);
  await lab.b.files.accept(id, { into: lab.into });
  const ended = await watchUntil(lab.b, id);
  assert.deepEqual([ended.offer.state, ended.problem?.code], ["failed", "protocol"]);
  assert.equal(ended.offer.rootCount, 1);
  await eventually(() => readdir(lab.into), []);
});
