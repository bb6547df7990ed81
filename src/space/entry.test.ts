import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { fromHex, toHex } from "../core/bytes.ts";
import { CoveyError } from "../core/errors.ts";
import type { EntryId, Incarnation, SpaceId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import {
  contentOf,
  decodeEntry,
  encodeEntry,
  type Entry,
  entryIdOf,
  isUnknownVersion,
  KIND,
  MAX_SIGNED_BYTES,
  signedMessage,
} from "./entry.ts";
import { directGenesis, encodeGenesis, spaceIdOf } from "./genesis.ts";
import { hlcOf } from "./hlc.ts";
import { encodePath, pathOf } from "./path.ts";
import { secretKeyOf, sign, verify } from "./signing.ts";
import { identityOf, newIdentity } from "./test-kit.ts";
import vectors from "./vectors.json" with { type: "json" };

const author = newIdentity();
const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex);
const clock = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });

const entries: fc.Arbitrary<Entry> = fc
  .record({
    space: hex(32).map((id) => id as SpaceId),
    incarnation: hex(8).map((id) => id as Incarnation),
    path: fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { maxLength: 4 }).map((parts) => pathOf("data", ...parts)),
    clock,
    seen: fc.array(fc.tuple(hex(16), clock), { maxLength: 5 }),
    value: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
    grant: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
  })
  .map(({ seen, value, grant, ...rest }) => ({
    ...rest,
    author: author.peerId,
    vector: new Map(seen.filter(([, dot]) => dot < rest.clock)),
    grant: grant && Buffer.from(grant),
    ...contentOf(value),
    content: Buffer.from(contentOf(value).content),
  }));

test("an entry comes back from its bytes", () => {
  fc.assert(
    fc.property(entries, (entry) => {
      const decoded = decodeEntry(encodeEntry(entry));
      assert.deepEqual(
        { ...decoded, vector: new Map([...decoded.vector].sort()) },
        { ...entry, vector: new Map([...entry.vector].sort()) },
      );
    }),
  );
});

test("bytes are one canonical entry or a protocol error", () => {
  let decoded = 0;
  const damaged = fc
    .tuple(entries, fc.nat(), fc.nat(255), fc.constantFrom("flip", "cut", "grow", "none"))
    .map(([entry, at, byte, how]) => {
      const bytes = encodeEntry(entry);
      if (how === "flip") bytes[at % bytes.length] = byte;
      if (how === "cut") return bytes.subarray(0, at % bytes.length);
      return how === "grow" ? Buffer.concat([bytes, Uint8Array.of(byte)]) : bytes;
    });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 300 }).map(Buffer.from)), (bytes) => {
      try {
        assert.deepEqual(encodeEntry(decodeEntry(bytes)), bytes);
        decoded++;
      } catch (error) {
        assert.ok(error instanceof CoveyError && error.code === "protocol", String(error));
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(decoded > 100);
});

test("what no honest writer makes is refused", () => {
  const good: Entry = {
    space: "00".repeat(32) as SpaceId,
    author: author.peerId,
    incarnation: "11".repeat(8) as Incarnation,
    path: pathOf("data", "x"),
    clock: 100n,
    vector: new Map([["22".repeat(16), 99n]]),
    grant: undefined,
    ...contentOf(Buffer.from("v")),
  };
  decodeEntry(encodeEntry(good));
  const many = (count: number): Entry["vector"] =>
    new Map(Array.from({ length: count }, (_, i) => [i.toString(16).padStart(32, "0"), 1n]));
  decodeEntry(encodeEntry({ ...good, vector: many(LIMITS.versionVectorEntries) }));
  const bad: Record<string, Partial<Entry>> = {
    "a vector as late as the entry": { vector: new Map([["22".repeat(16), 100n]]) },
    "a long vector": { vector: many(LIMITS.versionVectorEntries + 1) },
    "a huge vector": { vector: many(20_000) },
    "a large value": { size: LIMITS.inlineValueBytes + 1 },
    "a removal with content": { kind: KIND.removed },
    "kind 0": { kind: 0 },
  };
  for (const [name, change] of Object.entries(bad)) {
    assert.throws(() => decodeEntry(encodeEntry({ ...good, ...change })), { code: "protocol" }, name);
  }
  const bytes = encodeEntry(good);
  bytes.fill(0, 33, 65);
  assert.throws(() => decodeEntry(bytes), { code: "protocol" }, "a key of small order");
});

test("the longest entry is as long as the limit says", () => {
  const path = pathOf("data", ...Array<string>(62).fill("x".repeat(65)), "x".repeat(62));
  const vector = new Map(Array.from({ length: LIMITS.versionVectorEntries }, (_, i) => [i.toString(16).padStart(32, "0"), 1n]));
  const entry: Entry = {
    space: "00".repeat(32) as SpaceId,
    author: author.peerId,
    incarnation: "11".repeat(8) as Incarnation,
    path,
    clock: 100n,
    vector,
    grant: new Uint8Array(32),
    ...contentOf(Buffer.from("v")),
  };
  const bytes = encodeEntry(entry);
  assert.ok(bytes.length === MAX_SIGNED_BYTES, `${bytes.length} of ${MAX_SIGNED_BYTES}`);
  decodeEntry(bytes);
});

test("another version is told from garbage", () => {
  assert.equal(isUnknownVersion(Uint8Array.of(2, 9, 9)), true);
  assert.equal(isUnknownVersion(Uint8Array.of(1)), false);
  assert.equal(isUnknownVersion(new Uint8Array()), false);
});

test("the published vectors hold", () => {
  const [one, other] = vectors.seeds.map((seed) => identityOf(fromHex(seed)!)) as [
    ReturnType<typeof identityOf>,
    ReturnType<typeof identityOf>,
  ];
  const record = encodeGenesis(directGenesis(one.peerId, other.peerId));
  assert.equal(toHex(record), vectors.direct.record);
  assert.equal(spaceIdOf(record), vectors.direct.space);
  for (const { components, signed, key } of vectors.paths) {
    assert.equal(toHex(encodePath(pathOf(...components))), signed);
    assert.equal(toHex(pathOf(...components)), key);
  }
  for (const vector of vectors.entries) {
    const value = vector.value === null ? undefined : Buffer.from(vector.value);
    const signed = encodeEntry({
      space: vectors.direct.space as SpaceId,
      author: one.peerId,
      incarnation: vector.incarnation as Incarnation,
      path: pathOf(...vector.path),
      clock: hlcOf(vector.clockMs, vector.counter),
      vector: new Map(vector.vector.map(({ owner, clock: dot }) => [owner, fromHex(dot)!.readBigUInt64BE()])),
      grant: undefined,
      ...contentOf(value),
    });
    const message = signedMessage(signed);
    assert.equal(toHex(signed), vector.signed);
    assert.equal(entryIdOf(message), vector.id as EntryId);
    const signature = sign(message, secretKeyOf(one.seed));
    assert.equal(toHex(signature), vector.signature);
    assert.ok(verify(message, signature, one.publicKey));
    assert.ok(!verify(message, signature, other.publicKey));
  }
});

test("signatures that other verifiers may take are refused", () => {
  const message = signedMessage(Buffer.from("x"));
  const signature = sign(message, secretKeyOf(author.seed));
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${toHex(Buffer.from(signature.subarray(32)).reverse())}`) + order;
  const malleable = Buffer.concat([signature.subarray(0, 32), fromHex(s.toString(16).padStart(64, "0"))!.reverse()]);
  assert.ok(verify(message, signature, author.publicKey));
  assert.ok(!verify(message, malleable, author.publicKey), "s + L");
  const identityPoint = Buffer.concat([Uint8Array.of(1), Buffer.alloc(31)]);
  assert.ok(!verify(message, Buffer.concat([identityPoint, Buffer.alloc(32)]), identityPoint), "a key of small order");
});
