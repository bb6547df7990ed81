import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { secretKeyOf, sign, verify } from "../signing.ts";
import { Crypto } from "./crypto.ts";
import { SharedJobs, sharedMemory } from "./shared-jobs.ts";

const seed = randomBytes(32);
const secretKey = secretKeyOf(seed);
const publicKey = Buffer.from(secretKey.subarray(32));
const messages = Array.from({ length: 5000 }, (_, i) => Buffer.from(`message ${i} ${"x".repeat(i % 700)}`));

test("what several threads sign and verify is what one would, also beyond the room that they share", async (t) => {
  const crypto = new Crypto(seed);
  t.after(() => crypto.close());
  for (const size of [1, 31, 32, 1000, 5000]) {
    const some = messages.slice(0, size);
    const signing = crypto.batch(size);
    const signatures = some.map((message) => signing.sign(message)).map((result) => result());
    for (const i of [0, size >> 1, size - 1]) assert.deepEqual(signatures[i], sign(some[i]!, secretKey), `${i} of ${size}`);
    const forged = new Set([0, 7, size - 1].filter((i) => i < size));
    const verifying = crypto.batch(size);
    const results = some.map((message, i) =>
      verifying.verify({ message: forged.has(i) ? Buffer.from("else") : message, signature: signatures[i]!, publicKey }),
    );
    await sleep(5);
    assert.deepEqual(new Set(results.flatMap((isGenuine, i) => (isGenuine() ? [] : [i]))), forged);
  }
});

test("a batch that was given up leaves nothing to the next", (t) => {
  const crypto = new Crypto(seed);
  t.after(() => crypto.close());
  for (let round = 0; round < 20; round++) {
    const left = crypto.batch(100);
    for (const message of messages.slice(0, 100)) left.verify({ message, signature: Buffer.alloc(64), publicKey });
    const signing = crypto.batch(50);
    const [first] = messages.slice(round, round + 50).map((message) => signing.sign(message));
    assert.ok(verify(messages[round]!, first!(), publicKey));
  }
});

test("without any helper all is done by the owner", () => {
  const jobs = new SharedJobs(sharedMemory(), secretKey);
  jobs.begin();
  const numbers = messages.slice(0, 50).map((message) => jobs.publish({ message })!);
  for (const job of numbers) assert.deepEqual(jobs.signatureOf(job), sign(messages[job]!, secretKey));
  jobs.begin();
  const signature = sign(messages[0]!, secretKey);
  const good = jobs.publish({ message: messages[0]!, signature, publicKey })!;
  const bad = jobs.publish({ message: messages[1]!, signature, publicKey })!;
  assert.deepEqual([jobs.isGenuine(bad), jobs.isGenuine(good)], [false, true]);
  assert.equal(jobs.publish({ message: Buffer.alloc(5_000_000) }), undefined);
});
