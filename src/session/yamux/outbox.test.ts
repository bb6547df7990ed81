import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { INITIAL_WINDOW, MAX_U32 } from "./frame.ts";
import { Outbox } from "./outbox.ts";

const cut = new CoveyError("closed", "cut");

/** Whether it has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  for (let n = 0; n < 5; n++) await Promise.resolve();
  return done;
}

test("bytes come out in order, whatever the pieces and the credit", () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 });
  const takes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(pieces, takes, (pieces, takes) => {
      const outbox = new Outbox(() => {});
      for (const piece of pieces) void outbox.write(piece);
      const out: Uint8Array[] = [];
      for (let n = 0; outbox.ready; n++) assert.ok(outbox.take(takes[n % takes.length]!, out) > 0);
      assert.deepEqual(Buffer.concat(out), Buffer.concat(pieces));
    }),
  );
});

test("nothing is copied", () => {
  const outbox = new Outbox(() => {});
  const chunk = Buffer.alloc(100);
  void outbox.write(chunk);
  const out: Uint8Array[] = [];
  outbox.take(60, out);
  outbox.take(60, out);
  assert.ok(out.every((piece) => piece.buffer === chunk.buffer));
});

test("a writer waits while too much is kept, and no longer", async () => {
  const outbox = new Outbox(() => {});
  assert.ok(await settled(outbox.write(Buffer.alloc(LIMITS.yamuxQueueBytes))));
  const waits = outbox.write(Buffer.of(1, 2));
  assert.equal(await settled(waits), false);
  outbox.take(1, []);
  assert.equal(await settled(waits), false);
  outbox.take(1, []);
  assert.ok(await settled(waits));
});

test("writes that nobody waits for are bounded", async () => {
  const outbox = new Outbox(() => {});
  void outbox.write(Buffer.alloc(LIMITS.yamuxQueueBytes));
  for (let n = 0; n < LIMITS.yamuxQueueWriters; n++) void outbox.write(Buffer.of(1));
  await assert.rejects(outbox.write(Buffer.of(1)), { code: "limit" });
});

test("it is ready again when credit comes, and only then", () => {
  let ready = 0;
  const outbox = new Outbox(() => ready++);
  void outbox.write(Buffer.alloc(INITIAL_WINDOW + 10));
  assert.equal(ready, 1);
  assert.equal(outbox.take(INITIAL_WINDOW + 10, []), INITIAL_WINDOW);
  assert.equal(outbox.ready, false);
  outbox.addCredit(0);
  assert.equal(ready, 1);
  outbox.addCredit(4);
  assert.equal(ready, 2);
  assert.equal(outbox.take(100, []), 4);
});

test("credit beyond 2^32 is a fault", () => {
  const outbox = new Outbox(() => {});
  outbox.addCredit(MAX_U32 - INITIAL_WINDOW);
  assert.throws(() => outbox.addCredit(1), { code: "protocol" });
});

test("the FIN is due after the last byte; ending twice is ending once; writing afterwards is a fault", async () => {
  const outbox = new Outbox(() => {});
  void outbox.write(Buffer.of(1));
  const ends = [outbox.end(), outbox.end()];
  assert.equal(outbox.finDue, false);
  outbox.take(10, []);
  assert.equal(outbox.finDue, true);
  assert.equal(await settled(ends[0]!), false);
  outbox.finSent();
  await Promise.all([...ends, outbox.end()]);
  assert.equal(outbox.state, "ended");
  await assert.rejects(outbox.write(Buffer.of(1)), { code: "internal" });
});

test("a cut rejects the writers and the end that wait, and what follows", async () => {
  const outbox = new Outbox(() => {});
  const waits = outbox.write(Buffer.alloc(LIMITS.yamuxQueueBytes + 1));
  const ends = outbox.end();
  outbox.cut(cut);
  for (const promise of [waits, ends, outbox.write(Buffer.of(1)), outbox.end()]) await assert.rejects(promise, cut);
  assert.equal(outbox.ready, false);
});

test("a stream that has sent much is fresh again once it was idle", async () => {
  const outbox = new Outbox(() => {});
  assert.equal(outbox.fresh, true);
  void outbox.write(Buffer.alloc(LIMITS.yamuxFreshBytes));
  outbox.take(LIMITS.yamuxFreshBytes, []);
  assert.equal(outbox.fresh, false);
  void outbox.write(Buffer.of(1));
  assert.equal(outbox.fresh, false);
  outbox.take(1, []);
  await new Promise((resolve) => setTimeout(resolve, LIMITS.yamuxFreshMs + 20));
  void outbox.write(Buffer.of(1));
  assert.equal(outbox.fresh, true);
});
