// Senders that are paired and lie on the stream: each lie, and the pause before the next try.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { encodeCbor } from "../../src/core/cbor.ts";
import { u16 } from "../../src/core/bytes.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { FETCH_ROUTE, RECORD } from "../../src/services/files/fetch/wire.ts";
import type { Call, Stream } from "../../src/session/contract.ts";
import { blobOf, block, end, fileOffer, offer, TOKEN } from "../files/hand-sender.ts";
import { b3, eventually, nextOffer, openLab, watchUntil } from "../files/peers.ts";

const MiB = LIMITS.blockBytes;

interface Args {
  readonly size: number;
  readonly ranges: readonly number[];
}

/** Everything that such a sender can do wrong on the stream of a file of two blocks and a bit. */
const content = randomBytes(2 * MiB + 100);
const LIES: [what: string, lie: (stream: Stream) => Promise<void>][] = [
  ["a block that does not agree with its hash", (s) => s.write(block(content.subarray(0, MiB), randomBytes(32)))],
  [
    "the end before all blocks",
    async (s) => {
      await s.write(block(content.subarray(0, MiB)));
      await s.write(end(blobOf(content)));
    },
  ],
  [
    "another block's bytes under the right hashes, so that only the blob's id is wrong",
    async (s) => {
      for (const at of [MiB, 0, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(end(blobOf(content)));
      await s.end();
    },
  ],
  [
    "a wrong blob id",
    async (s) => {
      for (const at of [0, MiB, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(end("00".repeat(32)));
      await s.end();
    },
  ],
  [
    "a block more than the file has",
    async (s) => {
      for (const at of [0, MiB, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(block(content.subarray(0, MiB)));
    },
  ],
  [
    "bytes after the end",
    async (s) => {
      for (const at of [0, MiB, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(end(blobOf(content)));
      await s.write(Buffer.from("more"));
      await s.end();
    },
  ],
  [
    "an end in the middle of a block",
    async (s) => {
      await s.write(block(content.subarray(0, MiB)).subarray(0, 1000));
      await s.end();
    },
  ],
  ["a record that does not exist", (s) => s.write(Buffer.of(9))],
  ["a problem of 64 KiB", (s) => s.write(Buffer.concat([Buffer.of(RECORD.problem), u16(65_535), Buffer.alloc(65_535)]))],
  ["a problem that is no CBOR", (s) => s.write(Buffer.concat([Buffer.of(RECORD.problem), u16(3), Buffer.of(255, 255, 255)]))],
  [
    "a problem with escape sequences in it",
    (s) => {
      const body = encodeCbor({ code: "internal", message: "\x1b[2J\x1b]52;c;aGk=\x07" });
      return s.write(Buffer.concat([Buffer.of(RECORD.problem), u16(body.length), body]));
    },
  ],
];

test("whatever a sender lies about on the stream, no byte of it is seen under the name, and the honest try after it succeeds", async () => {
  await using lab = await openLab({ handSender: true });
  let lie: ((stream: Stream) => Promise<void>) | undefined;
  lab.a.sessions.handle(FETCH_ROUTE, async (call: Call) => {
    const now = lie;
    lie = undefined;
    const stream = await call.accept({ token: TOKEN });
    if (now !== undefined) {
      await now(stream);
      await stream.closed;
      return;
    }
    const { ranges } = call.args as Args;
    for (let i = 0; i < ranges.length; i += 2) {
      for (let n = ranges[i]!; n < ranges[i]! + ranges[i + 1]!; n++)
        await stream.write(block(content.subarray(n * MiB, (n + 1) * MiB)));
    }
    await stream.write(end(blobOf(content)));
    await stream.end();
    while ((await stream.read()) !== null);
  });
  for (const [what, one] of LIES) {
    lie = one;
    const id = await offer(lab, fileOffer("file", content.length));
    await nextOffer(lab.b);
    await lab.b.files.accept(id, { into: lab.into });
    const done = await watchUntil(lab.b, id);
    assert.equal(done.offer.state, "done", what);
    assert.equal(done.blake3, b3(content), what);
  }
  for (const name of await readdir(lab.into)) assert.ok((await readFile(join(lab.into, name))).equals(content), name);
  assert.equal((await readdir(lab.into)).length, LIES.length);
});

test("a sender that goes on lying fails, in words without its escape sequences, and leaves nothing", async () => {
  await using lab = await openLab({ handSender: true });
  let tries = 0;
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    tries++;
    const stream = await call.accept({ token: TOKEN });
    const body = encodeCbor({ code: "internal", message: "\x1b[2J\n" });
    await stream.write(Buffer.concat([Buffer.of(RECORD.problem), u16(body.length), body]));
    await stream.closed;
  });
  const id = await offer(lab, fileOffer("file", content.length));
  await nextOffer(lab.b);
  await lab.b.files.accept(id, { into: lab.into });
  const failed = await watchUntil(lab.b, id);
  assert.equal(failed.offer.state, "failed");
  assert.equal(tries, LIMITS.fileFaults + 1);
  assert.doesNotMatch(failed.problem!.message, /[\x00-\x1f\x7f-\x9f]/);
  assert.notEqual(failed.problem!.hint, undefined);
  await eventually(() => readdir(lab.into), []);
});
