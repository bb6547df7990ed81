import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { createTurns, forEachAtOnce, sleep, untilAborted, withDeadline } from "./async.ts";

const reason = new Error("changed my mind");
const faults: unknown[] = [];
process.on("unhandledRejection", (fault) => faults.push(fault));

/** Rejects a little later, when nobody may wait any more. */
async function failing(): Promise<never> {
  await sleep(1);
  throw new Error("too late");
}

test("an aborted wait throws the reason at once, and what the work does later harms nobody", async () => {
  const { promise: never } = Promise.withResolvers<void>();
  await assert.rejects(untilAborted(never, AbortSignal.abort(reason)), reason);
  await assert.rejects(untilAborted(Promise.resolve(1), AbortSignal.abort(reason)), reason);
  await assert.rejects(untilAborted(failing(), AbortSignal.abort(reason)), reason);
  await assert.rejects(sleep(60_000, AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const waits = [untilAborted(failing(), controller.signal), sleep(60_000, controller.signal)];
  controller.abort(reason);
  for (const wait of waits) await assert.rejects(wait, reason);
  await sleep(20);
  assert.deepEqual(faults, []);
});

test("without an abort the work decides, and no listener stays", async () => {
  const { signal } = new AbortController();
  assert.equal(await untilAborted(Promise.resolve(1), signal), 1);
  assert.equal(await untilAborted(Promise.resolve(2), undefined), 2);
  await assert.rejects(untilAborted(failing(), signal), /too late/);
  await sleep(1, signal);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("a deadline names what took too long; work that is done in time is handed on", async () => {
  const { promise: never } = Promise.withResolvers<void>();
  await assert.rejects(withDeadline(never, 5, "waiting"), { code: "timeout", message: "waiting took longer than 0.005 s" });
  assert.equal(await withDeadline(Promise.resolve(3), 60_000, "waiting"), 3);
});

test("turns go one after another, and a failure is its caller's alone", async () => {
  const inTurn = createTurns();
  const order: string[] = [];
  const first = inTurn(async () => {
    order.push("first begins");
    await sleep(5);
    order.push("first fails");
    throw reason;
  });
  const second = inTurn(async () => order.push("second"));
  await assert.rejects(first, reason);
  await second;
  assert.deepEqual(order, ["first begins", "first fails", "second"]);
});

test("so many at once are worked on, in order, and a fault waits for those that run", async () => {
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    most = Math.max(most, ++running);
    await sleep(1);
    running--;
    if (item === 5) throw reason;
  };
  await forEachAtOnce([0, 1, 2, 3, 4], 3, work);
  assert.deepEqual([begun, most], [[0, 1, 2, 3, 4], 3]);
  await assert.rejects(forEachAtOnce([5, 6, 7, 8, 9, 10, 11], 3, work), reason);
  assert.equal(running, 0);
  assert.ok(!begun.includes(11));
  await forEachAtOnce([], 3, work);
});
