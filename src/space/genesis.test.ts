import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { encodeCbor } from "../core/cbor.ts";
import { CoveyError } from "../core/errors.ts";
import { directGenesis, encodeGenesis, type Genesis, parseGenesis, selfGenesis, spaceIdOf } from "./genesis.ts";
import { newIdentity } from "./test-kit.ts";

const [a, b] = [newIdentity(), newIdentity()];

test("a direct space is the same from both sides, and no other one is", () => {
  const record = encodeGenesis(directGenesis(a.peerId, b.peerId));
  assert.deepEqual(record, encodeGenesis(directGenesis(b.peerId, a.peerId)));
  const ids = [record, encodeGenesis(selfGenesis(a.peerId)), encodeGenesis(selfGenesis(b.peerId))].map(spaceIdOf);
  assert.equal(new Set(ids).size, 3);
  assert.throws(() => directGenesis(a.peerId, a.peerId), { code: "bad-argument" });
});

test("records come back; groups are told apart by their salt", () => {
  const { founders } = directGenesis(a.peerId, b.peerId);
  const group = (salt: number): Genesis => ({ kind: "group", founders, salt: new Uint8Array(16).fill(salt) });
  for (const genesis of [selfGenesis(a.peerId), directGenesis(a.peerId, b.peerId), group(1)]) {
    assert.deepEqual(parseGenesis(encodeGenesis(genesis)), genesis);
  }
  assert.notEqual(spaceIdOf(encodeGenesis(group(1))), spaceIdOf(encodeGenesis(group(2))));
});

test("what is no record is refused", () => {
  const keys = [a.publicKey, b.publicKey].sort(Buffer.compare);
  const good = { v: 1, kind: "direct", suite: 1, founders: keys, salt: new Uint8Array(), flags: 0 };
  parseGenesis(encodeCbor(good));
  const bad = [
    { ...good, v: 2 },
    { ...good, suite: 2 },
    { ...good, flags: 1 },
    { ...good, extra: 1 },
    { ...good, kind: "other" },
    { ...good, kind: "self" },
    { ...good, founders: keys.toReversed() },
    { ...good, founders: [keys[0]!, keys[0]!] },
    { ...good, founders: [keys[0]!] },
    { ...good, founders: [] },
    { ...good, founders: [new Uint8Array(32), ...keys.slice(1)] },
    { ...good, founders: [new Uint8Array(31), ...keys.slice(1)] },
    { ...good, salt: new Uint8Array(16) },
    { ...good, kind: "group" },
  ];
  for (const record of bad) assert.throws(() => parseGenesis(encodeCbor(record)), { code: "protocol" }, JSON.stringify(record));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(
        () => parseGenesis(bytes),
        (error) => error instanceof CoveyError && error.code === "protocol",
      );
    }),
  );
});
