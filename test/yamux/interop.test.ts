// Held to the spec by somebody else's Yamux, both ways round, over TCP.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { test, type TestContext } from "node:test";

import { yamux } from "@chainsafe/libp2p-yamux";

import type { CoveyError } from "../../src/core/errors.ts";
import { createHasher, hash } from "../../src/core/hash.ts";
import { digestAll, type End, endOf, sendAll, tcpPair } from "./pairs.ts";

type Factory = ReturnType<ReturnType<typeof yamux>>;
type Muxer = ReturnType<Factory["createStreamMuxer"]>;
type TheirStream = Awaited<ReturnType<Muxer["createStream"]>>;

const nothing = (): void => {};
const log = Object.assign(nothing, { error: nothing, trace: nothing, enabled: false, newScope: () => log });

/** As much of libp2p's connection as its muxers use. */
class Wire extends EventTarget {
  readonly log = log;
  readonly status = "open";
  readonly direction: "outbound" | "inbound";
  readonly #socket: Socket;

  constructor(socket: Socket, dialled: boolean) {
    super();
    this.direction = dialled ? "outbound" : "inbound";
    this.#socket = socket;
    socket.on("data", (data) => this.dispatchEvent(new MessageEvent("message", { data })));
    socket.on("drain", () => this.dispatchEvent(new Event("drain")));
    socket.on("close", () => this.dispatchEvent(new Event("close")));
    socket.on("error", nothing);
  }

  send(data: { subarray(): Uint8Array }): boolean {
    return this.#socket.write(data.subarray());
  }

  abort(): void {
    this.#socket.destroy();
  }
}

interface Interop {
  readonly ours: End;
  readonly theirs: Muxer;
  /** The next stream that we opened, as they see it. */
  accept(): Promise<TheirStream>;
}

async function pair(t: TestContext, weDial: boolean): Promise<Interop> {
  const [dialled, listening] = await tcpPair();
  t.after(() => {
    dialled.destroy();
    listening.destroy();
  });
  const wire = new Wire(weDial ? listening : dialled, !weDial);
  const theirs = yamux()().createStreamMuxer(wire as unknown as Parameters<Factory["createStreamMuxer"]>[0]);
  const streams: TheirStream[] = [];
  const waiting: ((stream: TheirStream) => void)[] = [];
  theirs.addEventListener("stream", ({ detail }) => {
    const next = waiting.shift();
    if (next === undefined) streams.push(detail);
    else next(detail);
  });
  t.after(() => theirs.abort(new Error("the test is over")));
  const accept = async (): Promise<TheirStream> => streams.shift() ?? new Promise((resolve) => waiting.push(resolve));
  return { ours: endOf(weDial ? dialled : listening, weDial), theirs, accept };
}

/** Sends back what comes, then ends. */
function theyEcho(stream: TheirStream): void {
  stream.addEventListener("message", ({ data }) => void stream.send(data));
  stream.addEventListener("remoteCloseWrite", () => void stream.close());
}

async function weEcho(end: End): Promise<void> {
  const stream = await end.accept();
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) await stream.write(chunk);
  await stream.end();
}

/** What comes until they end. */
function theirDigest(stream: TheirStream): Promise<{ readonly hash: string; readonly bytes: number }> {
  const hasher = createHasher();
  let bytes = 0;
  stream.addEventListener("message", ({ data }) => {
    hasher.update(data.subarray());
    bytes += data.byteLength;
  });
  return new Promise((resolve, reject) => {
    stream.addEventListener("remoteCloseWrite", () => resolve({ hash: hasher.digest().toString("hex"), bytes }));
    stream.addEventListener("close", ({ error }) => error !== undefined && reject(error));
  });
}

async function theySend(stream: TheirStream, content: Buffer, pieceBytes: number): Promise<void> {
  for (let at = 0; at < content.length; at += pieceBytes) {
    if (!stream.send(content.subarray(at, at + pieceBytes))) await stream.onDrain();
  }
  await stream.close();
}

const digestOf = (content: Buffer): { hash: string; bytes: number } => ({
  hash: hash(content).toString("hex"),
  bytes: content.length,
});

for (const weDial of [true, false]) {
  const side = weDial ? "we dial" : "they dial";

  test(`${side}: streams that we open come back whole`, async (t) => {
    const { ours, accept } = await pair(t, weDial);
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const content = randomBytes(1 + n * 60_000);
        const stream = ours.yamux.open();
        const back = digestAll(stream);
        const sent = sendAll(stream, content, 50_000);
        theyEcho(await accept());
        assert.deepEqual(await back, digestOf(content));
        await Promise.all([sent, stream.closed]);
      }),
    );
    assert.equal(ours.yamux.streams, 0);
  });

  test(`${side}: streams that they open come back whole`, async (t) => {
    const { ours, theirs } = await pair(t, weDial);
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const content = randomBytes(1 + n * 60_000);
        const stream = await theirs.createStream();
        const back = theirDigest(stream);
        const echoed = weEcho(ours);
        await Promise.all([theySend(stream, content, 50_000), echoed]);
        assert.deepEqual(await back, digestOf(content));
      }),
    );
    assert.equal(ours.yamux.streams, 0);
  });

  test(`${side}: 16 MiB each way at once on one stream`, async (t) => {
    const { ours, accept } = await pair(t, weDial);
    const content = randomBytes(16 * 2 ** 20);
    const stream = ours.yamux.open();
    await stream.write(Buffer.alloc(0));
    const there = await accept();
    const results = await Promise.all([
      digestAll(stream),
      theirDigest(there),
      sendAll(stream, content, 300_000),
      theySend(there, content, 100_000),
    ]);
    assert.deepEqual(results.slice(0, 2), [digestOf(content), digestOf(content)]);
  });

  test(`${side}: a half-closed stream goes on the other way`, async (t) => {
    const { ours, accept } = await pair(t, weDial);
    const stream = ours.yamux.open();
    await stream.end();
    const there = await accept();
    if (there.remoteWriteStatus !== "closed") await new Promise((resolve) => there.addEventListener("remoteCloseWrite", resolve));
    await theySend(there, Buffer.from("still here"), 4);
    assert.deepEqual(await digestAll(stream), digestOf(Buffer.from("still here")));
    await stream.closed;
  });

  test(`${side}: a reset of theirs is a cut here, and the session goes on`, async (t) => {
    const { ours, theirs, accept } = await pair(t, weDial);
    const stream = ours.yamux.open();
    const cut = assert.rejects(stream.read(), { code: "closed" });
    (await accept()).abort(new Error("enough"));
    await cut;
    const echoed = weEcho(ours);
    const another = await theirs.createStream();
    const back = theirDigest(another);
    await theySend(another, Buffer.from("again"), 5);
    await echoed;
    assert.equal((await back).bytes, 5);
  });

  test(`${side}: a reset of ours is a reset there, and the session goes on`, async (t) => {
    const { ours, accept } = await pair(t, weDial);
    const stream = ours.yamux.open();
    const there = await accept();
    const reset = new Promise((resolve) => there.addEventListener("close", ({ error }) => resolve(error?.name)));
    stream.reset();
    assert.equal(await reset, "StreamResetError");
    const next = ours.yamux.open();
    theyEcho(await accept());
    const back = digestAll(next);
    await sendAll(next, Buffer.from("again"), 5);
    assert.equal((await back).bytes, 5);
  });

  test(`${side}: pings are answered and goodbyes understood`, async (t) => {
    const { ours, theirs } = await pair(t, weDial);
    assert.ok((await theirs.ping()) >= 0);
    await theirs.close();
    const opened = (): boolean => {
      try {
        ours.yamux.open().reset();
        return true;
      } catch (error) {
        assert.equal((error as CoveyError).code, "closed");
        return false;
      }
    };
    while (opened()) await new Promise(setImmediate);
  });

  test(`${side}: our goodbye is understood`, async (t) => {
    const { ours, theirs } = await pair(t, weDial);
    await ours.yamux.close();
    assert.equal(await ours.yamux.closed, undefined);
    while (theirs.status !== "closed") await new Promise(setImmediate);
  });
}
