// Whatever stops a stream but its FIN is an error, at every moment.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { duplexPair } from "node:stream";
import { test } from "node:test";

import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { Stream } from "../../src/session/contract.ts";
import { DATA, encodeHeader, FIN, GO_AWAY, PING, RST, SYN, WINDOW_UPDATE } from "../../src/session/yamux/frame.ts";
import { endOf, memoryPair, openStream, type Pair, rawPair, tlsPair } from "./pairs.ts";

/** Brings a stream to a state and returns what its owner waits for then. */
type Moment = (pair: Pair) => Promise<readonly Promise<unknown>[]>;

const full = (stream: Stream): Promise<void> => stream.write(Buffer.alloc(LIMITS.yamuxWindowBytes + LIMITS.yamuxQueueBytes + 1));

const MOMENTS: Readonly<Record<string, Moment>> = {
  "opened and nothing sent": async ({ dialler }) => [dialler.yamux.open().read()],
  "opened here, not accepted there": async ({ dialler }) => {
    const stream = dialler.yamux.open();
    await stream.write(Buffer.of(1));
    return [stream.read()];
  },
  "waiting for the first answer": async (pair) => [(await openStream(pair))[0].read()],
  "in the middle of an answer": async (pair) => {
    const [ours, theirs] = await openStream(pair);
    await theirs.write(Buffer.alloc(1000));
    await ours.read();
    return [ours.read()];
  },
  "our direction ended, theirs not": async (pair) => {
    const [ours, theirs] = await openStream(pair);
    await ours.end();
    assert.equal(await theirs.read(), null);
    return [ours.read()];
  },
  "a write waits for credit": async (pair) => {
    const [ours] = await openStream(pair);
    return [full(ours), ours.read()];
  },
  "the end waits behind data without credit": async (pair) => {
    const [ours] = await openStream(pair);
    return [full(ours), ours.end()];
  },
  "both sides wait for each other": async (pair) => {
    const [ours, theirs] = await openStream(pair);
    return [full(ours), full(theirs)];
  },
};

const CUTS: Readonly<Record<string, (pair: Pair) => void>> = {
  "the wire breaks here": (pair) => void pair.wires[0].destroy(),
  "the wire breaks there": (pair) => void pair.wires[1].destroy(),
  "TCP is reset there": (pair) => void (pair.wires[1] as Socket).resetAndDestroy(),
  "TCP is ended there without a goodbye": (pair) => void pair.wires[1].end(),
  "the session is destroyed there": (pair) => pair.listener.yamux.destroy(new CoveyError("closed", "gone")),
};

for (const [moment, bring] of Object.entries(MOMENTS)) {
  test(`never an end: ${moment}`, async (t) => {
    for (const [name, cut] of Object.entries(CUTS)) {
      await t.test(name, async (t) => {
        const pair = await tlsPair(t);
        const waits = (await bring(pair)).map((wait) => assert.rejects(wait, { code: "closed" }));
        cut(pair);
        await Promise.all(waits);
        assert.ok((await pair.dialler.yamux.closed) instanceof CoveyError);
        assert.throws(() => pair.dialler.yamux.open(), { code: "closed" });
        assert.equal(pair.dialler.yamux.streams, 0);
      });
    }
  });
}

test("a wire that ends within a frame is a cut", async (t) => {
  const { end, peer } = rawPair(t);
  peer.send(DATA, SYN, 1, 100, Buffer.alloc(40));
  const stream = await end.accept();
  assert.equal((await stream.read())?.length, 40);
  const read = assert.rejects(stream.read(), { code: "closed" });
  peer.wire.end();
  await read;
  assert.equal((await end.yamux.closed)?.code, "closed");
});

test("a wire that ends within a header is a cut", async (t) => {
  const { end, peer } = rawPair(t);
  peer.wire.end(encodeHeader(PING, SYN, 0, 5).subarray(0, 5));
  assert.equal((await end.yamux.closed)?.code, "closed");
});

test("a reset rejects both sides' reads and writes and leaves the session as it is", async (t) => {
  const pair = await tlsPair(t);
  const [ours, theirs] = await openStream(pair);
  const waits = [ours.read(), full(ours), theirs.closed.then(() => theirs.read()), theirs.closed.then(() => theirs.end())];
  const rejected = waits.map((wait) => assert.rejects(wait, { code: "closed" }));
  ours.reset();
  ours.reset();
  await Promise.all(rejected);
  await Promise.all([ours.closed, theirs.closed]);
  await openStream(pair);
});

test("what was on its way to a stream that was reset is ignored", async (t) => {
  const { end, peer } = rawPair(t);
  peer.send(WINDOW_UPDATE, SYN, 1, 0);
  (await end.accept()).reset();
  await peer.sees(({ flags, id }) => flags === RST && id === 1);
  peer.send(DATA, 0, 1, 1000, Buffer.alloc(1000));
  peer.send(WINDOW_UPDATE, 0, 1, 1000);
  peer.send(DATA, FIN, 1, 0);
  peer.send(WINDOW_UPDATE, SYN, 3, 0);
  await end.accept();
});

test("a goodbye for a reason is a cut that says why", async (t) => {
  const { end, peer } = rawPair(t);
  peer.send(WINDOW_UPDATE, SYN, 1, 0);
  const stream = await end.accept();
  peer.send(GO_AWAY, 0, 0, 1);
  await assert.rejects(stream.read(), { code: "closed" });
  assert.equal((await end.yamux.closed)?.code, "closed");
});

test("after a goodbye what is open goes on, and the end of the wire cuts it without a fault of the session", async (t) => {
  const { end, peer } = rawPair(t);
  peer.send(WINDOW_UPDATE, SYN, 1, 0);
  const stream = await end.accept();
  peer.send(GO_AWAY, 0, 0, 0);
  peer.send(DATA, 0, 1, 3, Buffer.from("yes"));
  assert.equal((await stream.read())?.toString(), "yes");
  assert.throws(() => end.yamux.open(), { code: "closed" });
  peer.wire.end();
  await assert.rejects(stream.read(), { code: "closed" });
  assert.equal(await end.yamux.closed, undefined);
});

test("a goodbye is followed when its time is over, whatever is open, and however often it is said", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { end, peer } = rawPair(t);
  const ended = once(peer.wire, "end");
  peer.send(WINDOW_UPDATE, SYN, 1, 0);
  const stream = await end.accept();
  for (const elapsedMs of [LIMITS.yamuxLeftMs - 1, 1]) {
    peer.send(GO_AWAY, 0, 0, 0);
    peer.send(DATA, 0, 1, 3, Buffer.from("yes"));
    assert.equal((await stream.read())?.toString(), "yes");
    t.mock.timers.tick(elapsedMs);
  }
  assert.equal(end.yamux.streams, 0);
  await assert.rejects(stream.read(), { code: "closed" });
  assert.equal(await end.yamux.closed, undefined);
  await ended;
});

test("a goodbye is followed once nothing is open any more, even if the wire stays", async (t) => {
  for (const open of [true, false]) {
    const { end, peer } = rawPair(t);
    if (open) peer.send(WINDOW_UPDATE, SYN, 1, 0);
    peer.send(GO_AWAY, 0, 0, 0);
    if (open) {
      const stream = await end.accept();
      await stream.end();
      peer.send(WINDOW_UPDATE, FIN, 1, 0);
      assert.equal(await stream.read(), null);
    }
    assert.equal(await end.yamux.closed, undefined);
    if (!peer.wire.readableEnded) await once(peer.wire, "end");
  }
});

test("a duplex that is gone already is a cut", async () => {
  const [near] = duplexPair();
  near.destroy();
  const { yamux } = endOf(near, true);
  assert.equal((await yamux.closed)?.code, "closed");
});

test("a peer that falls silent is given up after the questions that it missed", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { end, peer } = rawPair(t);
  peer.send(WINDOW_UPDATE, SYN, 1, 0);
  const stream = await end.accept();
  const read = assert.rejects(stream.read(), { code: "closed", message: "the other peer stopped answering" });
  let pings = 0;
  for (let n = 0; n < LIMITS.yamuxMissedPings; n++) {
    t.mock.timers.tick(LIMITS.yamuxPingMs);
    await new Promise(setImmediate);
    pings = peer.frames.filter(({ type }) => type === PING).length;
    assert.equal(pings, n);
  }
  t.mock.timers.tick(LIMITS.yamuxPingMs);
  t.mock.timers.tick(LIMITS.yamuxPingMs);
  await read;
  // It may have spoken right after a tick.
  assert.ok((LIMITS.yamuxMissedPings + 2) * LIMITS.yamuxPingMs <= 45_000);
});

test("two sessions keep each other alive", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const pair = memoryPair(t);
  for (let n = 0; n < 2 * LIMITS.yamuxMissedPings + 2; n++) {
    t.mock.timers.tick(LIMITS.yamuxPingMs);
    await new Promise(setImmediate);
  }
  await openStream(pair);
});

test("a process killed midway is a cut", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const child = fork(new URL("./flooding-child.ts", import.meta.url), [String((server.address() as AddressInfo).port)]);
  const exited = once(child, "exit");
  const [wire] = (await once(server, "connection")) as [Socket];
  t.after(() => {
    wire.destroy();
    child.kill("SIGKILL");
  });
  server.close();
  const end = endOf(wire, false);
  const stream = await end.accept();
  for (let bytes = 0; bytes < 2 ** 22;) bytes += (await stream.read())!.length;
  child.kill("SIGKILL");
  await exited;
  await assert.rejects(
    async () => {
      while ((await stream.read()) !== null);
    },
    { code: "closed" },
  );
  assert.equal((await end.yamux.closed)?.code, "closed");
});
