import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { u32 } from "../core/bytes.ts";
import { encodeCbor } from "../core/cbor.ts";
import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Stream } from "./contract.ts";
import { decodeAnswer, decodeRequest, encodeFailed, encodeOk, encodeRequest, readHead } from "./heads.ts";

const isCode = (code: string) => (error: unknown) => error instanceof CoveyError && error.code === code;

/** A stream whose other side sends these chunks, then an end. */
function sending(...chunks: readonly Uint8Array[]): Stream {
  const left = chunks.map((chunk) => Buffer.from(chunk));
  const nothing = () => Promise.resolve();
  return {
    read: async () => left.shift() ?? null,
    write: nothing,
    end: nothing,
    reset: () => {},
    closed: Promise.resolve(undefined),
  };
}

async function all(stream: Stream): Promise<string> {
  let text = "";
  for (let chunk; (chunk = await stream.read()) !== null;) text += chunk.toString();
  return text;
}

test("a head is read however it is cut, and what follows it is not touched", async () => {
  const request = Buffer.concat([
    encodeRequest("data/get", { key: "a", list: [1, null, new Uint8Array(3)] }),
    Buffer.from("bytes behind"),
  ]);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(request.length), { maxLength: 6 }), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), request.length];
      const chunks = at.slice(1).map((end, index) => request.subarray(at[index], end));
      const { head, rest } = await readHead(sending(...chunks.filter(({ length }) => length > 0)), "a request", LIMITS.headBytes);
      assert.deepEqual(decodeRequest(head), { route: "data/get", args: { key: "a", list: [1, null, new Uint8Array(3)] } });
      assert.equal(await all(rest), "bytes behind");
    }),
  );
});

test("lengths that lie are refused before anything is held", async () => {
  const read = (...chunks: Uint8Array[]) => readHead(sending(...chunks), "a request", 100, { left: 50 });
  await assert.rejects(read(u32(0)), isCode("protocol"));
  await assert.rejects(read(u32(101)), isCode("protocol"));
  await assert.rejects(read(u32(0xffffffff)), isCode("protocol"));
  await assert.rejects(read(u32(60)), isCode("limit"));
  await assert.rejects(read(u32(40), Buffer.alloc(39)), isCode("protocol"), "it ended early");
  await assert.rejects(read(), isCode("protocol"), "it ended before");
});

test("what a head holds is given back, also when it never comes", async () => {
  const budget = { left: 50 };
  await assert.rejects(readHead(sending(u32(40)), "a request", 100, budget));
  await readHead(sending(u32(5), Buffer.alloc(5)), "a request", 100, budget);
  assert.equal(budget.left, 50);
});

test("a head too large to be sent is refused here, not there", () => {
  assert.throws(() => encodeRequest("data/set", { value: "x".repeat(LIMITS.headBytes) }), isCode("limit"));
});

test("an error with more to say than fits a head is told all the same, cut", () => {
  const facts = Array.from({ length: 100 }, (_, at) => [`fact ${at}`, "x".repeat(LIMITS.headBytes)]);
  const answer = decodeAnswer(encodeFailed(new CoveyError("conflict", "no", { details: Object.fromEntries(facts) })).subarray(4));
  assert.ok(answer.is === "failed" && answer.error.code === "conflict");
  assert.equal(Object.keys(answer.error.details).length, LIMITS.errorDetails);
});

test("deep, numerous, odd and random CBOR is a protocol error", () => {
  const deep = Buffer.concat([Buffer.alloc(100_000, 0x81), Buffer.of(0)]);
  const giant = Buffer.from("9b00ffffffffffffff", "hex");
  const many = encodeCbor({ route: "a", args: Array.from({ length: LIMITS.cborItems }, () => []) });
  const indefinite = Buffer.from("bf616101ff", "hex");
  const wrong = [
    encodeCbor(7),
    encodeCbor({ route: 7 }),
    encodeCbor({ route: "../x" }),
    encodeCbor({ route: "A" }),
    encodeCbor({ args: 1 }),
  ];
  for (const bytes of [deep, giant, many, indefinite, ...wrong]) assert.throws(() => decodeRequest(bytes), isCode("protocol"));
  for (const bytes of [encodeCbor({ status: 7 }), encodeCbor({ value: 1 }), encodeCbor({ status: "ok", bytes: 1 })]) {
    assert.throws(() => decodeAnswer(bytes), isCode("protocol"));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      for (const decode of [decodeRequest, decodeAnswer]) {
        try {
          decode(noise);
        } catch (error) {
          assert.ok(isCode("protocol")(error));
        }
      }
    }),
  );
});

test("answers: a value, no value, an error with its facts, a fault without", () => {
  const answer = (bytes: Buffer) => decodeAnswer(bytes.subarray(4));
  assert.deepEqual(answer(encodeOk({ a: 1 }, false)), { is: "ok", value: { a: 1 }, bytes: false });
  assert.deepEqual(answer(encodeOk(null, true)), { is: "ok", value: null, bytes: true });
  const failed = answer(
    encodeFailed(new CoveyError("conflict", "it changed", { hint: "Read it again.", details: { version: "7", at: 3 } })),
  );
  assert.ok(failed.is === "failed");
  assert.deepEqual(failed.error.toJSON(), {
    code: "conflict",
    message: "it changed",
    hint: "Read it again.",
    details: { version: "7", at: 3 },
    retryable: false,
  });
  const fault = answer(encodeFailed(new TypeError("secret path")));
  assert.ok(fault.is === "failed" && fault.error.code === "internal" && !fault.error.message.includes("secret"));
});
