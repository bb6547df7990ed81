// Two ends that behave: bytes both ways, many streams, ends, goodbyes.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { duplexPair } from "node:stream";
import { test, type TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";

import { hash } from "../../src/core/hash.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { ACK, DATA, INITIAL_WINDOW, SYN, WINDOW_UPDATE } from "../../src/session/yamux/frame.ts";
import { digestAll, endOf, memoryPair, openStream, type Pair, pairOver, rawPair, secureBoth, sendAll, tlsPair } from "./pairs.ts";

const MiB = 2 ** 20;

const LINKS: readonly (readonly [name: string, link: (t: TestContext) => Promise<Pair>])[] = [
  ["TLS on loopback", tlsPair],
  ["memory of 16 KiB", async (t) => memoryPair(t, 16 * 1024)],
  [
    "TLS over memory of 1 KiB",
    async (t) => {
      const wires = duplexPair({ highWaterMark: 1024 });
      return pairOver(t, await secureBoth(wires), wires);
    },
  ],
];

for (const [name, link] of LINKS) {
  test(`both sides send 64 MiB at once on one stream: ${name}`, async (t) => {
    const pair = await link(t);
    const content = randomBytes(64 * MiB);
    const sent = hash(content).toString("hex");
    const [ours, theirs] = await openStream(pair);
    // Neither side reads the other's bulk before it has begun its own.
    const results = await Promise.all([
      sendAll(ours, content, 100_000),
      sendAll(theirs, content, 64 * 1024),
      digestAll(ours),
      digestAll(theirs),
    ]);
    for (const result of results.slice(2)) assert.deepEqual(result, { hash: sent, bytes: content.length });
    await Promise.all([ours.closed, theirs.closed]);
    assert.equal(pair.dialler.yamux.streams + pair.listener.yamux.streams, 0);
  });
}

test("each side opens streams, all at once, and each gets its own bytes back", async (t) => {
  const pair = await tlsPair(t);
  const one = async (from: Pair["dialler"], n: number): Promise<void> => {
    const stream = from.yamux.open();
    const content = Buffer.alloc(1 + n * 977, n);
    const [, back] = await Promise.all([sendAll(stream, content, 4000), digestAll(stream)]);
    assert.deepEqual(back, { hash: hash(content).toString("hex"), bytes: content.length });
  };
  const echo = async (at: Pair["dialler"]): Promise<void> => {
    const stream = await at.accept();
    for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) await stream.write(chunk);
    await stream.end();
  };
  const count = 200;
  const work: Promise<void>[] = [];
  const echoed = (async () => {
    for (let n = 0; n < count; n++) await Promise.all([echo(pair.listener), echo(pair.dialler)]);
  })();
  for (let n = 0; n < count; n++) work.push(one(pair.dialler, n), one(pair.listener, n));
  await Promise.all([...work, echoed]);
});

test("a reader that never reads stops its own stream and no other", async (t) => {
  const pair = await tlsPair(t);
  const [stuck] = await openStream(pair);
  let written = 0;
  const flood = (async () => {
    for (;;) {
      await stuck.write(Buffer.alloc(64 * 1024));
      written += 64 * 1024;
    }
  })();
  const [ours, theirs] = await openStream(pair);
  const content = randomBytes(32 * MiB);
  const [, result] = await Promise.all([sendAll(ours, content, 64 * 1024), digestAll(theirs)]);
  assert.equal(result.hash, hash(content).toString("hex"));
  assert.ok(written <= LIMITS.yamuxWindowBytes + LIMITS.yamuxQueueBytes, `${written} bytes went to a reader that does not read`);
  stuck.reset();
  await assert.rejects(flood, { code: "closed" });
});

test("a small request goes before the bulk of many streams that was queued earlier", async (t) => {
  const { end, peer } = rawPair(t);
  const dataOf = (id: number): number =>
    peer.frames.filter((f) => f.type === DATA && f.id === id).reduce((sum, f) => sum + f.length, 0);
  const bulk = Array.from({ length: 30 }, () => end.yamux.open());
  await Promise.all(bulk.map((stream) => stream.write(Buffer.alloc(LIMITS.yamuxFreshBytes))));
  while (dataOf(60) < LIMITS.yamuxFreshBytes) await setImmediate();
  peer.frames.length = 0;
  for (const stream of bulk) void stream.write(Buffer.alloc(LIMITS.yamuxFreshBytes * 2));
  await Promise.resolve(); // the first of it is on its way
  const small = end.yamux.open();
  await small.write(Buffer.of(1));
  while (dataOf(60) < LIMITS.yamuxFreshBytes * 2) await setImmediate();
  const data = peer.frames.filter(({ type }) => type === DATA);
  const ahead = data
    .slice(
      0,
      data.findIndex(({ id }) => id === 62),
    )
    .reduce((sum, { length }) => sum + length, 0);
  assert.ok(ahead > 0 && ahead <= 2 * LIMITS.yamuxSocketBytes, `${ahead} bytes ahead of it`);
  // The bulk is served in turn.
  assert.equal(
    new Set(
      data
        .filter(({ id }) => id < 62)
        .slice(0, 30)
        .map(({ id }) => id),
    ).size,
    30,
  );
});

test("bulk goes on among small requests without end", async (t) => {
  const { end, peer } = rawPair(t);
  const bulk = end.yamux.open();
  await bulk.write(Buffer.alloc(INITIAL_WINDOW - 2 * LIMITS.yamuxFrameBytes));
  while (peer.frames.length < 3) await setImmediate();
  peer.frames.length = 0;
  void bulk.write(Buffer.alloc(2 * LIMITS.yamuxFrameBytes));
  for (let n = 0; n < 100; n++) void end.yamux.open().write(Buffer.of(1));
  const data = (): number[] => peer.frames.filter(({ type }) => type === DATA).map(({ id }) => id);
  while (data().length < 102) await setImmediate();
  assert.ok(data().lastIndexOf(2) < 50, `${data().lastIndexOf(2)} frames went before the last of the bulk`);
});

test("either direction ends by itself", async (t) => {
  const pair = await tlsPair(t);
  const [ours, theirs] = await openStream(pair);
  await ours.end();
  assert.equal(await theirs.read(), null);
  await sendAll(theirs, Buffer.from("still here"), 3);
  assert.equal((await digestAll(ours)).bytes, 10);
  await Promise.all([ours.closed, theirs.closed]);
  ours.reset(); // does nothing once both have ended
  assert.equal(await theirs.read(), null);
});

test("an empty stream is an end, not a cut", async (t) => {
  const pair = memoryPair(t);
  const ours = pair.dialler.yamux.open();
  await ours.end();
  const theirs = await pair.listener.accept();
  assert.equal(await theirs.read(), null);
});

test("a goodbye sends what is queued, and closes both sides without an error", async (t) => {
  const pair = await tlsPair(t);
  const [ours, theirs] = await openStream(pair);
  const content = randomBytes(200_000);
  void ours.write(content);
  const ended = ours.end();
  const closing = pair.dialler.yamux.close();
  assert.throws(() => pair.dialler.yamux.open(), { code: "closed" });
  await ended;
  await closing;
  assert.equal(await pair.dialler.yamux.closed, undefined);
  assert.equal(await pair.listener.yamux.closed, undefined);
  await assert.rejects(ours.read(), { code: "closed" });
  // The listener had not ended its direction: for it, the stream was cut.
  await assert.rejects(theirs.write(Buffer.of(1)), { code: "closed" });
  assert.throws(() => pair.listener.yamux.open(), { code: "closed" });
  await pair.dialler.yamux.close();
});

test("what both sides have ended can be read after the session's end", async (t) => {
  const pair = await tlsPair(t);
  const [ours, theirs] = await openStream(pair);
  await ours.write(Buffer.from("last words"));
  await Promise.all([ours.end(), theirs.end(), ours.closed, theirs.closed]);
  await pair.dialler.yamux.close();
  await pair.listener.yamux.closed;
  assert.equal((await theirs.read())?.toString(), "last words");
  assert.equal(await theirs.read(), null);
});

test("no more streams are opened than allowed, and one more when one is over", async (t) => {
  const pair = memoryPair(t);
  const open = Array.from({ length: LIMITS.yamuxStreams }, () => pair.dialler.yamux.open());
  assert.throws(() => pair.dialler.yamux.open(), { code: "limit" });
  open[0]!.reset();
  const next = pair.dialler.yamux.open();
  await next.write(Buffer.of(1));
  for (let n = 1; n < LIMITS.yamuxStreams; n++) await pair.listener.accept();
  assert.deepEqual(await (await pair.listener.accept()).read(), Buffer.of(1));
});

test("a session whose ids are used up says goodbye, and does not stay behind as one that can open nothing", async (t) => {
  const wires = duplexPair();
  for (const wire of wires) t.after(() => wire.destroy());
  const [near, far] = [endOf(wires[0], true, { lastId: 5 }), endOf(wires[1], false)];
  for (let n = 0; n < 3; n++) near.yamux.open().reset();
  assert.throws(() => near.yamux.open(), { code: "closed" });
  assert.deepEqual(await Promise.all([near.yamux.closed, far.yamux.closed]), [undefined, undefined]);
});

test("a duplex that was paused by whoever had it before flows again", async (t) => {
  const ends = duplexPair();
  for (const end of ends) end.pause();
  await openStream(pairOver(t, ends));
});

test("a peer that answers each data frame with a window update is no flood", async (t) => {
  const { end, peer } = rawPair(t);
  const stream = end.yamux.open();
  for (let n = 0; n < 3 * LIMITS.yamuxUpdatesPerSecond; n++) {
    await stream.write(Buffer.of(1));
    await setImmediate();
    peer.send(WINDOW_UPDATE, n === 0 ? ACK : 0, 2, 1);
  }
  peer.send(WINDOW_UPDATE, SYN, 1, 0);
  await end.accept();
});

test("a stream that is reset before anything of it was sent is never spoken of", async (t) => {
  const { end, peer } = rawPair(t);
  end.yamux.open().reset();
  await end.yamux.open().write(Buffer.of(1));
  await peer.sees(({ type }) => type === DATA);
  assert.ok(peer.frames.every(({ id }) => id === 4));
});

test("nothing is accepted after our goodbye", async (t) => {
  const { end, peer } = rawPair(t);
  peer.wire.pause();
  await end.yamux.open().write(Buffer.alloc(LIMITS.yamuxQueueBytes)); // the goodbye waits behind it
  const closing = end.yamux.close();
  peer.send(WINDOW_UPDATE, SYN, 1, 0);
  await setImmediate();
  assert.equal(end.yamux.streams, 1);
  peer.wire.resume();
  await closing;
});
