import assert from "node:assert/strict";
import { test } from "node:test";

import { Rate } from "./rate.ts";

test("a steady flow is shown as it is, from the first moments on", () => {
  const rate = new Rate();
  for (let ms = 0; ms <= 10_000; ms += 10) {
    rate.add(1000, ms);
    if (ms >= 500) assert.ok(Math.abs(rate.at(ms) - 100_000) < 10_000, `${ms} ms: ${rate.at(ms)}`);
  }
});

test("what stands still falls to nothing, and one burst is not a rate for ever", () => {
  const rate = new Rate();
  assert.equal(rate.at(0), 0);
  rate.add(1_000_000, 0);
  assert.ok(rate.at(1000) <= 1_000_000);
  assert.ok(rate.at(2900) < rate.at(1000));
  assert.equal(rate.at(3200), 0);
});
