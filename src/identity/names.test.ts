import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import { foldedName, nameFrom, numberedName, parsePeerName } from "./names.ts";

test("names of any script are taken, in NFC", () => {
  for (const name of ["laptop", "anna-phone", "v1.2_b", "7", "büro", "ноутбук", "笔记本", "हिन्दी", "a".repeat(64)]) {
    assert.equal(parsePeerName(name), name);
  }
  assert.equal(parsePeerName("bu\u0308ro"), "b\u00fcro");
});

test("names that would be unclear, unsafe or awkward are refused, and the reason is given", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /empty/],
    ["a".repeat(65), /longer than 64 bytes/],
    ["ü".repeat(33), /longer than 64 bytes/],
    ["x".repeat(1 << 20), /longer than 64 bytes/],
    ["my laptop", /character/],
    [" laptop", /character/],
    ["laptop\n", /character/],
    ["a:b", /character/],
    ["a/b", /character/],
    ["..", /character/],
    ["-rf", /character/],
    [".hidden", /character/],
    ["\u0301x", /character/],
    ["a\u202eb", /character/],
    ["a\u200bb", /character/],
    ["a\u3164", /character/],
    ["a\ufe0f", /character/],
    ["a\u001b[31m", /character/],
    ["a\0", /character/],
    ["a\ud800", /character/],
    ["😀", /character/],
    ["self", /its own data/],
    ["Self", /its own data/],
    ["ｓｅｌｆ", /its own data/],
    ["guest", /gateway/],
    ["guest-3", /gateway/],
    ["Guest-30", /gateway/],
    ["a".repeat(56), /peer id/],
  ];
  for (const [name, reason] of cases) {
    assert.throws(() => parsePeerName(name), { code: "bad-argument", message: reason }, JSON.stringify(name.slice(0, 20)));
  }
});

test("a refusal shows the name harmlessly and briefly", () => {
  assert.throws(
    () => parsePeerName(`\u001b[2J\u202e${"x".repeat(5000)}`),
    (error: Error) => error.message === printable(error.message) && error.message.length < 300,
  );
});

test("any text becomes a valid name, and a valid name stays as it is", () => {
  assert.equal(nameFrom("Anna\u2019s MacBook Pro.local"), "Anna-s-MacBook-Pro");
  assert.equal(nameFrom("büro-pc"), "büro-pc");
  assert.equal(nameFrom("localhost"), "localhost");
  for (const nothing of ["", "   ", "😀", "\u202e", "self", "guest", "guest-2.local", "-.-", "a".repeat(56)])
    assert.equal(nameFrom(nothing), "peer");

  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.string({ unit: "grapheme", maxLength: 80 }),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (anything) => assert.equal(parsePeerName(nameFrom(anything)), nameFrom(anything))),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(text, (anything) => assert.equal(nameFrom(nameFrom(anything)), nameFrom(anything))),
    { numRuns: 300 },
  );
});

test("a number fits behind a name of any length", () => {
  assert.equal(numberedName("laptop", 2), "laptop-2");
  for (const name of ["a".repeat(64), "笔".repeat(21), `q${"\u0328".repeat(31)}`]) {
    const numbered = numberedName(name, 123);
    assert.ok(numbered.endsWith("-123"));
    assert.ok(Buffer.byteLength(numbered) <= LIMITS.peerNameBytes);
    assert.equal(parsePeerName(numbered), numbered);
  }
});

test("names that differ by case or width only fold to one", () => {
  assert.equal(foldedName("Laptop"), foldedName("laptop"));
  assert.equal(foldedName("ｌａｐtop"), foldedName("laptop"));
  assert.notEqual(foldedName("laptop"), foldedName("laptop-2"));
});
