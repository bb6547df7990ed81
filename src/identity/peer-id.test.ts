import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { keyOfPeerId, looksLikePeerId, parsePeerId, peerIdOf, shortPeerId } from "./peer-id.ts";

const newKey = (): Buffer => generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" }).subarray(-32);

test("a key becomes 56 letters and back", () => {
  for (let i = 0; i < 50; i++) {
    const key = newKey();
    const peer = peerIdOf(key);
    assert.match(peer, /^[a-z2-7]{56}$/);
    assert.equal(peerIdOf(Buffer.from(key)), peer);
    assert.deepEqual(keyOfPeerId(peer), key);
    assert.equal(parsePeerId(peer), peer);
    assert.equal(parsePeerId(` ${peer.toUpperCase()}\n`), peer);
    assert.equal(shortPeerId(peer), peer.slice(0, 8));
  }
});

test("the text of a key is frozen", () => {
  const key = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex"); // RFC 8032, 7.1, test 1
  assert.equal(peerIdOf(key), "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenkgry6");
});

test("every single wrong letter, and every two neighbours swapped, are told to be mistyped", () => {
  const peer = peerIdOf(newKey());
  for (let at = 0; at < peer.length; at++) {
    const wrong = peer[at] === "a" ? "b" : "a";
    assert.throws(() => parsePeerId(peer.slice(0, at) + wrong + peer.slice(at + 1)), {
      code: "bad-argument",
      message: /mistyped/,
    });
    const swapped = peer.slice(0, at) + (peer[at + 1] ?? "") + peer[at] + peer.slice(at + 2);
    if (swapped !== peer) assert.throws(() => parsePeerId(swapped), { code: "bad-argument", message: /mistyped/ });
  }
});

test("what has another shape is not a peer id", () => {
  for (const text of ["", "laptop", "a".repeat(55), "a".repeat(57), `${"a".repeat(55)}1`, `${"a".repeat(55)}ü`, "ſ".repeat(56)]) {
    assert.throws(() => parsePeerId(text), { code: "bad-argument", message: /not a peer id/ });
    assert.equal(looksLikePeerId(text), false);
  }
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) =>
      assert.throws(() => parsePeerId(text), { code: "bad-argument" }),
    ),
  );
});

test("keys that are no canonical point of prime order are refused", () => {
  const hex = (text: string): Buffer => Buffer.from(text, "hex");
  const refused: readonly Buffer[] = [
    Buffer.alloc(31, 1),
    Buffer.alloc(33, 1),
    Buffer.alloc(0),
    hex("0100000000000000000000000000000000000000000000000000000000000000"), // the neutral element: order 1
    hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // order 2
    hex("0000000000000000000000000000000000000000000000000000000000000000"), // order 4
    hex("0000000000000000000000000000000000000000000000000000000000000080"), // order 4
    hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), // order 8
    hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), // order 8
    hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // 1, not reduced
    hex("0200000000000000000000000000000000000000000000000000000000000000"), // not on the curve
  ];
  for (const key of refused) assert.throws(() => peerIdOf(key), { code: "bad-argument" }, key.toString("hex"));
});
