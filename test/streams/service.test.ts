// Streams by name between two peers: who gets one, who does not, and that the two can't be told apart from outside.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";

import fc from "fast-check";

import type { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { silentLog } from "../../src/core/log.ts";
import type { Streams } from "../../src/services/streams/contract.ts";
import { createStreams } from "../../src/services/streams/streams.ts";
import { OPEN_ROUTE } from "../../src/services/streams/wire.ts";
import type { Stream } from "../../src/session/contract.ts";
import { openSessionPair, type SessionPair } from "../../src/testing/session-pair.ts";

interface Pair extends AsyncDisposable {
  readonly pair: SessionPair;
  /** a's, and b's. */
  readonly here: Streams;
  readonly there: Streams;
  open(name: string): Promise<Stream>;
}

/** a opens, b takes. */
async function streamPair(): Promise<Pair> {
  const made: Streams[] = [];
  const pair = await openSessionPair({
    prepare: ({ sessions, book }) => made.push(createStreams({ sessions, book, log: silentLog })),
  });
  const [here, there] = made as [Streams, Streams];
  const { signal } = new AbortController();
  return {
    pair,
    here,
    there,
    open: (name) => here.open(pair.b.identity.peerId, name, { signal }),
    async [Symbol.asyncDispose]() {
      await Promise.all(made.map((streams) => streams.close()));
      await pair.close();
    },
  };
}

async function readAll(stream: Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let chunk; (chunk = await stream.read()) !== null;) parts.push(chunk);
  return Buffer.concat(parts);
}

const errorOf = (work: Promise<unknown>): Promise<{ code: string; message: string; hint: string | undefined }> =>
  work.then(
    () => assert.fail("it was permitted"),
    (error: unknown) => {
      const { code, message, hint } = error as CoveyError;
      return { code, message, hint };
    },
  );

test("each direction ends by itself: what was sent is whole, and answered after the end", async () => {
  await using both = await streamPair();
  both.there.handle("reverse", {}, async (opened) => {
    assert.equal(opened.peer, both.pair.a.identity.peerId);
    const stream = await opened.take();
    await stream.write((await readAll(stream)).reverse());
  });
  const sent = randomBytes(300_000);
  const stream = await both.open("reverse");
  await stream.write(sent);
  await stream.end();
  assert.deepEqual(await readAll(stream), Buffer.from(sent).reverse());
  assert.equal(await stream.closed, undefined);
});

test("a name that nobody takes, one that others take and one that is taken no more are refused alike", async () => {
  await using both = await streamPair();
  const stranger = both.pair.b.identity.peerId;
  both.there.handle("theirs", { from: [stranger] }, async () => assert.fail("not for this peer"));
  both.there.handle("nobody's", { from: [] }, async () => assert.fail("not for this peer"));
  const end = both.there.handle("over", {}, async () => assert.fail("it has ended"));
  end();
  const answers = [];
  for (const name of ["nothing", "theirs", "nobody's", "over"]) answers.push(await errorOf(both.open(name)));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  assert.equal(answers[0]!.code, "refused");
});

test("a stream that waits to be taken is refused when the registration ends, cut when its handler fails, ended when it is done", async () => {
  await using both = await streamPair();
  const waits = Promise.withResolvers<void>();
  const end = both.there.handle("waits", {}, async ({ signal }) => {
    waits.resolve();
    await once(signal, "abort");
  });
  const refused = errorOf(both.open("waits"));
  await waits.promise;
  end();
  assert.equal((await refused).code, "refused");

  both.there.handle("not taken", {}, async () => {});
  assert.equal((await errorOf(both.open("not taken"))).code, "refused");

  both.there.handle("fails", {}, async (opened) => {
    const stream = await opened.take();
    await stream.write(Buffer.from("some"));
    await stream.read();
    throw new Error("a fault of the program");
  });
  const failed = await both.open("fails");
  await failed.write(Buffer.from("go"));
  await assert.rejects(readAll(failed), { code: "closed" });
  assert.equal((await failed.closed)?.code, "closed");

  both.there.handle("ends", {}, async (opened) => (await opened.take()).write(Buffer.from("all")));
  const ended = await both.open("ends");
  assert.equal((await readAll(ended)).toString(), "all");
  await ended.end();
  assert.equal(await ended.closed, undefined);
});

test("who opens and gives up frees the other side; who is removed is cut, and is out of `from` for good", async () => {
  await using both = await streamPair();
  const { a, b } = both.pair;
  const gaveUp = Promise.withResolvers<void>();
  const came = Promise.withResolvers<void>();
  both.there.handle("slow", {}, async ({ signal }) => {
    signal.addEventListener("abort", () => gaveUp.resolve(), { once: true });
    came.resolve();
    await gaveUp.promise;
  });
  const enough = new AbortController();
  const opening = both.here.open(b.identity.peerId, "slow", { signal: enough.signal });
  await came.promise;
  enough.abort(new Error("enough"));
  await assert.rejects(opening, /enough/);
  await gaveUp.promise;

  const cut = Promise.withResolvers<CoveyError | undefined>();
  both.there.handle("open", { from: [a.identity.peerId] }, async (opened) => {
    cut.resolve(await (await opened.take()).closed);
  });
  const stream = await both.open("open");
  const known = b.book.byId(a.identity.peerId)!;
  const secret = b.book.secret(a.identity.peerId)!;
  await b.book.remove(a.identity.peerId);
  assert.notEqual(await stream.closed, undefined);
  assert.notEqual(await cut.promise, undefined);
  await b.book.add({ ...known, secret });
  await b.sessions.connect(a.identity.peerId);
  assert.equal((await errorOf(both.open("open"))).code, "refused");
});

test("one name is taken once; names are 1 to 64 bytes of printable text, the same however they are written", async () => {
  await using both = await streamPair();
  const end = both.there.handle("caf\u00e9", {}, async (opened) => void (await opened.take()));
  assert.throws(() => both.there.handle("cafe\u0301", {}, async () => {}), { code: "conflict" });
  await (await both.open("cafe\u0301")).end();
  end();
  end();
  const free = both.there.handle("caf\u00e9", {}, async () => {});
  end();
  assert.throws(() => both.there.handle("caf\u00e9", {}, async () => {}), { code: "conflict" });
  free();
  const hostile = [
    "",
    "x".repeat(65),
    "\u00e9".repeat(33),
    "a\nb",
    "\u001b[2J",
    "\u202e",
    "\0",
    "\ud800",
    "a\u200bb",
    "x".repeat(1e6),
  ];
  for (const name of hostile) {
    assert.throws(() => both.there.handle(name, {}, async () => {}), { code: "bad-argument" }, JSON.stringify(name));
    await assert.rejects(both.open(name), { code: "bad-argument" });
  }
  for (const args of [{ name: "\u001b[2J" }, { name: "" }, { name: 1 }, {}, null, "x", { name: { toString: 1 } }])
    await assert.rejects(both.pair.ab.open(OPEN_ROUTE, args), (error: CoveyError) =>
      ["bad-argument", "protocol"].includes(error.code),
    );
});

test("any name that may be taken can be opened, and no other", async () => {
  await using both = await streamPair();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 70 }), async (name) => {
      let end: () => void;
      try {
        end = both.there.handle(name, {}, async (opened) => (await opened.take()).write(Buffer.from("x")));
      } catch (error) {
        assert.equal((error as CoveyError).code, "bad-argument");
        return assert.rejects(both.open(name), { code: "bad-argument" });
      }
      const stream = await both.open(name);
      await stream.end();
      assert.equal((await readAll(stream)).toString(), "x");
      end();
    }),
    { numRuns: 100 },
  );
});

test("one peer gets so many streams, and again when some are over", async () => {
  await using both = await streamPair();
  const more = Promise.withResolvers<void>();
  both.there.handle("many", {}, async (opened) => {
    await opened.take();
    await more.promise;
  });
  const open = await Promise.all(Array.from({ length: LIMITS.streamsPerPeer }, () => both.open("many")));
  await assert.rejects(both.open("many"), { code: "limit" });
  // Nor past this side's count.
  await assert.rejects(both.pair.ab.open(OPEN_ROUTE, { name: "many" }), { code: "limit" });
  more.resolve();
  await Promise.all(open.map(async (stream) => (await stream.end(), readAll(stream), stream.closed)));
  await (await both.open("many")).end();
});

test("names that are taken are limited", async () => {
  await using both = await streamPair();
  for (let i = 0; i < LIMITS.streamNames; i++) both.there.handle(String(i), {}, async () => {});
  assert.throws(() => both.there.handle("one more", {}, async () => {}), { code: "limit" });
});

test("what waits is claimed once, by its id", async () => {
  await using both = await streamPair();
  const ending = new AbortController();
  const waiting = both.there.waiting("claim", { signal: ending.signal })[Symbol.asyncIterator]();
  assert.deepEqual(await waiting.next(), { done: false, value: undefined });
  const opening = both.open("claim");
  const { value } = await waiting.next();
  const taken = await both.there.take(value!.id);
  await assert.rejects(both.there.take(value!.id), { code: "not-found" });
  await assert.rejects(both.there.take("00".repeat(16)), { code: "not-found" });
  const stream = await opening;
  ending.abort(new Error("enough"));
  await assert.rejects(waiting.next(), /enough/);
  await taken.write(Buffer.from("still"));
  await Promise.all([taken.end(), stream.end()]);
  assert.equal((await readAll(stream)).toString(), "still");
  assert.equal(await readAll(taken).then(({ length }) => length), 0);
  assert.equal((await errorOf(both.open("claim"))).code, "refused");
});

test("what was sent before the end is there for whoever reads it late, also when both have ended", async () => {
  await using both = await streamPair();
  const ending = new AbortController();
  const waiting = both.there.waiting("late", { signal: ending.signal })[Symbol.asyncIterator]();
  await waiting.next();
  const opening = both.open("late");
  const taken = await both.there.take((await waiting.next()).value!.id);
  const stream = await opening;
  const sent = randomBytes(200_000);
  await taken.end();
  assert.equal(await stream.read(), null);
  await stream.write(sent);
  await stream.end();
  assert.equal(await taken.closed, undefined);
  // Whoever else might read it has had the time to.
  assert.equal((await errorOf(both.open("nothing"))).code, "refused");
  assert.deepEqual(await readAll(taken), sent);

  // Given up instead: its place is free again.
  for (let i = 0; i <= LIMITS.streamsPerPeer; i++) {
    const again = both.open("late");
    const left = await both.there.take((await waiting.next()).value!.id);
    await left.end();
    const mine = await again;
    await mine.write(Buffer.of(1));
    await mine.end();
    assert.equal(await mine.read(), null);
    await left.closed;
    left.reset();
  }
});
