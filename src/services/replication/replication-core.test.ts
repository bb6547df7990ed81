import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { StoreId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { OutgoingBatch, Verdict, WireEntry } from "../../space/contract.ts";
import { newPush, pushState, step, type Opening, type Push, type PushEffect, type PushEvent } from "./replication-core.ts";

const OURS = "a".repeat(32) as StoreId;
const OTHER = "c".repeat(32) as StoreId;
const entry: WireEntry = { signed: Buffer.from("signed"), signature: Buffer.alloc(64), value: undefined };

const opening = (change: Partial<Opening> & { end?: number } = {}): Opening => ({
  own: { store: OURS, seq: change.end ?? 0 },
  have: undefined,
  ...change,
});

const batch = (from: number, to: number, count: number, more = false): OutgoingBatch => ({
  from,
  to,
  entries: Array.from({ length: count }, () => entry),
  more,
});

/** Takes the events one after the other; what the last one led to. */
function run(...events: PushEvent[]): { push: Push; effects: readonly PushEffect[] } {
  let result: { push: Push; effects: readonly PushEffect[] } = { push: newPush, effects: [] };
  for (const event of events) result = step(result.push, event);
  return result;
}

const stored = (count: number): Verdict[] => Array.from({ length: count }, (): Verdict => "stored");
const at = (seq: number, store: StoreId = OURS) => ({ store, seq });

test("a session opens a stream; another one cuts it first", () => {
  const up = run({ type: "up" });
  assert.deepEqual(up.effects, [{ type: "cut" }, { type: "open" }]);
  assert.equal(pushState(up.push), "opening");
  const again = step(up.push, { type: "up" });
  assert.deepEqual(again.effects, [{ type: "cut" }, { type: "open" }]);
});

test("with nothing to send, it is in sync", () => {
  const { push, effects } = run({ type: "up" }, { type: "opened", opening: opening() });
  assert.deepEqual(effects, []);
  assert.equal(pushState(push), "in-sync");
});

test("it starts at the cursor that the peer holds of this store", () => {
  const { effects } = run({ type: "up" }, { type: "opened", opening: opening({ end: 9, have: at(4) }) });
  assert.deepEqual(effects, [{ type: "read", from: 4 }]);
});

test("without a cursor, or with one of another store, it starts at 0", () => {
  for (const have of [at(4, OTHER), undefined]) {
    const { effects } = run({ type: "up" }, { type: "opened", opening: opening({ end: 9, have }) });
    assert.deepEqual(effects, [{ type: "read", from: 0 }]);
  }
});

test("a cursor beyond the end is shown to the store, which begins at 0: so the first batch does", () => {
  const start: PushEvent[] = [{ type: "up" }, { type: "opened", opening: opening({ end: 9, have: at(12) }) }];
  assert.deepEqual(run(...start).effects, [{ type: "read", from: 12 }]);
  const { push, effects } = run(...start, { type: "read", batch: batch(0, 9, 3) });
  assert.deepEqual(effects, [{ type: "send", batch: batch(0, 9, 3) }]);
  const { effects: after } = step(push, { type: "answered", verdicts: stored(3), cursor: at(9) });
  assert.deepEqual(after, [{ type: "acknowledge", seq: 9 }]);
});

test("it reads on while the window has room, and again with every answer", () => {
  let result = run({ type: "up" }, { type: "opened", opening: opening({ end: 100 }) });
  for (let i = 0; i < LIMITS.pushWindow; i++) {
    assert.equal(result.effects.at(-1)?.type, "read");
    result = step(result.push, { type: "read", batch: batch(i, i + 1, 1, true) });
    assert.equal(result.effects[0]?.type, "send");
  }
  assert.equal(result.effects.length, 1);
  result = step(result.push, { type: "answered", verdicts: ["have"], cursor: { store: OURS, seq: 1 } });
  assert.deepEqual(result.effects, [
    { type: "acknowledge", seq: 1 },
    { type: "read", from: LIMITS.pushWindow },
  ]);
});

test("a batch of nothing but the peer's own entries is not sent", () => {
  const { push, effects } = run(
    { type: "up" },
    { type: "opened", opening: opening({ end: 5 }) },
    { type: "read", batch: batch(0, 5, 0) },
  );
  assert.deepEqual(effects, []);
  assert.equal(pushState(push), "in-sync");
});

test("a batch behind the peer's own entries begins where the peer's cursor is, so that it comes behind no gap", () => {
  const { effects } = run(
    { type: "up" },
    { type: "opened", opening: opening({ end: 5, have: at(2) }) },
    { type: "read", batch: batch(2, 5, 0) },
    { type: "committed", seq: 6 },
    { type: "read", batch: batch(5, 6, 1) },
  );
  assert.deepEqual(effects, [{ type: "send", batch: batch(2, 6, 1) }]);
});

test("what is committed while a read is under way is read after it", () => {
  const { push, effects } = run(
    { type: "up" },
    { type: "opened", opening: opening({ end: 1 }) },
    { type: "committed", seq: 2 },
    { type: "read", batch: batch(0, 1, 1) },
  );
  assert.deepEqual(effects.at(-1), { type: "read", from: 1 });
  assert.equal(pushState(push), "pushing");
});

test("a held entry leads to a pause that grows, and shrinks when something moves", () => {
  const before: PushEvent[] = [
    { type: "up" },
    { type: "opened", opening: opening({ end: 2 }) },
    { type: "read", batch: batch(0, 2, 2) },
  ];
  const held: PushEvent = { type: "answered", verdicts: ["held", "stored"], cursor: { store: OURS, seq: 0 } };
  const first = run(...before, held);
  assert.deepEqual(first.effects, [{ type: "cut" }, { type: "pause", ms: LIMITS.pushRetryMs }]);
  assert.equal(pushState(first.push), "pausing");
  const again: PushEvent[] = [{ type: "resume" }, ...before.slice(1), held];
  const second = run(...before, held, ...again);
  assert.deepEqual(second.effects.at(-1), { type: "pause", ms: 2 * LIMITS.pushRetryMs });
  const moved = run(...before, held, ...again, { type: "resume" }, ...before.slice(1), {
    type: "answered",
    verdicts: ["stored", "held"],
    cursor: { store: OURS, seq: 1 },
  });
  assert.deepEqual(moved.effects, [{ type: "acknowledge", seq: 1 }, { type: "cut" }, { type: "pause", ms: LIMITS.pushRetryMs }]);
});

test("refused entries are counted and do not stop the rest", () => {
  const { push, effects } = run(
    { type: "up" },
    { type: "opened", opening: opening({ end: 2 }) },
    { type: "read", batch: batch(0, 2, 2) },
    { type: "answered", verdicts: ["refused", "stored"], cursor: { store: OURS, seq: 2 } },
  );
  assert.deepEqual(effects, [
    { type: "refused", count: 1 },
    { type: "acknowledge", seq: 2 },
  ]);
  assert.equal(push.refused, 1);
  assert.equal(pushState(push), "in-sync");
});

test("an answer to nothing, or with another number of verdicts, ends the stream", () => {
  const open: PushEvent[] = [{ type: "up" }, { type: "opened", opening: opening({ end: 2 }) }];
  const answer: PushEvent = { type: "answered", verdicts: ["stored"], cursor: { store: OURS, seq: 2 } };
  assert.equal(pushState(run(...open, answer).push), "pausing");
  assert.equal(pushState(run(...open, { type: "read", batch: batch(0, 2, 2) }, answer).push), "pausing");
});

test("a peer that says it has more than it was sent is believed as far as it was sent", () => {
  const { effects } = run(
    { type: "up" },
    { type: "opened", opening: opening({ end: 9 }) },
    { type: "read", batch: batch(0, 2, 2, true) },
    { type: "answered", verdicts: stored(2), cursor: { store: OURS, seq: 9 } },
  );
  assert.deepEqual(effects[0], { type: "acknowledge", seq: 2 });
});

test("stopped is for good", () => {
  const { push } = run({ type: "up" }, { type: "stop" });
  for (const event of [{ type: "up" }, { type: "resume" }, { type: "committed", seq: 1 }] as const) {
    assert.deepEqual(step(push, event), { push, effects: [] });
  }
});

const isTheirs = (seq: number): boolean => seq > 0 && seq % 3 === 0;

test("whatever happens, in whatever order: one stream, a bounded window, and everything is sent in the end", () => {
  const happening = fc.oneof(
    fc
      .constantFrom("cut", "down", "up", "answer", "answer", "answer", "read", "read", "read", "resume", "renamed")
      .map((name) => ({ name })),
    fc.record({ name: fc.constant("commit"), count: fc.integer({ min: 1, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 200 }), (happenings) => {
      // A store of `end` entries, of which every third came from the peer; a peer that holds the first `held` of them, and what is under way between them.
      let end = 0;
      let held = 0;
      let push = newPush;
      let reading: number | undefined;
      let sent: OutgoingBatch[] = [];
      let opened = false;
      const dispatch = (event: PushEvent): void => {
        const result = step(push, event);
        push = result.push;
        for (const effect of result.effects) {
          if (effect.type === "cut") [opened, reading, sent] = [false, undefined, []];
          if (effect.type === "open") {
            assert.ok(!opened, "only one stream is open");
            opened = true;
          }
          if (effect.type === "read") {
            assert.equal(reading, undefined, "one read at a time");
            reading = effect.from;
          }
          if (effect.type === "send") {
            assert.equal(effect.batch.from, sent.at(-1)?.to ?? held, "batches follow each other");
            sent.push(effect.batch);
            assert.ok(sent.length <= LIMITS.pushWindow, "the window is kept");
          }
        }
      };
      const open = (): void => {
        if (!opened || push.state.name !== "opening") return;
        dispatch({ type: "opened", opening: opening({ end, have: at(held) }) });
      };
      const happen = (name: string, count = 0): void => {
        if (name === "commit") dispatch({ type: "committed", seq: (end += count) });
        else if (name === "cut") dispatch({ type: "failed" });
        else if (name === "up" || name === "down" || name === "resume" || name === "renamed") dispatch({ type: name });
        else if (name === "read" && reading !== undefined) {
          const from = reading;
          reading = undefined;
          const to = Math.min(from + 2, end);
          const ours = Array.from({ length: to - from }, (_, i) => from + i + 1).filter((seq) => !isTheirs(seq));
          dispatch({ type: "read", batch: batch(from, to, ours.length, to < end) });
        } else if (name === "answer" && sent.length > 0) {
          const first = sent.shift()!;
          held = first.to;
          dispatch({ type: "answered", verdicts: stored(first.entries.length), cursor: { store: OURS, seq: held } });
        }
        open();
      };
      for (const one of happenings) happen(one.name, "count" in one ? one.count : 0);
      happen("up");
      for (let i = 0; i < 2 * end + 20; i++) happen(i % 2 === 0 ? "read" : "answer");
      while (isTheirs(end)) end--;
      assert.ok(held >= end, `${held} of ${end}`);
      assert.equal(pushState(push), "in-sync");
    }),
  );
});
