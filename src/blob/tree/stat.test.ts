import assert from "node:assert/strict";
import type { BigIntStats } from "node:fs";
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { isExecutable, isSameState, timeOf, unsettledMs } from "./stat.ts";
import { temporary } from "./test-kit.ts";

const stat = (facts: object): BigIntStats => facts as BigIntStats;

test("times are whole milliseconds, rounded down", () => {
  const times = [0n, 1_999_999n, -1n, -1_000_000n, -1_000_001n].map((mtimeNs) => timeOf(stat({ mtimeNs })));
  assert.deepEqual(times, [0, 1, -1, -1, -2]);
  using dir = temporary();
  writeFileSync(dir.at("old"), "");
  utimesSync(dir.at("old"), 0, new Date(-86_400_000 - 250));
  assert.equal(timeOf(statSync(dir.at("old"), { bigint: true })), -86_400_250);
});

test("another size or time, however small the difference, is another state", () => {
  const one = { size: 1n, mtimeNs: 2n, ctimeNs: 3n };
  assert.equal(isSameState(stat(one), stat({ ...one, atimeNs: 9n })), true);
  for (const name of ["size", "mtimeNs", "ctimeNs"] as const)
    assert.equal(isSameState(stat(one), stat({ ...one, [name]: 4n })), false);
});

test("a state is settled when a change would show", () => {
  const at = (ctimeMs: bigint): number => unsettledMs(stat({ ctimeMs }), 1000);
  assert.deepEqual([at(1000n), at(990n), at(981n), at(980n), at(0n), at(1001n)], [20, 10, 1, 0, 0, 0]);
});

test("its owner's right to run it counts", () => {
  assert.deepEqual(
    [0o100_744n, 0o100_655n].map((mode) => isExecutable(stat({ mode }))),
    [true, false],
  );
});
