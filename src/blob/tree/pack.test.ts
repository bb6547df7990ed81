import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../../core/errors.ts";
import { hash } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import { PackBuilder, readPack, type TreeRecord } from "./pack.ts";
import { checkTreePath } from "./paths.ts";

const name = fc
  .string({ unit: "binary", minLength: 1, maxLength: 12 })
  .filter((text) => text.isWellFormed() && !/[/\0]/.test(text) && text !== "." && text !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const plain = { noNullPrototype: true } as const;
const mtimeMs = fc.integer({ min: -2_208_988_800_000, max: 253_402_300_799_000 });
const executable = fc.boolean();
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const record: fc.Arbitrary<TreeRecord> = fc.oneof(
  fc.record(
    {
      type: fc.constant("file" as const),
      path,
      size: fc.integer({ min: 0, max: LIMITS.blobBytes }),
      mtimeMs,
      executable,
      content: fc.constant(undefined),
    },
    plain,
  ),
  fc.tuple(path, mtimeMs, executable, bytes).map(([where, time, runs, content]): TreeRecord => ({
    type: "file",
    path: where,
    size: content.length,
    mtimeMs: time,
    executable: runs,
    content: { hash: hash(content), bytes: content },
  })),
  fc.record({ type: fc.constant("directory" as const), path, mtimeMs }, plain),
  fc.record({ type: fc.constant("link" as const), path, target: path }, plain),
  fc.record({ type: fc.constant("note" as const), path, code: fc.constantFrom("changed" as const, "not-utf8" as const) }, plain),
);

function build(records: readonly TreeRecord[]): Buffer {
  const pack = new PackBuilder();
  for (const item of records) {
    if (item.type === "directory") pack.directory(item.path, item.mtimeMs);
    else if (item.type === "link") pack.link(item.path, item.target);
    else if (item.type === "note") pack.note(item.path, item.code);
    else if (item.content === undefined) pack.file(item.path, item.size, item);
    else {
      item.content.bytes.copy(pack.reserve(item.path, item.size));
      pack.keep(item);
    }
  }
  return Buffer.from(pack.finish());
}

test("what is packed is read again", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (records) => {
      assert.deepEqual([...readPack(build(records))], records);
    }),
  );
  assert.deepEqual([...readPack(Buffer.alloc(0))], []);
});

test("any change of the bytes gives valid records, or a protocol error", () => {
  const change = fc.tuple(fc.nat(), fc.constantFrom("set", "cut", "insert"), fc.uint8Array({ minLength: 1, maxLength: 9 }));
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 5 }),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      (records, changes) => {
        let pack = build(records);
        for (const [where, how, what] of changes) {
          const at = where % (pack.length + 1);
          const kept = how === "insert" ? at : Math.min(pack.length, at + what.length);
          pack = Buffer.concat([pack.subarray(0, at), how === "cut" ? Buffer.alloc(0) : what, pack.subarray(kept)]);
        }
        const read: TreeRecord[] = [];
        try {
          for (const item of readPack(pack)) read.push(item);
        } catch (error) {
          refused++;
          assert.ok(error instanceof CoveyError && error.code === "protocol", String(error));
          return;
        }
        for (const item of read) {
          checkTreePath(item.path);
          if (item.type === "file" && item.content !== undefined) assert.equal(item.content.bytes.length, item.size);
        }
        // Nothing is lost, and nothing has two forms: the hash apart, which is the sender's word.
        const again = build(read.map((item) => (item.type === "file" && item.content !== undefined ? withHash(item) : item)));
        assert.equal(again.length, pack.length);
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(refused > 100);
});

const withHash = (item: TreeRecord & { type: "file" }): TreeRecord => ({
  ...item,
  content: { hash: hash(item.content!.bytes), bytes: item.content!.bytes },
});

function fileBytes({ size = 3n, mtime = 0n, flags = 2, content = 3 }): Buffer {
  const head = Buffer.alloc(1 + 2 + 1 + 8 + 8 + 1 + (flags & 2 ? 32 + content : 0));
  head.set([1, 0, 1, 0x61]);
  head.writeBigUInt64BE(size, 4);
  head.writeBigInt64BE(mtime, 12);
  head[20] = flags;
  return head;
}

test("each rule of a record refuses by itself", () => {
  assert.equal([...readPack(fileBytes({}))].length, 1);
  const small = BigInt(LIMITS.smallFileBytes);
  assert.equal([...readPack(fileBytes({ size: small, content: LIMITS.smallFileBytes }))].length, 1);
  assert.equal([...readPack(fileBytes({ size: BigInt(LIMITS.blobBytes), flags: 1 }))].length, 1);
  const wrong: Record<string, Buffer> = {
    "unknown flags": fileBytes({ flags: 4 }),
    "too large for content": fileBytes({ size: small + 1n, content: LIMITS.smallFileBytes + 1 }),
    "too large": fileBytes({ size: BigInt(LIMITS.blobBytes) + 1n, flags: 0 }),
    "beyond 2^53": fileBytes({ size: 2n ** 63n, flags: 0 }),
    "before 1900": fileBytes({ mtime: -2_208_988_800_001n }),
    "after 9999": fileBytes({ mtime: 253_402_300_799_001n }),
    "ends early": fileBytes({ content: 2 }),
    "unknown type": Buffer.from([5, 0, 1, 0x61]),
    "type 0": Buffer.from([0, 0, 1, 0x61]),
    "empty path": Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    "path not UTF-8": Buffer.from([2, 0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
    "overlong slash": Buffer.from([2, 0, 2, 0xc0, 0xaf, 0, 0, 0, 0, 0, 0, 0, 0]),
    surrogate: Buffer.from([2, 0, 3, 0xed, 0xa0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0]),
    "empty target": Buffer.from([3, 0, 1, 0x61, 0, 0]),
    "target with NUL": Buffer.from([3, 0, 1, 0x61, 0, 1, 0]),
    "target too long": Buffer.concat([Buffer.from([3, 0, 1, 0x61, 0x10, 0x01]), Buffer.alloc(0x1001, 0x61)]),
    "unknown note": Buffer.from([4, 0, 1, 0x61, 2, 0x68, 0x69]),
    "a receiver's note": Buffer.concat([Buffer.from([4, 0, 1, 0x61, 6]), Buffer.from("exists")]),
  };
  for (const [why, pack] of Object.entries(wrong)) assert.throws(() => [...readPack(pack)], { code: "protocol" }, why);
});

test("a name with U+FFFD itself is a name", () => {
  const [item] = readPack(build([{ type: "directory", path: "a\ufffdb", mtimeMs: 0 }]));
  assert.equal(item!.path, "a\ufffdb");
});

test("a file that was reserved and not kept leaves nothing", () => {
  const pack = new PackBuilder();
  pack.reserve("dropped", 1000).fill(1);
  pack.note("noted", "changed");
  assert.deepEqual([...readPack(pack.finish())], [{ type: "note", path: "noted", code: "changed" }]);
});

test("the last record fits, however full the pack was", () => {
  const pack = new PackBuilder();
  const facts = { mtimeMs: 0, executable: false };
  const longest = Array(16).fill("x".repeat(254)).join("/") + "y".repeat(1);
  while (pack.length + 60 < LIMITS.treePackBytes) pack.file("some file", 1, facts);
  assert.equal(pack.isFull, false);
  pack.reserve(longest, LIMITS.smallFileBytes).fill(7);
  pack.keep(facts);
  assert.equal(pack.isFull, true);
  const bytesOf = pack.finish();
  assert.ok(bytesOf.length <= LIMITS.treePackMaxBytes);
  assert.equal([...readPack(bytesOf)].at(-1)!.path, longest);
});

test("times are whole, and within what a record may say", () => {
  const pack = new PackBuilder();
  for (const ms of [-0.5, 1.9, -1e18, 1e18]) pack.directory("d", ms);
  const times = [...readPack(pack.finish())].map((item) => item.type === "directory" && item.mtimeMs);
  assert.deepEqual(times, [-1, 1, -2_208_988_800_000, 253_402_300_799_000]);
});
