import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Json } from "./contract.ts";
import { decodeJson, encodeJson } from "./json.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof CoveyError && error.code === code;
const nested = (depth: number): Json => (depth === 0 ? 1 : [nested(depth - 1)]);
const decodeText = (text: string): Json | undefined => decodeJson(Buffer.from(text));

test("every JSON value comes back as it was", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const plain = JSON.parse(JSON.stringify(value)) as Json;
      assert.deepEqual(decodeJson(encodeJson(plain)), plain);
    }),
  );
});

test("what JSON would change or drop is refused", () => {
  const sparse: Json[] = [];
  sparse[2] = 1;
  const wrong: unknown[] = [undefined, NaN, Infinity, 1n, () => 1, Symbol("s"), new Date(0), new Map(), { a: undefined }, sparse];
  for (const value of wrong) assert.throws(() => encodeJson(value as Json), hasCode("bad-argument"), String(value));
});

test("depth and size have limits, both ways", () => {
  assert.deepEqual(decodeJson(encodeJson(nested(LIMITS.jsonDepth))), nested(LIMITS.jsonDepth));
  assert.throws(() => encodeJson(nested(LIMITS.jsonDepth + 1)), hasCode("limit"));
  assert.equal(decodeText("[".repeat(LIMITS.jsonDepth + 1) + "]".repeat(LIMITS.jsonDepth + 1)), undefined);
  assert.equal(decodeText("[".repeat(LIMITS.inlineValueBytes)), undefined);
  const text = "a".repeat(LIMITS.inlineValueBytes - 2);
  assert.equal(decodeJson(encodeJson(text)), text);
  assert.throws(() => encodeJson(`${text}a`), hasCode("limit"));
  assert.equal(decodeText(`"${text}a"`), undefined);
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  assert.throws(() => encodeJson(cycle as Json), hasCode("limit"));
});

test("bytes that are no value are no value", () => {
  for (const text of ["", "{", "undefined", "NaN", "1e999", "{'a':1}", '"\u0001"', "1 2"])
    assert.equal(decodeText(text), undefined, text);
  assert.equal(decodeJson(Buffer.from([0x22, 0xff, 0x22])), undefined);
  assert.equal(decodeJson(Buffer.from("\ufeff1")), undefined);
});

test("a key __proto__ is a key like others", () => {
  const value = decodeText('{"__proto__": {"polluted": true}}') as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), ["__proto__"]);
  assert.equal(value["polluted"], undefined);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.equal(encodeJson(value as Json).toString(), '{"__proto__":{"polluted":true}}');
});
