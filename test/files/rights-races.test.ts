// Rights that end while somebody is about to use them, or to give them.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import type { SpaceStore } from "../../src/space/contract.ts";
import { eventually, openLab } from "./peers.ts";

const MiB = LIMITS.blockBytes;

test("a share that is made while its peer is removed is none, nor when the two are paired again", async (t) => {
  await using lab = await openLab();
  const { a, b } = lab;
  await mkdir(join(lab.dir, "docs"));
  const known = a.book.byId(b.id)!;
  const putLocal = a.store.putLocal.bind(a.store);
  t.mock.method(a.store, "putLocal", async (...args: Parameters<SpaceStore["putLocal"]>) => {
    if (args[1][0]?.key.startsWith("share/") && args[1][0].value !== undefined) await a.book.remove(b.id);
    return putLocal(...args);
  });
  await assert.rejects(a.files.share(b.id, join(lab.dir, "docs")), { code: "not-paired" });
  t.mock.restoreAll();
  await a.book.add({ ...known, secret: Buffer.alloc(32, 9) });
  assert.deepEqual(a.files.shares(), []);
  await eventually(async () => (await a.store.listLocal("files", "share/")).length, 0);
  await lab.restart("a");
  assert.deepEqual(lab.a.files.shares(), []);
});

test("requests that wait for the one before them get nothing once the offer was taken back", async () => {
  await using lab = await openLab();
  await writeFile(join(lab.dir, "file"), randomBytes(64 * MiB));
  const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, "file")]);
  const args = { offer: offer.id, size: 64 * MiB, ranges: [0, 64] };
  const session = lab.b.sessions.get(lab.a.id)!;
  const ask = async (): Promise<number> => {
    let bytes = 0;
    try {
      const { stream } = await session.open(FETCH_ROUTE, args);
      for (let chunk; (chunk = await stream.read()) !== null;) bytes += chunk.length;
    } catch {
      // Cut, or refused.
    }
    return bytes;
  };
  const first = await session.open(FETCH_ROUTE, args);
  await first.stream.read();
  const asked = Array.from({ length: 12 }, ask);
  const cancelled = lab.a.files.cancel(offer.id);
  asked.push(...Array.from({ length: 12 }, ask));
  await cancelled;
  for (const bytes of await Promise.all(asked)) assert.ok(bytes < 64 * MiB);
  assert.equal(await ask(), 0);
});
