import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { Stream } from "./contract.ts";
import { createStreamReader } from "./stream-io.ts";

/** A stream that yields the chunks and ends. */
function streamOf(chunks: readonly Buffer[]): Stream {
  const left = [...chunks];
  return {
    write: async () => {},
    end: async () => {},
    read: async () => left.shift() ?? null,
    reset: () => void left.splice(0),
    closed: Promise.resolve(undefined),
  };
}

const chunks = fc.array(
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 20 },
);

test("exact reads give the bytes in order, whatever the chunks, and hand the rest over", async () => {
  await fc.assert(
    fc.asyncProperty(
      chunks,
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 10 }),
      fc.boolean(),
      async (chunks, counts, whole) => {
        const all = Buffer.concat(chunks);
        const reader = createStreamReader(streamOf(chunks), "a test");
        let at = 0;
        for (const count of counts) {
          if (at + count > all.length) break;
          const bytes = whole ? await reader.readExactly(count, 30) : Buffer.alloc(count);
          if (!whole) await reader.readInto(bytes);
          assert.deepEqual(bytes, all.subarray(at, at + count));
          at += count;
        }
        const rest: Buffer[] = [];
        const stream = reader.handOver();
        for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) rest.push(chunk);
        assert.deepEqual(Buffer.concat(rest), all.subarray(at));
      },
    ),
  );
});

test("nothing is copied but what lies in two chunks", async () => {
  const first = Buffer.alloc(10_000, 1);
  const second = Buffer.alloc(10_000, 2);
  const reader = createStreamReader(streamOf([first, second]), "a test");
  assert.equal((await reader.readExactly(4000, 4000)).buffer, first.buffer);
  assert.notEqual((await reader.readExactly(10_000, 10_000)).buffer, first.buffer);
  assert.equal((await reader.readExactly(6000, 6000)).buffer, second.buffer);
});

test("bytes that come one by one hold no more memory than there are of them", async () => {
  const chunks = Array.from({ length: 10_000 }, (_, at) => Buffer.from([at]));
  const all = Buffer.concat(chunks);
  const whole = await createStreamReader(streamOf(chunks), "a test").readExactly(10_000, 10_000);
  assert.deepEqual(whole, all);
  assert.equal(whole.buffer.byteLength, 10_000);
});

test("whether the end is next is known without taking what comes before it", async () => {
  const reader = createStreamReader(streamOf([Buffer.of(1), Buffer.of(2)]), "a test");
  assert.equal(await reader.atEnd(), false);
  assert.deepEqual(await reader.readExactly(2, 2), Buffer.of(1, 2));
  assert.equal(await reader.atEnd(), true);
  assert.equal(await reader.read(), null);
});

test("an early end is a fault, and a count beyond the limit is refused before anything is read", async () => {
  const reader = createStreamReader(streamOf([Buffer.of(1, 2, 3)]), "a test");
  await assert.rejects(reader.readExactly(5, 4), { code: "protocol", message: /5 bytes long; 4 are allowed/ });
  await assert.rejects(reader.readExactly(4, 4), { code: "protocol", message: "a test ended too early" });
  const other = createStreamReader(streamOf([Buffer.of(1, 2, 3)]), "a test");
  await assert.rejects(other.readInto(Buffer.alloc(4)), { code: "protocol", message: "a test ended too early" });
});

test("a reset forgets what was read ahead", async () => {
  const reader = createStreamReader(streamOf([Buffer.of(1, 2, 3)]), "a test");
  await reader.readExactly(1, 1);
  const stream = reader.handOver();
  stream.reset();
  assert.equal(await stream.read(), null);
});
