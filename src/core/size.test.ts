import assert from "node:assert/strict";
import { test } from "node:test";

import { formatSize } from "./size.ts";

test("three digits, never in the way of the next unit", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [61.2 * 2 ** 20, "61.2 MiB"],
    [256 * 2 ** 20, "256 MiB"],
    [1023.9 * 2 ** 20, "1.00 GiB"],
    [2 ** 60, "1024 PiB"],
  ];
  for (const [bytes, text] of table) assert.equal(formatSize(bytes), text);
});
