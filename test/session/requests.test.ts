// Requests and streams between two real peers: in memory, or over TCP with COVEY_TEST_TRANSPORT=tcp.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import type { Cbor } from "../../src/core/cbor.ts";
import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { Call, Session, Stream } from "../../src/session/contract.ts";
import { openSessionPair, type SessionPair } from "../../src/testing/session-pair.ts";

const isCode =
  (code: string, text = /(?:)/) =>
  (error: unknown) =>
    error instanceof CoveyError && error.code === code && text.test(error.message);

async function readAll(stream: Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let chunk; (chunk = await stream.read()) !== null;) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A promise for the next call that a route gets. */
const calls = new Map<string, (call: Call) => void>();
const nextCall = (route: string): Promise<Call> => new Promise((resolve) => calls.set(route, resolve));

let pair: SessionPair;
let ab: Session;

before(async () => {
  pair = await openSessionPair({
    limits: { requestMs: 5000 },
    prepare({ sessions }) {
      sessions.handle("test/echo", async ({ args }) => args as Cbor);
      sessions.handle("test/nothing", async () => {});
      sessions.handle("test/refuse", async () => {
        throw new CoveyError("conflict", "it changed", { hint: "Read it again.", details: { version: "7" } });
      });
      sessions.handle("test/fault", async () => {
        throw new TypeError("secret detail");
      });
      sessions.handle("test/hang", async (call) => {
        calls.get("test/hang")?.(call);
        return new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason as Error)));
      });
      sessions.handle("test/upper", async ({ accept }) => {
        const stream = await accept({ ready: true });
        for (let chunk; (chunk = await stream.read()) !== null;) await stream.write(Buffer.from(chunk.toString().toUpperCase()));
      });
      sessions.handle("test/after", async (call) => {
        const stream = await call.accept();
        calls.get("test/after")?.(call);
        await stream.end();
        await new Promise((resolve) => setTimeout(resolve, 200));
      });
      sessions.handle("test/half", async ({ accept }) => {
        const stream = await accept();
        await stream.write(Buffer.alloc(1000));
        throw new Error("amid the bytes");
      });
      sessions.handle("test/twice", async ({ accept }) => {
        await accept();
        await accept();
      });
      sessions.handle("test/huge", async () => "x".repeat(LIMITS.headBytes));
    },
  });
  ab = pair.ab;
});
after(() => pair.close());

describe("a request", () => {
  test("brings its arguments there and the answer back, from either side", async () => {
    const args = { text: "ü", bytes: new Uint8Array([0, 255]), list: [1, -1, 1.5, null, true], map: { a: {} } };
    assert.deepEqual(await ab.request("test/echo", args), args);
    assert.deepEqual(await pair.ba.request("test/echo", "back"), "back");
    assert.equal(await ab.request("test/nothing", null), null);
  });

  test("many at once, each with its own answer", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, at) => ab.request("test/echo", at)));
    assert.deepEqual(
      answers,
      Array.from({ length: 200 }, (_, at) => at),
    );
  });

  test("as large as a head may be", async () => {
    const args = "x".repeat(LIMITS.headBytes - 64);
    assert.equal(await ab.request("test/echo", args), args);
    await assert.rejects(ab.request("test/echo", `${args}${args}`), isCode("limit"));
    await assert.rejects(ab.request("test/huge", null), isCode("limit"));
  });

  test("rejects with the other side's error, its hint and facts", async () => {
    await assert.rejects(ab.request("test/refuse", null), (error) => {
      assert.ok(error instanceof CoveyError);
      assert.deepEqual(
        [error.code, error.message, error.hint, error.details],
        ["conflict", "it changed", "Read it again.", { version: "7" }],
      );
      return true;
    });
  });

  test("tells nothing of a fault over there but that there was one", async () => {
    await assert.rejects(
      ab.request("test/fault", null),
      (error) => isCode("internal")(error) && !String(error).includes("secret"),
    );
  });

  test("for a route that is not there says which one, and what to do", async () => {
    await assert.rejects(
      ab.request("test/none", null),
      (error) => isCode("version", /test\/none/)(error) && /Update/.test((error as CoveyError).hint!),
    );
  });

  test("for a route that answers with bytes is a fault of who asks", async () => {
    await assert.rejects(ab.request("test/upper", null), isCode("protocol"));
  });

  test("given up by its signal or its time aborts the handler", async () => {
    const giveUp = new AbortController();
    const call = nextCall("test/hang");
    const asked = ab.request("test/hang", null, { signal: giveUp.signal });
    const { signal } = await call;
    const reason = new Error("changed my mind");
    giveUp.abort(reason);
    await assert.rejects(asked, reason);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    assert.ok(isCode("closed")(signal.reason));

    const late = nextCall("test/hang");
    await assert.rejects(ab.request("test/hang", null, { timeoutMs: 30 }), isCode("timeout", /test\/hang/));
    const { signal: lateSignal } = await late;
    if (!lateSignal.aborted) await new Promise((resolve) => lateSignal.addEventListener("abort", resolve));
    await assert.rejects(ab.request("test/echo", null, { signal: AbortSignal.abort(reason) }), reason);
  });

  test("registered twice is a fault", () => {
    assert.throws(() => pair.a.sessions.handle("test/echo", async () => {}), isCode("internal"));
  });
});

describe("a stream", () => {
  test("carries bytes both ways behind the answer, and ends", async () => {
    const { value, stream } = await ab.open("test/upper", null);
    assert.deepEqual(value, { ready: true });
    const answer = readAll(stream);
    for (let at = 0; at < 100; at++) await stream.write(Buffer.from(`line ${at}\n`));
    await stream.end();
    assert.equal((await answer).toString(), Array.from({ length: 100 }, (_, at) => `LINE ${at}\n`).join(""));
    await stream.closed;
  });

  test("whose handler fails after it has accepted is cut: never an end", async () => {
    await assert.rejects(async () => readAll((await ab.open("test/half", null)).stream), isCode("closed"));
  });

  test("accepted twice is cut", async () => {
    await assert.rejects(async () => readAll((await ab.open("test/twice", null)).stream), isCode("closed"));
  });

  test("that both sides have ended does not abort what its handler still does", async () => {
    const call = nextCall("test/after");
    const { stream } = await ab.open("test/after", null);
    const { signal } = await call;
    await stream.end();
    assert.equal(await stream.read(), null);
    assert.equal(await stream.closed, undefined);
    // The other side has handled the end by the time it answers this.
    await ab.request("test/echo", null);
    assert.equal(signal.aborted, false);
  });

  test("reset by who asked aborts its handler, though that has ended its side", async () => {
    const call = nextCall("test/after");
    const { stream } = await ab.open("test/after", null);
    const { signal } = await call;
    assert.equal(await stream.read(), null);
    stream.reset();
    assert.equal((await stream.closed)?.code, "closed");
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });

  test("reset by who asked ends the handler's reads with an error", async () => {
    const { stream } = await ab.open("test/upper", null);
    await stream.write(Buffer.from("a"));
    stream.reset();
    await stream.closed;
    assert.equal(await ab.request("test/echo", "still here"), "still here");
  });

  test("on a route that answers without bytes just ends", async () => {
    const { value, stream } = await ab.open("test/echo", 7);
    assert.equal(value, 7);
    assert.equal(await stream.read(), null);
    await stream.end();
  });

  test("that nobody reads does not keep the others waiting", async () => {
    const { stream } = await ab.open("test/upper", null);
    const writing = (async () => {
      for (;;) await stream.write(Buffer.alloc(64 * 1024));
    })();
    writing.catch(() => {});
    for (let at = 0; at < 20; at++) assert.equal(await ab.request("test/echo", at), at);
    stream.reset();
    await assert.rejects(writing, isCode("closed"));
  });

  test("a secret for a label is the same at both ends of the session", () => {
    assert.ok(pair.ab.exportKey("x").equals(pair.ba.exportKey("x")));
    assert.ok(!pair.ab.exportKey("x").equals(pair.ab.exportKey("y")));
    assert.equal(pair.ab.exportKey("x").length, 32);
  });
});

test("after the goodbye nothing new begins, and what was asked fails as closed", async () => {
  await using own = await openSessionPair({
    prepare: ({ sessions }) =>
      sessions.handle(
        "test/hang",
        async ({ signal }) => new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason as Error))),
      ),
  });
  const asked = own.ab.request("test/hang", null);
  asked.catch(() => {});
  await own.ab.close();
  await assert.rejects(asked, isCode("closed"));
  await assert.rejects(own.ab.request("test/hang", null), isCode("closed"));
  assert.equal(await own.ab.closed, undefined);
  assert.equal(await own.ba.closed, undefined);
});
