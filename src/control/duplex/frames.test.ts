// Frames, however the bytes are cut on their way, and what is no frame.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { u32 } from "../../core/bytes.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { cutFrame, dataFrames, endFrame, FrameReader } from "./frames.ts";

interface Read {
  readonly data: Buffer;
  readonly ended: boolean;
  readonly why: CoveyError | undefined;
}

function readAll(bytes: Buffer, cuts: readonly number[] = []): Read {
  const reader = new FrameReader();
  const data: Buffer[] = [];
  let ended = false;
  let why: CoveyError | undefined;
  const marks = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  for (let i = 1; i < marks.length; i++)
    for (const event of reader.read(bytes.subarray(marks[i - 1], marks[i])))
      if (event.is === "data") data.push(event.bytes);
      else if (event.is === "end") ended = true;
      else why = event.why;
  return { data: Buffer.concat(data), ended, why };
}

test("what was written is read, whatever its length and wherever it was cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 })),
      fc.array(fc.nat()),
      fc.constantFrom(0, LIMITS.controlFrameBytes - 1, LIMITS.controlFrameBytes, 2 * LIMITS.controlFrameBytes + 1),
      (chunks, cuts, large) => {
        const all = [...chunks, Buffer.alloc(large, 7)];
        const frames = Buffer.concat([...all.flatMap((chunk) => [...dataFrames(chunk)]), endFrame()]);
        const read = readAll(frames, cuts);
        assert.deepEqual(read, { data: Buffer.concat(all), ended: true, why: undefined });
        const cut = Buffer.concat([frames.subarray(0, -4), cutFrame(new CoveyError("no-space", "full", { hint: "h" }))]);
        const { data, ended, why } = readAll(cut, cuts);
        assert.deepEqual([data, ended, why?.code, why?.message, why?.hint], [Buffer.concat(all), false, "no-space", "full", "h"]);
      },
    ),
  );
});

test("what stops within a frame has not ended", () => {
  const frames = Buffer.concat([...dataFrames(Buffer.from("whole")), endFrame()]);
  for (let length = 0; length < frames.length; length++) assert.equal(readAll(frames.subarray(0, length)).ended, false);
});

test("what can't be a frame is refused, before anything is kept for it", () => {
  const wrong: readonly (readonly [what: string, bytes: Buffer])[] = [
    ["a longer frame than there are", u32(LIMITS.controlFrameBytes + 1)],
    ["one that is nearly a cut", u32(0xfffffffe)],
    ["bytes behind the end", Buffer.concat([endFrame(), Buffer.of(0)])],
    ["a second end", Buffer.concat([endFrame(), endFrame()])],
    ["a reason without length", Buffer.concat([u32(0xffffffff), u32(0)])],
    ["a reason that is too long", Buffer.concat([u32(0xffffffff), u32(LIMITS.controlFrameBytes + 1)])],
    ["a reason of a cut as a reason", Buffer.concat([u32(0xffffffff), u32(0xffffffff)])],
  ];
  for (const [what, bytes] of wrong) assert.throws(() => readAll(bytes), { code: "protocol" }, what);
});

test("a reason that is none is still a cut; a long one is cut short", () => {
  for (const reason of ["{", "null", "7", '{"code":"nonsense"}', "\u00ff"]) {
    const body = Buffer.from(reason);
    const { why } = readAll(Buffer.concat([u32(0xffffffff), u32(body.length), body]));
    assert.ok(why instanceof CoveyError, reason);
  }
  assert.equal(readAll(cutFrame(new CoveyError("io", "x".repeat(200_000)))).why?.code, "io");
});
