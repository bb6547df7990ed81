import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../core/limits.ts";
import { Pace } from "./pace.ts";

const { filePaceBytes: enough, filePaceMs: window } = LIMITS;

test("slow is who brought less than enough while it was waited for", () => {
  const pace = new Pace();
  const windows: [brought: number, slow: boolean][] = [
    [enough, false],
    [enough - 1, true],
    [0, true],
    [enough, false],
  ];
  for (const [brought, slow] of windows) {
    pace.waited(window - 1, 0);
    pace.waited(1, brought);
    assert.equal(pace.slow, slow, String(brought));
  }
});

test("nobody is slow before there was time to be", () => {
  const pace = new Pace();
  pace.waited(window - 1, 0);
  assert.equal(pace.slow, false);
  pace.waited(0, enough);
  pace.waited(1, 0);
  assert.equal(pace.slow, false);
});

test("signs of life are no progress, be they as many as there should be bytes", () => {
  const pace = new Pace();
  for (let i = 0; i < 3; i++) {
    pace.waited(window, enough);
    for (let sign = 0; sign < enough; sign++) pace.sign(1);
  }
  assert.equal(pace.slow, true);
});
