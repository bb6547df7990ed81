// Raw conversations over real sockets, as either side.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "node:test";

import { plain } from "../../src/plain/plain.ts";
import type { PlainStream } from "../../src/plain/contract.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { startServer } from "./servers.ts";

const MiB = 1024 * 1024;
const textOf = async (stream: PlainStream): Promise<string> => Buffer.concat(await Array.fromAsync(stream.read())).toString();

test("each direction ends by itself: what comes after our end is still read, and the other way round", async () => {
  const leaks = leakCheck();
  {
    await using server = await startServer(async (socket) => {
      // It has read our end when this resolves.
      await once(socket, "end");
      socket.write("late ");
      await wait(20);
      socket.end("answer");
    }, {});
    await using stream = await plain.connect(server.tcp);
    assert.match(stream.remote, /^127\.0\.0\.1:\d+$/);
    await stream.write(Buffer.from("question"));
    await stream.end();
    await stream.end();
    await assert.rejects(stream.write(Buffer.from("x")), { code: "closed" });
    assert.equal(await textOf(stream), "late answer");
    assert.equal(server.received[0]!.toString(), "question");
    assert.deepEqual(server.errors, []);
  }
  {
    await using server = await startServer((socket) => socket.end("bye"), { greets: true });
    await using stream = await plain.connect(server.tcp);
    assert.equal(await textOf(stream), "bye");
    await stream.write(Buffer.alloc(MiB, 1));
    await stream.end();
    await until(() => server.received[0]!.length === MiB);
    assert.deepEqual(server.errors, []);
  }
  await leaks();
});

test("10 MiB come behind our end, and a conversation of one client with many turns keeps its order", async () => {
  await using server = await startServer(async (socket) => {
    await once(socket, "end");
    socket.end(Buffer.alloc(10 * MiB, 7));
  });
  await using stream = await plain.connect(server.tcp);
  await stream.write(Buffer.from("x"));
  await stream.end();
  let bytes = 0;
  for await (const part of stream.read()) bytes += part.length;
  assert.equal(bytes, 10 * MiB);
});

test("1 GiB goes through to a reader who pauses, whole, in bounded memory on both sides", async () => {
  const total = 1024 * MiB;
  const piece = randomBytes(MiB);
  await using listener = await plain.listen("tcp://127.0.0.1:0");
  const [reader, writer] = await Promise.all([listener.accept(), plain.connect(listener.address)]);
  await using _ends = both(reader, writer);
  let accepted = 0;
  const writing = (async () => {
    const sent = createHash("sha1");
    for (; accepted < total; accepted += piece.length) {
      sent.update(piece);
      await writer.write(piece);
    }
    await writer.end();
    return sent.digest("hex");
  })();
  // Nobody reads: the writer has to stand still, with what the kernel takes and no more.
  await standsStill(() => accepted);
  assert.ok(accepted < 32 * MiB, `${accepted} bytes were taken while nobody read`);
  const before = memory();
  let most = before;
  const got = createHash("sha1");
  let bytes = 0;
  for await (const part of reader.read()) {
    got.update(part);
    bytes += part.length;
    if (bytes % (64 * MiB) < part.length) {
      most = Math.max(most, memory());
      await wait(1);
    }
  }
  assert.equal(bytes, total);
  assert.equal(got.digest("hex"), await writing);
  assert.ok(most - before < 64 * MiB, `${(most - before) / MiB} MiB more`);
});

test("a reset is an error for the reader, behind what had come, and for the writer", async () => {
  await using server = await startServer((socket) => socket.write("half", () => setTimeout(() => socket.resetAndDestroy(), 30)));
  await using stream = await plain.connect(server.tcp);
  await stream.write(Buffer.from("x"));
  const got: string[] = [];
  await assert.rejects(
    async () => {
      for await (const part of stream.read()) got.push(Buffer.from(part).toString());
    },
    { code: "connection-lost", retryable: true },
  );
  assert.deepEqual(got, ["half"]);
  await assert.rejects(stream.write(Buffer.from("x")), { code: "connection-lost" });
  await assert.rejects(stream.end(), { code: "connection-lost" });
});

test("a writer who waits for room hears of a reset", async () => {
  let socket: Socket | undefined;
  await using server = await startServer((one) => (socket = one).pause(), { greets: true });
  await using stream = await plain.connect(server.tcp);
  let written = 0;
  const writing = (async () => {
    for (;;) written += await stream.write(Buffer.alloc(MiB)).then(() => 1);
  })();
  await standsStill(() => written);
  socket!.resetAndDestroy();
  await assert.rejects(writing, { code: "connection-lost" });
});

test("disposing of a stream that has not ended cuts it; of one that has, disturbs nobody", async () => {
  await using server = await startServer(() => {});
  const cut = await plain.connect(server.tcp);
  await cut.write(Buffer.from("x"));
  await until(() => server.received.length === 1 && server.received[0]!.length === 1);
  const reading = assert.rejects(Array.fromAsync(cut.read()), { code: "closed" });
  await cut[Symbol.asyncDispose]();
  await reading;
  await until(() => server.errors.length === 1);
  assert.equal((server.errors[0] as NodeJS.ErrnoException).code, "ECONNRESET");

  await using other = await startServer((socket) => socket.end("bye"));
  const ended = await plain.connect(other.tcp);
  await ended.write(Buffer.from("x"));
  await ended.end();
  assert.equal(await textOf(ended), "bye");
  await ended[Symbol.asyncDispose]();
  await ended[Symbol.asyncDispose]();
  assert.deepEqual(other.errors, []);
});

test("a signal ends connecting, waiting, reading and writing with its reason", async () => {
  const leaks = leakCheck();
  {
    const reason = new Error("enough");
    const aborted = AbortSignal.abort(reason);
    await using server = await startServer(() => {}, { greets: true });
    await assert.rejects(plain.connect(server.tcp, { signal: aborted }), reason);
    const enough = new AbortController();
    await using stream = await plain.connect(server.tcp, { signal: enough.signal });
    const reading = assert.rejects(Array.fromAsync(stream.read()), reason);
    await using listener = await plain.listen("tcp://127.0.0.1:0");
    const waiting = assert.rejects(listener.accept({ signal: enough.signal }), reason);
    enough.abort(reason);
    await Promise.all([reading, waiting]);
    await assert.rejects(stream.write(Buffer.from("x")), reason);
    // The port still waits for one.
    await using late = await plain.connect(listener.address);
    await using taken = await listener.accept();
    await late.end();
    assert.equal(await textOf(taken), "");
  }
  await leaks();
});

test("what came and was not read yet is no end when the signal aborts", async () => {
  const reason = new Error("enough");
  const enough = new AbortController();
  await using server = await startServer((socket) => socket.end(Buffer.alloc(100_000)), { greets: true });
  await using stream = await plain.connect(server.tcp, { signal: enough.signal });
  await stream.end();
  await wait(50);
  enough.abort(reason);
  await assert.rejects(Array.fromAsync(stream.read()), reason);
});

test("a port takes the first one and is closed behind it", async () => {
  const leaks = leakCheck();
  {
    await using listener = await plain.listen("tcp://127.0.0.1:0");
    const port = Number(/^tcp:\/\/127\.0\.0\.1:(\d+)$/.exec(listener.address)?.[1]);
    const first = connect({ port, host: "127.0.0.1" });
    await once(first, "connect");
    first.end("first");
    await using stream = await listener.accept();
    await assert.rejects(plain.connect(listener.address), { code: "unreachable" });
    await assert.rejects(listener.accept(), { code: "closed" });
    assert.equal(await textOf(stream), "first");
    await stream.end();
  }
  {
    const listener = await plain.listen("tcp://127.0.0.1:0");
    const waiting = assert.rejects(listener.accept(), { code: "closed" });
    await listener[Symbol.asyncDispose]();
    await listener[Symbol.asyncDispose]();
    await waiting;
  }
  await leaks();
});

test("one who connected, wrote and left before anybody accepted was there", async () => {
  await using listener = await plain.listen("tcp://*:0");
  const port = Number(/:(\d+)$/.exec(listener.address)?.[1]);
  const left = connect({ port, host: "127.0.0.1" });
  left.on("error", () => {});
  left.end("I was here");
  await once(left, "finish");
  await wait(30);
  await using stream = await listener.accept();
  assert.match(stream.remote, /^127\.0\.0\.1:\d+$/);
  assert.equal(await textOf(stream), "I was here");
});

test("addresses that are taken, refused or nobody's", async () => {
  await using listener = await plain.listen("tcp://127.0.0.1:0");
  await assert.rejects(plain.listen(listener.address), { code: "conflict" });
  await assert.rejects(plain.listen("tcp://192.0.2.77:0"), { code: "bad-argument" });
  await assert.rejects(plain.listen("nonsense"), { code: "bad-argument" });
  await assert.rejects(plain.connect("tcp://127.0.0.1:0"), { code: "bad-argument" });
  await assert.rejects(plain.connect("tcp://*:80"), { code: "bad-argument" });
  const free = await plain.listen("tcp://127.0.0.1:0");
  await free[Symbol.asyncDispose]();
  await assert.rejects(plain.connect(free.address), { code: "unreachable", message: /nothing listens there/, hint: /listens/ });
});

test("IPv6", async (t) => {
  const ends = await startServer((socket) => socket.end("six"), { greets: true, host: "::1" }).catch(() => undefined);
  if (ends === undefined) return t.skip("there is no IPv6 here");
  await using server = ends;
  await using stream = await plain.connect(server.tcp);
  assert.match(stream.remote, /^\[::1\]:\d+$/);
  assert.equal(await textOf(stream), "six");
});

test("what is held for a reader stays within its limit", async () => {
  await using server = await startServer((socket) => socket.end(Buffer.alloc(8 * MiB)), { greets: true });
  await using stream = await plain.connect(server.tcp);
  await wait(100);
  let first = 0;
  for await (const part of stream.read()) {
    assert.ok(part.length <= LIMITS.plainHeldBytes);
    first += part.length;
  }
  assert.equal(first, 8 * MiB);
});

const memory = (): number => process.memoryUsage().arrayBuffers;

const both = (...streams: readonly PlainStream[]): AsyncDisposable => ({
  async [Symbol.asyncDispose]() {
    for (const stream of streams) await stream[Symbol.asyncDispose]();
  },
});

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 1000, "it never came");
    await wait(5);
  }
}

/** Resolves when the count has grown, and grows no more. */
async function standsStill(count: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 10 || count() === 0;) {
    same = count() === last ? same + 1 : 0;
    last = count();
    await wait(20);
  }
}
