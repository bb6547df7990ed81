import assert from "node:assert/strict";
import { test } from "node:test";

import type { PeerId } from "../../../core/ids.ts";
import { Slots } from "./slots.ts";

const [a, b, c] = ["a", "b", "c"] as unknown as [PeerId, PeerId, PeerId];
const never = new AbortController().signal;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Asks for places in this order; the names of those that have one, in the order in which they got it. */
function askAll(slots: Slots, peers: readonly PeerId[]): { running: PeerId[]; leave: Map<number, () => void> } {
  const running: PeerId[] = [];
  const leave = new Map<number, () => void>();
  for (const [i, peer] of peers.entries()) {
    void slots.take(peer, never).then((give) => {
      running.push(peer);
      leave.set(i, give);
    });
  }
  return { running, leave };
}

test("no more than there is room for, and no more of one peer than its share", async () => {
  const { running } = askAll(new Slots(3, 2), [a, a, a, b, b]);
  await settle();
  assert.deepEqual(running, [a, a, b]);
});

test("peers take turns, however many one of them waits with", async () => {
  const slots = new Slots(1, 1);
  const { running, leave } = askAll(slots, [a, a, a, a, b, b]);
  // The second of a asked before b did; from then on they alternate.
  for (let i = 0; i < 5; i++) {
    await settle();
    const [[key, give]] = [...leave] as [[number, () => void]];
    leave.delete(key);
    give();
  }
  await settle();
  assert.deepEqual(running, [a, a, b, a, b, a]);
});

test("whoever gives up waiting leaves the line, and a place is given back once", async () => {
  const slots = new Slots(1, 1);
  const give = await slots.take(a, never);
  const abort = new AbortController();
  const waiting = slots.take(a, abort.signal);
  const next = slots.take(a, never);
  abort.abort(new Error("enough"));
  await assert.rejects(waiting, { message: "enough" });
  give();
  assert.throws(give, { code: "internal" });
  (await next)();
  await assert.rejects(slots.take(a, abort.signal), { message: "enough" });
});

test("a place is wanted by another peer that waits and has less than its share", async () => {
  const slots = new Slots(2, 1);
  askAll(slots, [a, a, b, b]);
  await settle();
  // Both have their share; what one gives back the other may not have.
  assert.deepEqual([slots.wanted(a), slots.wanted(b)], [false, false]);
  void slots.take(c, never);
  assert.deepEqual([slots.wanted(a), slots.wanted(b), slots.wanted(c)], [true, true, false]);
});
