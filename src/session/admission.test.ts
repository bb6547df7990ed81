import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../core/limits.ts";
import { type Logger, silentLog } from "../core/log.ts";
import { createAdmission, createRefusalLog } from "./admission.ts";

const noEvict = (): void => assert.fail("put out");

test("a full group puts out one of its own, nobody else's", () => {
  const admission = createAdmission(100, 3);
  const out: number[] = [];
  admission.enter("other", noEvict);
  for (let at = 0; at < 10; at++) admission.enter("greedy", () => out.push(at));
  assert.equal(out.length, 7);
  assert.equal(new Set(out).size, 7);
  assert.equal(admission.size, 4);
});

test("a full house puts out somebody of the largest group", () => {
  const admission = createAdmission(6, 5);
  let out = 0;
  admission.enter("modest", noEvict);
  for (let at = 0; at < 5; at++) admission.enter("large", () => out++);
  admission.enter("new", noEvict);
  assert.equal(out, 1);
  assert.equal(admission.size, 6);
});

test("where paired peers come from, nobody is put out while there are strangers", () => {
  const admission = createAdmission(6, 5);
  admission.familiar("home");
  for (let at = 0; at < 4; at++) admission.enter("home", noEvict);
  const out: string[] = [];
  for (let at = 0; at < 50; at++) admission.enter(`stranger ${at}`, () => out.push(`stranger ${at}`));
  assert.equal(out.length, 48);
  assert.equal(admission.size, 6);
});

test("leaving makes room, once; who was put out has left", () => {
  const admission = createAdmission(10, 1);
  const leave = admission.enter("a", () => {});
  const leave2 = admission.enter("a", noEvict);
  leave();
  leave();
  assert.equal(admission.size, 1);
  leave2();
  assert.equal(admission.size, 0);
});

test("familiar places are bounded", () => {
  const admission = createAdmission(2, 2);
  admission.familiar("first");
  for (let at = 0; at < LIMITS.familiarGroups; at++) admission.familiar(`later ${at}`);
  let out = 0;
  admission.enter("first", () => out++);
  admission.enter("first", () => out++);
  admission.enter("later 7", noEvict);
  assert.equal(out, 1);
});

test("one line in the log for a group and its time, and a bound on all groups", () => {
  const lines: unknown[] = [];
  const log: Logger = { ...silentLog, info: ({ from }) => void lines.push(from) };
  let now = 0;
  const refused = createRefusalLog(log, { nowMs: () => now, monotonicMs: () => now });
  for (let at = 0; at < 1000; at++) refused("192.0.2.1", "noise");
  refused("192.0.2.2", "noise");
  assert.deepEqual(lines, ["192.0.2.1", "192.0.2.2"]);
  now += LIMITS.pendingLogMs;
  refused("192.0.2.1", "noise");
  assert.equal(lines.length, 3);
  for (let at = 0; at < 10_000; at++) refused(`group ${at}`, "noise");
  assert.ok(lines.length <= 3 + LIMITS.pendingConnections);
});
