// Rate and time left: what is measured jumps, what is shown does not.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Pace } from "./pace.ts";

const STEP_MS = 100;
const KNOWN_MS = 1000;
const MiB = 2 ** 20;

test("at a steady rate the time left is what it takes, and goes by as time does", () => {
  const pace = new Pace();
  for (let ms = 0; ms <= 9000; ms += STEP_MS) {
    pace.step(100 * MiB - (ms / 1000) * 10 * MiB, 10 * MiB, ms);
    assert.equal(Math.round(pace.rate), 10 * MiB);
    if (ms < KNOWN_MS) assert.equal(pace.leftMs, undefined);
    else assert.ok(Math.abs(pace.leftMs! - (10_000 - ms)) < 1, `${pace.leftMs} at ${ms}`);
  }
});

test("once it is known, a measure that jumps up and down by half moves neither by more than a tenth at a time", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.5, max: 1.5, noNaN: true }), { minLength: 60, maxLength: 100 }), (factors) => {
      const pace = new Pace();
      let left = 10_000 * MiB;
      let before = { rate: 0, leftMs: 0 };
      for (const [i, factor] of factors.entries()) {
        pace.step((left -= MiB), 10 * MiB * factor, i * STEP_MS);
        const now = { rate: pace.rate, leftMs: pace.leftMs ?? 0 };
        if (i * STEP_MS > KNOWN_MS) {
          assert.ok(Math.abs(now.rate - before.rate) <= before.rate / 10, `rate ${before.rate} ${now.rate}`);
          assert.ok(Math.abs(now.leftMs - before.leftMs) <= before.leftMs / 10, `left ${before.leftMs} ${now.leftMs}`);
        }
        before = now;
      }
    }),
  );
});

test("a change that stays is shown within seconds; while nothing moves there is neither", () => {
  const pace = new Pace();
  let ms = 0;
  let left = 3000;
  for (; ms < 5000; ms += STEP_MS) pace.step((left -= 1) * MiB, 10 * MiB, ms);
  for (; ms < 20_000; ms += STEP_MS) pace.step((left -= 10) * MiB, 100 * MiB, ms);
  assert.ok(pace.rate > 99 * MiB);
  assert.ok(Math.abs(pace.leftMs! - left * 10) < left, `${pace.leftMs} of ${left * 10}`);
  pace.step(1000 * MiB, 0, ms);
  assert.deepEqual([pace.rate, pace.leftMs], [0, undefined]);
  pace.step(1000 * MiB, MiB, ms + STEP_MS);
  assert.deepEqual([pace.rate, pace.leftMs], [MiB, undefined]);
});

test("a first measure of next to nothing is forgotten: never a time of days for some seconds", () => {
  const pace = new Pace();
  pace.step(500 * MiB, 40, 0);
  let left = 500;
  for (let ms = STEP_MS; ms < 4000; ms += STEP_MS) {
    // What is measured over the last seconds begins with nothing.
    pace.step((left -= 10) * MiB, Math.min(1, ms / 1000) * 100 * MiB, ms);
    assert.ok((pace.leftMs ?? 0) < 15_000, `${pace.leftMs} at ${ms}`);
  }
  assert.ok(pace.rate > 80 * MiB);
  assert.ok(pace.leftMs! < 3000, String(pace.leftMs));
});
