import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { LIMITS } from "../../core/limits.ts";
import { rangesOf } from "./ranges.ts";

const shown = (field: string | undefined, size: number): string => {
  const ranges = rangesOf(field, size);
  return typeof ranges === "string" ? ranges : ranges.map(({ start, end }) => `${start}-${end}`).join(",");
};

const ROWS: readonly (readonly [field: string | undefined, size: number, expected: string])[] = [
  [undefined, 10, "all"],
  ["bytes=0-0", 10, "0-0"],
  ["bytes=2-5", 10, "2-5"],
  ["Bytes=2-5", 10, "2-5"],
  ["bytes=2-", 10, "2-9"],
  ["bytes=-3", 10, "7-9"],
  ["bytes=-30", 10, "0-9"],
  ["bytes=5-500", 10, "5-9"],
  ["bytes=9-9", 10, "9-9"],
  ["bytes= 1-2 , 4-5 ", 10, "1-2,4-5"],
  ["bytes=8-9,0-1", 10, "8-9,0-1"],
  ["bytes=0-4,3-7", 10, "0-7"],
  ["bytes=0-4,5-7", 10, "0-7"],
  ["bytes=0-9,0-9,0-9", 10, "0-9"],
  ["bytes=0-1,50-60", 10, "0-1"],
  ["bytes=0-1,-20", 10, "0-9"],
  ["bytes=10-", 10, "none"],
  ["bytes=10-20,30-", 10, "none"],
  ["bytes=-0", 10, "none"],
  ["bytes=0-", 0, "none"],
  ["bytes=-5", 0, "none"],
  ["bytes=5-2", 10, "all"],
  ["bytes=", 10, "all"],
  ["bytes=-", 10, "all"],
  ["bytes=a-b", 10, "all"],
  ["bytes=1-2-3", 10, "all"],
  ["bytes=0x1-2", 10, "all"],
  ["bytes=1-2,", 10, "all"],
  ["bytes=0-1,x", 10, "all"],
  ["bytes=--1", 10, "all"],
  ["bytes 0-1", 10, "all"],
  ["items=0-1", 10, "all"],
  ["bytes=4294967296-4294967297", 2 ** 33, "4294967296-4294967297"],
  ["bytes=99999999999999999999999-", 10, "none"],
  ["bytes=0-99999999999999999999999", 10, "0-9"],
];

for (const [field, size, expected] of ROWS)
  test(`${field} of ${size} bytes`, () => {
    assert.equal(shown(field, size), expected);
  });

test("so many ranges, and no more", () => {
  const field = (count: number): string => `bytes=${Array.from({ length: count }, (_, i) => `${2 * i}-${2 * i}`).join(",")}`;
  assert.equal(rangesOf(field(LIMITS.gatewayRanges), 1000).length, LIMITS.gatewayRanges);
  assert.equal(rangesOf(field(LIMITS.gatewayRanges + 1), 1000), "all");
  assert.equal(rangesOf(field(10_000), 100_000), "all");
});

test("whatever is asked for, the ranges are in the file and apart", () => {
  const spec = fc.tuple(fc.option(fc.nat(40)), fc.option(fc.nat(40))).map(([a, b]) => `${a ?? ""}-${b ?? ""}`);
  fc.assert(
    fc.property(fc.array(spec, { minLength: 1, maxLength: 8 }), fc.nat(30), (specs, size) => {
      const ranges = rangesOf(`bytes=${specs.join(",")}`, size);
      if (typeof ranges === "string") return;
      const sorted = ranges.toSorted((a, b) => a.start - b.start);
      for (const [i, { start, end }] of sorted.entries()) {
        assert.ok(0 <= start && start <= end && end < size);
        assert.ok(i === 0 || sorted[i - 1]!.end + 1 < start);
      }
    }),
  );
});
