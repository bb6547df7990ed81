import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../../core/errors.ts";
import { encodeCbor } from "../../core/cbor.ts";
import { LIMITS } from "../../core/limits.ts";
import { countOf, decodeRanges, encodeRanges, firstUnread, type Ranges, union } from "./read-ranges.ts";

const some = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat({ max: 9 })), { maxLength: 12 })
  .map((pairs) => pairs.map(([first, more]): [number, number] => [first, first + more]));

const numbersIn = (ranges: Ranges): Set<number> =>
  new Set(ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)));

test("ranges hold what a set of numbers would", () => {
  fc.assert(
    fc.property(some, some, fc.integer({ min: 1, max: 80 }), (a, b, from) => {
      const both = union(union([], a), b);
      const set = new Set([...numbersIn(a), ...numbersIn(b)]);
      assert.deepEqual(numbersIn(both), new Set([...set].sort((x, y) => x - y)));
      assert.equal(countOf(both), set.size);
      for (const [i, [first]] of both.entries()) if (i > 0) assert.ok(first > both[i - 1]![1] + 1);
      let unread = from;
      while (set.has(unread)) unread++;
      assert.equal(firstUnread(both, from), unread);
      assert.deepEqual(decodeRanges(encodeRanges(both)), both);
    }),
  );
  assert.deepEqual(decodeRanges(undefined), []);
});

test("there is a bound to them, and what is beyond it is unread", () => {
  const odd = Array.from({ length: LIMITS.guestReadRanges + 5 }, (_, i): [number, number] => [2 * i + 1, 2 * i + 1]);
  const kept = union([], odd);
  assert.equal(kept.length, LIMITS.guestReadRanges);
  assert.equal(firstUnread(kept, odd.at(-1)![0]), odd.at(-1)![0]);
  assert.deepEqual(decodeRanges(encodeRanges(kept)), kept);
});

test("what is no such record is not taken for one", () => {
  for (const value of [encodeCbor({ v: 2, ranges: [] }), encodeCbor({ v: 1, ranges: [[0, 1]] }), Buffer.from("?")])
    assert.throws(() => decodeRanges(value), CoveyError);
});
