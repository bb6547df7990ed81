import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { pathOf } from "../../space/path.ts";
import { keyOfPath, pathOfKey, pathOfPrefix } from "./key.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof CoveyError && error.code === code;

test("a key is a path and a path a key", () => {
  const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => !/[\0/]/.test(text));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
      const key = parts.join("/");
      assert.equal(keyOfPath(pathOfKey(key)), parts.map((text) => text.normalize("NFC")).join("/"));
    }),
  );
});

test("two spellings of one text are one key", () => {
  assert.deepEqual(pathOfKey("caf\u00e9"), pathOfKey("cafe\u0301"));
});

test("what is no key is refused, and says why", () => {
  for (const key of ["", "/", "/a", "a/", "a//b", "a\0b", "half \ud83d"])
    assert.throws(() => pathOfKey(key), hasCode("bad-argument"), key);
  assert.throws(() => pathOfKey("a".repeat(LIMITS.pathComponentBytes + 1)), hasCode("limit"));
  assert.throws(() => pathOfKey(Array.from({ length: LIMITS.pathComponents }, () => "a").join("/")), hasCode("limit"));
  assert.throws(() => pathOfKey("a//b"), /"a\/\/b" has an empty part/);
});

test("a prefix may end in a slash, and the empty one is of everything", () => {
  assert.deepEqual(pathOfPrefix("todo/"), pathOfPrefix("todo"));
  assert.deepEqual(pathOfPrefix(""), pathOf("data"));
  assert.throws(() => pathOfPrefix("todo//"), hasCode("bad-argument"));
});

test("a path that no key leads to has none", () => {
  for (const path of [pathOf("data"), pathOf("msg", "a"), pathOf("data", "a/b")]) assert.equal(keyOfPath(path), undefined);
});
