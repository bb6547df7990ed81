import assert from "node:assert/strict";
import { test } from "node:test";

import { perMinute } from "./rate.ts";

test("each has so many in a minute, and as many again in the next", () => {
  let ms = 5;
  const take = perMinute(2, { monotonicMs: () => ms });
  assert.deepEqual(["a", "a", "a", "b", "a"].map(take), [true, true, false, true, false]);
  ms += 59_999;
  assert.equal(take("a"), false);
  ms += 1;
  assert.deepEqual(["a", "a", "a"].map(take), [true, true, false]);
});
