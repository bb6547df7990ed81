import assert from "node:assert/strict";
import { test } from "node:test";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { INITIAL_WINDOW } from "./frame.ts";
import { type CreditPool, Inbox } from "./inbox.ts";

const poor: CreditPool = { lend: () => 0, giveBack: () => {} };
const rich = (): CreditPool & { lent: number } => {
  const pool = {
    lent: 0,
    lend(bytes: number) {
      pool.lent += bytes;
      return bytes;
    },
    giveBack: (bytes: number) => void (pool.lent -= bytes),
  };
  return pool;
};
const cut = new CoveyError("closed", "cut");

function arrive(inbox: Inbox, bytes: Buffer): void {
  inbox.expect(bytes.length);
  inbox.push(bytes);
}

test("credit is earned by reading, not by arriving", async () => {
  let due = 0;
  const inbox = new Inbox(poor, () => due++);
  for (let n = 0; n < 4; n++) arrive(inbox, Buffer.alloc(INITIAL_WINDOW / 4));
  assert.equal(inbox.credit, 0);
  assert.throws(() => inbox.expect(1), { code: "protocol" });
  assert.equal(inbox.takeGrant(), 0);
  await inbox.read();
  assert.equal(due, 0);
  await inbox.read();
  assert.equal(due, 1);
  assert.equal(inbox.takeGrant(), INITIAL_WINDOW / 2);
  assert.equal(inbox.credit, INITIAL_WINDOW / 2);
  assert.equal(inbox.takeGrant(), 0);
});

test("the window grows by what the session lends, and gives it back at the end and at a cut", () => {
  for (const stop of ["end", "cut"] as const) {
    const pool = rich();
    const inbox = new Inbox(pool, () => {});
    assert.equal(pool.lent, LIMITS.yamuxWindowBytes - INITIAL_WINDOW);
    assert.equal(inbox.takeGrant(), LIMITS.yamuxWindowBytes - INITIAL_WINDOW);
    assert.equal(inbox.credit, LIMITS.yamuxWindowBytes);
    if (stop === "end") inbox.end();
    else inbox.cut(cut);
    inbox.cut(cut);
    assert.equal(pool.lent, 0);
    assert.equal(inbox.takeGrant(), 0);
  }
});

test("what came before the end is read before the end", async () => {
  const inbox = new Inbox(poor, () => {});
  arrive(inbox, Buffer.from("one"));
  inbox.end();
  assert.equal((await inbox.read())?.toString(), "one");
  assert.equal(await inbox.read(), null);
  assert.equal(await inbox.read(), null);
});

test("a cut rejects the read that waits and those that follow, whatever is kept", async () => {
  const waiting = new Inbox(poor, () => {});
  const read = waiting.read();
  waiting.cut(cut);
  await assert.rejects(read, cut);
  await assert.rejects(waiting.read(), cut);

  const kept = new Inbox(poor, () => {});
  arrive(kept, Buffer.from("one"));
  kept.cut(cut);
  await assert.rejects(kept.read(), cut);
});

test("data or an end after the end is a fault", () => {
  const inbox = new Inbox(poor, () => {});
  inbox.end();
  assert.throws(() => inbox.expect(0), { code: "protocol" });
  assert.throws(() => inbox.end(), { code: "protocol" });
});

test("a second reader at once is refused", async () => {
  const inbox = new Inbox(poor, () => {});
  const first = inbox.read();
  await assert.rejects(inbox.read(), { code: "internal" });
  arrive(inbox, Buffer.from("x"));
  assert.equal((await first)?.toString(), "x");
});

test("bytes that come one by one, or out of large chunks, keep no more than a few times their number alive", async () => {
  const inbox = new Inbox(poor, () => {});
  const sent: number[] = [];
  for (let n = 0; n < 20_000; n++) {
    const slab = Buffer.allocUnsafeSlow(16 * 1024).fill(n & 0xff);
    arrive(inbox, slab.subarray(0, 1));
    sent.push(n & 0xff);
  }
  const received: Buffer[] = [];
  const slabs = new Map<ArrayBufferLike, number>();
  for (let left = sent.length; left > 0;) {
    const chunk = (await inbox.read())!;
    received.push(chunk);
    slabs.set(chunk.buffer, chunk.buffer.byteLength);
    left -= chunk.length;
  }
  assert.deepEqual(Buffer.concat(received), Buffer.from(sent));
  const held = [...slabs.values()].reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(held <= 5 * sent.length + 4096, `${held} bytes held for ${sent.length}`);
  assert.ok(received.length < 10, `${received.length} chunks`);
});

test("a piece of a chunk many times its size is copied", async () => {
  const inbox = new Inbox(poor, () => {});
  arrive(inbox, Buffer.alloc(2 ** 20, 1).subarray(0, 8192));
  const piece = (await inbox.read())!;
  assert.deepEqual(piece, Buffer.alloc(8192, 1));
  assert.equal(piece.buffer.byteLength, 8192);
});

test("what is large beside its chunk is kept as a view", async () => {
  const inbox = new Inbox(poor, () => {});
  const slab = Buffer.allocUnsafeSlow(16 * 1024).fill(1);
  arrive(inbox, slab.subarray(12));
  arrive(inbox, Buffer.of(2));
  assert.equal((await inbox.read())!.buffer, slab.buffer);
  assert.deepEqual(await inbox.read(), Buffer.of(2));
});
