import assert from "node:assert/strict";
import { test } from "node:test";

import { perMinute } from "./rate.ts";

test("each has so much in a minute, and as much again in the next", () => {
  let ms = 5;
  const take = perMinute(10, { monotonicMs: () => ms });
  assert.deepEqual(
    [take("a", 4), take("a", 7), take("a", 6), take("a", 1), take("b", 10), take("c", 11)],
    [true, false, true, false, true, false],
  );
  ms += 59_999;
  assert.equal(take("a", 1), false);
  ms += 1;
  assert.deepEqual([take("a", 10), take("a", 1), take("b", 3)], [true, false, true]);
});
