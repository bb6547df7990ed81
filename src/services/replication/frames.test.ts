import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../../core/errors.ts";
import type { StoreId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Stream } from "../../session/contract.ts";
import type { Verdict } from "../../space/contract.ts";
import { createFrameReader } from "./frame-reader.ts";
import { decodeAnswer, decodeBatch, encodeAnswer, encodeBatch } from "./frames.ts";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const seq = fc.maxSafeNat();
const entries = fc.array(
  fc.record(
    {
      signed: bytes(300),
      signature: fc.uint8Array({ minLength: 64, maxLength: 64 }).map((array) => Buffer.from(array)),
      value: fc.option(bytes(300), { nil: undefined }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 20 },
);
const verdicts = fc.array(fc.constantFrom<Verdict>("stored", "have", "deferred", "refused", "held"), { maxLength: 50 });

const isProtocol = (error: unknown): boolean => error instanceof CoveyError && error.code === "protocol";

/** A stream that delivers the bytes in chunks of the given sizes. */
function streamOf(all: Buffer, sizes: readonly number[]): Stream {
  let at = 0;
  let next = 0;
  return {
    read() {
      if (at >= all.length) return Promise.resolve(null);
      const chunk = all.subarray(at, at + (sizes.length === 0 ? all.length : sizes[next++ % sizes.length]!));
      at += chunk.length;
      return Promise.resolve(chunk);
    },
    write: () => Promise.resolve(),
    end: () => Promise.resolve(),
    reset: () => {},
    closed: Promise.resolve(undefined),
  };
}

test("a batch and an answer come out as they went in, however the stream cuts them", async () => {
  await fc.assert(
    fc.asyncProperty(
      seq,
      seq,
      entries,
      verdicts,
      fc.array(fc.integer({ min: 1, max: 400 })),
      async (a, b, list, marks, sizes) => {
        const batch = { from: Math.min(a, b), to: Math.max(a, b), entries: list };
        const answer = { verdicts: marks, cursor: { store: "0123456789abcdef".repeat(2) as StoreId, seq: a } };
        const frames = createFrameReader(streamOf(Buffer.concat([encodeBatch(batch), encodeAnswer(answer)]), sizes));
        const first = (await frames.next())!;
        assert.equal(first.buffer.byteLength, first.length, "in memory of its own");
        assert.deepEqual(decodeBatch(first), batch);
        assert.deepEqual(decodeAnswer((await frames.next())!), answer);
        assert.equal(await frames.next(), null);
      },
    ),
  );
});

test("any other bytes are a protocol error, and nothing else", () => {
  fc.assert(
    fc.property(bytes(200), (garbage) => {
      for (const decode of [decodeBatch, decodeAnswer]) {
        try {
          decode(garbage);
        } catch (error) {
          assert.ok(isProtocol(error), String(error));
        }
      }
    }),
  );
});

test("a batch cut anywhere is refused", () => {
  const whole = encodeBatch({
    from: 1,
    to: 3,
    entries: [
      { signed: Buffer.from("one"), signature: Buffer.alloc(64, 1), value: Buffer.from("v") },
      { signed: Buffer.from("two"), signature: Buffer.alloc(64, 2), value: undefined },
    ],
  }).subarray(4);
  assert.equal(decodeBatch(whole).entries.length, 2);
  for (let length = 0; length < whole.length; length++) assert.throws(() => decodeBatch(whole.subarray(0, length)), isProtocol);
  assert.throws(() => decodeBatch(Buffer.concat([whole, Buffer.alloc(1)])), isProtocol);
});

test("a batch that runs backwards, or has too many entries, is refused", () => {
  const backwards = encodeBatch({ from: 5, to: 4, entries: [] }).subarray(4);
  assert.throws(() => decodeBatch(backwards), isProtocol);
  const many = Buffer.alloc(18);
  many.writeUInt16BE(LIMITS.pushEntries + 1, 16);
  assert.throws(() => decodeBatch(many), isProtocol);
});

test("an announced length beyond the limit is refused before it is waited for", async () => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(LIMITS.pushFrameBytes + 1);
  await assert.rejects(createFrameReader(streamOf(head, [])).next(), isProtocol);
});

test("a stream that ends inside a frame is not an end", async () => {
  const frame = encodeAnswer({ verdicts: ["stored"], cursor: { store: "0".repeat(32) as StoreId, seq: 1 } });
  for (let length = 1; length < frame.length; length++) {
    await assert.rejects(createFrameReader(streamOf(frame.subarray(0, length), [3])).next(), isProtocol);
  }
});
