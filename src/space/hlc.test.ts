import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LIMITS } from "../core/limits.ts";
import { advance, counterOf, dueMs, hlcOf, isTooFarAhead, msOf, nextClock } from "./hlc.ts";

test("a clock never stands still, is above all it replaces, and follows the wall when that is ahead", () => {
  const ms = fc.integer({ min: 0, max: 2 ** 47 });
  const hlc = fc.tuple(ms, fc.nat(0xffff)).map(([time, counter]) => hlcOf(time, counter));
  fc.assert(
    fc.property(ms, hlc, hlc, (now, last, replaced) => {
      const next = nextClock(now, last, replaced);
      assert.ok(next > last && next > replaced && next >= hlcOf(now, 0));
      assert.equal(hlcOf(msOf(next), counterOf(next)), next);
    }),
  );
  assert.equal(nextClock(5, hlcOf(5, 0xffff), 0n), hlcOf(6, 0), "a full counter carries");
});

test("what is too far ahead moves nothing until its time has come", () => {
  const now = 1_800_000_000_000;
  const edge = hlcOf(now + LIMITS.futureMs, 0xffff);
  const beyond = edge + 1n;
  assert.equal(isTooFarAhead(edge, now), false);
  assert.equal(isTooFarAhead(beyond, now), true);
  assert.equal(isTooFarAhead(beyond, dueMs(beyond)), false);
  assert.equal(isTooFarAhead(beyond, dueMs(beyond) - 1), true);
  assert.equal(advance(7n, edge, now), edge);
  assert.equal(advance(7n, beyond, now), 7n);
});
