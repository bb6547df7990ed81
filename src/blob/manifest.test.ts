import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { hash } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import { blockCount, blockLength, checkBlobSize, Manifest } from "./manifest.ts";

const MiB = LIMITS.blockBytes;

test("the size alone says how many blocks there are and how long each is", () => {
  const table: [size: number, lengths: number[]][] = [
    [0, []],
    [1, [1]],
    [MiB - 1, [MiB - 1]],
    [MiB, [MiB]],
    [MiB + 1, [MiB, 1]],
    [3 * MiB, [MiB, MiB, MiB]],
  ];
  for (const [size, lengths] of table) {
    const found = Array.from({ length: blockCount(size) }, (_, block) => blockLength(size, block));
    assert.deepEqual(found, lengths, `${size}`);
  }
});

test("an impossible size is refused before anything is allocated", () => {
  for (const size of [-1, 0.5, NaN, Infinity, 2 ** 53, 2 ** 53 - 1, LIMITS.blobBytes + 1])
    assert.throws(() => new Manifest(size), { code: "limit" }, `${size}`);
  assert.equal(checkBlobSize(LIMITS.blobBytes), LIMITS.blobBytes);
});

test("ids are pinned: BLAKE3 over the domain, the size and the root", () => {
  const empty = new Manifest(0);
  assert.equal(empty.blobId(), "bafdb266eb3875bf1660f96c979ca2bc344aa5d22a5452264ab080408caac0c3");
  const two = new Manifest(MiB + 1);
  two.set(1, hash(Buffer.of(1)));
  two.set(0, hash(Buffer.alloc(MiB)));
  assert.equal(two.blobId(), "ed856648d13af3862155b31f13ef633d0da9b0fc8c509390a10d0405e507d02e");
});

test("the same blocks under another size are another blob", () => {
  const ids = [1, 2].map((size) => {
    const manifest = new Manifest(size);
    manifest.set(0, hash(Buffer.of(7)));
    return manifest.blobId();
  });
  assert.notEqual(ids[0], ids[1]);
});

test("an incomplete manifest has no id", () => {
  assert.throws(() => new Manifest(1).blobId(), { code: "internal" });
});

test("what is missing is what was not set, across the borders of bytes and pages", () => {
  const blocks = fc.integer({ min: 1, max: 3000 });
  fc.assert(
    fc.property(blocks, fc.array(fc.nat(2999), { maxLength: 200 }), (count, chosen) => {
      const manifest = new Manifest(count * MiB);
      const set = new Set(chosen.filter((block) => block < count));
      for (const block of set) manifest.set(block, Buffer.alloc(32, block));
      const missing = new Set(
        manifest.missing(Infinity).flatMap(({ from, count: n }) => Array.from({ length: n }, (_, i) => from + i)),
      );
      for (let block = 0; block < count; block++) assert.equal(missing.has(block), !set.has(block));
      assert.equal(manifest.knownBytes, set.size * MiB);
      assert.equal(manifest.complete, set.size === count);
      for (const block of set) assert.deepEqual(manifest.get(block), Buffer.alloc(32, block));
    }),
  );
});

test("no more ranges than asked for, and never one block too far", () => {
  const manifest = new Manifest(10 * MiB);
  for (const block of [1, 3, 5]) manifest.set(block, Buffer.alloc(32));
  assert.deepEqual(manifest.missing(2), [
    { from: 0, count: 1 },
    { from: 2, count: 1 },
  ]);
  for (const block of [-1, 10, 1.5]) assert.throws(() => manifest.set(block, Buffer.alloc(32)), { code: "internal" });
  assert.throws(() => manifest.set(0, Buffer.alloc(31)), { code: "internal" });
});
