import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../../core/errors.ts";
import {
  ACK,
  DATA,
  encodeHeader,
  FIN,
  FrameDecoder,
  type FrameType,
  GO_AWAY,
  HEADER_BYTES,
  PING,
  RST,
  SYN,
  WINDOW_UPDATE,
} from "./frame.ts";

interface Seen {
  readonly type: FrameType;
  readonly flags: number;
  readonly id: number;
  readonly length: number;
  readonly data: Buffer;
  readonly whole: boolean;
}

/** Everything that the decoder finds in the chunks, pieces of data joined. */
function decode(chunks: readonly Buffer[]): Seen[] {
  const seen: Seen[] = [];
  const decoder = new FrameDecoder({
    frame: (type, flags, id, length) =>
      void seen.push({ type, flags, id, length, data: Buffer.alloc(0), whole: type !== DATA || length === 0 }),
    data(bytes, whole) {
      assert.ok(bytes.length > 0);
      const last = seen.pop()!;
      assert.equal(last.whole, false);
      seen.push({ ...last, data: Buffer.concat([last.data, bytes]), whole });
    },
  });
  for (const chunk of chunks) decoder.push(chunk);
  return seen;
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const streamId = fc.integer({ min: 1, max: 0xffff_ffff });
const streamFlags = fc.constantFrom(0, SYN, ACK, FIN, RST, SYN | FIN, ACK | FIN, ACK | RST);
const valid = fc.oneof(
  fc.record({ type: fc.constant(DATA), flags: streamFlags, id: streamId, data: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ type: fc.constant(WINDOW_UPDATE), flags: streamFlags, id: streamId, length: u32 }),
  fc.record({ type: fc.constant(PING), flags: fc.constantFrom(SYN, ACK), id: fc.constant(0), length: u32 }),
  fc.record({ type: fc.constant(GO_AWAY), flags: fc.constant(0), id: fc.constant(0), length: u32 }),
);

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const end = at + (sizes[n % sizes.length] ?? 1);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

test("what was encoded is decoded, however it is cut", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(valid, { maxLength: 20 }), sizes, (frames, sizes) => {
      const expected = frames.map((frame) => {
        const data = Buffer.from("data" in frame ? frame.data : []);
        const length = "length" in frame ? frame.length : data.length;
        return { type: frame.type, flags: frame.flags, id: frame.id, length, data, whole: true };
      });
      const bytes = Buffer.concat(
        expected.flatMap(({ type, flags, id, length, data }) => [encodeHeader(type, flags, id, length), data]),
      );
      assert.deepEqual(decode(cut(bytes, sizes)), expected);
    }),
  );
});

test("the layout is the spec's", () => {
  assert.equal(encodeHeader(WINDOW_UPDATE, SYN, 0x01020304, 0xfffefdfc).toString("hex"), "0001000101020304fffefdfc");
});

test("any bytes at all end in frames or in a protocol error, and are judged alike however they are cut", () => {
  const outcome = (chunks: readonly Buffer[]): unknown => {
    try {
      return decode(chunks);
    } catch (error) {
      assert.ok(error instanceof CoveyError);
      assert.equal(error.code, "protocol");
      return error.message;
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 30 }), (bytes, size) => {
      const buffer = Buffer.from(bytes);
      assert.deepEqual(outcome(cut(buffer, [size])), outcome(cut(buffer, [1])));
    }),
    { numRuns: 500 },
  );
});

const BAD: readonly (readonly [name: string, bytes: Buffer])[] = [
  ["version 1", Buffer.concat([Buffer.of(1), encodeHeader(PING, SYN, 0, 0).subarray(1)])],
  ["type 4", encodeHeader(4 as FrameType, 0, 1, 0)],
  ["data for the session", encodeHeader(DATA, 0, 0, 5)],
  ["credit for the session", encodeHeader(WINDOW_UPDATE, 0, 0, 5)],
  ["a ping on a stream", encodeHeader(PING, SYN, 1, 0)],
  ["a ping that is neither question nor answer", encodeHeader(PING, 0, 0, 0)],
  ["a ping that is both", encodeHeader(PING, SYN | ACK, 0, 0)],
  ["a goodbye on a stream", encodeHeader(GO_AWAY, 0, 1, 0)],
  ["an unknown flag", encodeHeader(DATA, 16, 1, 0)],
  ["a flag in the high byte", Buffer.from("000001000000000100000000", "hex")],
  ["SYN and ACK together", encodeHeader(DATA, SYN | ACK, 1, 0)],
];
for (const [name, bytes] of BAD) {
  test(`refuses ${name}`, () => {
    assert.equal(bytes.length, HEADER_BYTES);
    assert.throws(() => decode([bytes]), { code: "protocol" });
  });
}

test("data is handed on as views of the chunks that came", () => {
  const chunk = Buffer.concat([encodeHeader(DATA, 0, 1, 100), Buffer.alloc(60, 1)]);
  const pieces: Buffer[] = [];
  const decoder = new FrameDecoder({ frame: () => {}, data: (bytes) => void pieces.push(bytes) });
  decoder.push(chunk);
  const rest = Buffer.alloc(40, 2);
  decoder.push(rest);
  assert.equal(pieces[0]!.buffer, chunk.buffer);
  assert.equal(pieces[1], rest);
});
