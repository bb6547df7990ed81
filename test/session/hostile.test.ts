// The port against whatever comes: noise, slowness, floods, and a paired peer that breaks every rule. All of it real, over TCP.

import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";

import { sleep } from "../../src/core/async.ts";
import { u32 } from "../../src/core/bytes.ts";
import { type Cbor, encodeCbor } from "../../src/core/cbor.ts";
import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { selfSignedCertificate } from "../../src/identity/certificate.ts";
import type { Stream } from "../../src/session/contract.ts";
import { ALPN, createGate } from "../../src/session/gate.ts";
import { decodeAnswer, encodeRequest, readHead } from "../../src/session/heads.ts";
import { decodeRecord, encodeGo, encodeHello, type Hello } from "../../src/session/hello.ts";
import { encodeHeader, GO_AWAY, GOODBYE } from "../../src/session/yamux/frame.ts";
import { createYamux, type Yamux } from "../../src/session/yamux/yamux.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { openSessionPeer, pairPeers, type SessionPeer } from "../../src/testing/session-peer.ts";
import { createDuplexPair } from "../../src/transport/memory.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";

const HANDSHAKE_MS = 400;
const never = new AbortController().signal;
const isCode = (code: string) => (error: unknown) => error instanceof CoveyError && error.code === code;

let host: SessionPeer;
let friend: SessionPeer;
/** Paired like the friend, and never started: the tests speak for it. */
let foe: SessionPeer;
let check: () => Promise<void>;
const sockets = new Set<Socket>();

before(async () => {
  check = leakCheck();
  const limits = {
    handshakeMs: HANDSHAKE_MS,
    requestMs: 1000,
    backOffMinMs: 20,
    backOffMaxMs: 200,
    dialYieldMs: 0,
    pendingConnections: 20,
    pendingConnectionsPerAddress: 8,
  };
  const open = () => openSessionPeer({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"], limits });
  [host, friend, foe] = await Promise.all([open(), open(), open()]);
  host.sessions.handle("test/echo", async ({ args }) => args as Cbor);
  await Promise.all([host.sessions.start(), friend.sessions.start()]);
  await pairPeers(host, friend);
  await pairPeers(host, foe, { b: "foe" });
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});
after(async () => {
  await Promise.all([host.close(), friend.close(), foe.close()]);
  await check();
});

const port = (): number => Number(/:(\d+)$/.exec(host.sessions.addresses()[0]!)![1]);

function raw(): Socket {
  const socket = connectTcp({ host: "127.0.0.1", port: port() });
  sockets.add(socket);
  return socket.on("error", () => {});
}

/** What the host says until it closes. */
async function heard(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return Buffer.concat(chunks);
}

/** The honest peer is served, by a session of now. */
async function friendIsServed(): Promise<void> {
  const session = await friend.sessions.connect(host.identity.peerId);
  assert.equal(await session.request("test/echo", "hello"), "hello");
}

/** TLS with this key, as far as it goes. */
function tls(keys: { readonly keyPem: string; readonly certificatePem: string }): TLSSocket {
  const socket = connectTls({
    socket: raw(),
    key: keys.keyPem,
    cert: keys.certificatePem,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    ALPNProtocols: [ALPN],
  });
  return socket.on("error", () => {});
}

async function firstBytesOfTls(): Promise<Buffer> {
  const [near, far] = createDuplexPair();
  const client = connectTls({ socket: near, rejectUnauthorized: false, ALPNProtocols: [ALPN] });
  client.on("error", () => {});
  const [bytes] = (await once(far, "data")) as [Buffer];
  client.destroy();
  far.destroy();
  return bytes;
}

function freshKeys(): { keyPem: string; certificatePem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return {
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificatePem: selfSignedCertificate(privateKey, raw),
  };
}

describe("before anything is proven", () => {
  test("noise, web requests and half a hello are closed, at the latest with the deadline, and hear nothing but a TLS alert", async () => {
    const clientHello = await firstBytesOfTls();
    const openings: Record<string, Buffer> = {
      nothing: Buffer.alloc(0),
      noise: randomBytes(2000),
      "a megabyte of noise": randomBytes(1 << 20),
      "a web request": Buffer.from("GET / HTTP/1.1\r\nHost: peer\r\n\r\n"),
      "a request to update data": Buffer.from("update_data,a,b\r\nquit\r\n"),
      "half a TLS hello": clientHello.subarray(0, clientHello.length / 2),
      "a record of a length that never comes": Buffer.from("16030140000100", "hex"),
      "SSL 2": Buffer.from("802e010002", "hex"),
    };
    for (const [what, bytes] of Object.entries(openings)) {
      const socket = raw();
      socket.write(bytes);
      const said = await heard(socket);
      assert.ok(said.length <= 7, `${what} heard ${said.toString("hex")}`);
    }
    await friendIsServed();
  });

  test("a hello byte by byte is cut by the deadline, though it never pauses", async () => {
    const socket = tls(friend.identity);
    await once(socket, "secureConnect");
    const hello = Buffer.concat([u32(1000), Buffer.alloc(1000, 0xa1)]);
    let sent = 0;
    const drip = setInterval(() => void (socket.destroyed || socket.write(hello.subarray(sent, ++sent))), 5);
    const said = await heard(socket);
    clearInterval(drip);
    assert.equal(said.length, 0);
    assert.ok(sent < hello.length, "cut before it was through");
    await friendIsServed();
  });

  test("a hello that is too long, not CBOR, or not a hello ends the connection at once", async () => {
    for (const bytes of [
      u32(0),
      u32(LIMITS.helloBytes + 1),
      u32(0xffffffff),
      record(Buffer.from("ff", "hex")),
      record(encodeCbor({ go: true })),
    ]) {
      const socket = tls(friend.identity);
      await once(socket, "secureConnect");
      socket.write(bytes);
      assert.equal((await heard(socket)).length, 0);
    }
    await friendIsServed();
  });

  test("a flood of silent connections is bounded, and a paired peer still gets in", async () => {
    const flood = Array.from({ length: 200 }, raw);
    await Promise.all(flood.map((socket) => once(socket, "connect")));
    let open = flood.length;
    for (const socket of flood) socket.once("close", () => open--).resume();
    while (open > 8) await sleep(5);
    await friend.sessions.get(host.identity.peerId)?.close();
    await friendIsServed();
  });

  test("a flood of handshakes with fresh keys neither, while it goes on", async () => {
    let going = true;
    let tried = 0;
    const keys = Array.from({ length: 8 }, freshKeys);
    const attack = keys.map(async (own) => {
      while (going) {
        const socket = tls(own);
        tried++;
        await heard(socket);
      }
    });
    for (let round = 0; round < 5; round++) {
      await friend.sessions.get(host.identity.peerId)?.close();
      await friendIsServed();
    }
    going = false;
    for (const socket of sockets) socket.destroy();
    await Promise.all(attack);
    assert.ok(tried > 8);
  });
});

const record = (body: Uint8Array): Buffer => Buffer.concat([u32(body.length), body]);

describe("a paired peer that breaks the rules", () => {
  let dials = 0;

  /** Past the hello with the foe's own key, as the session that is kept; then everything is the test's. */
  async function breakIn(): Promise<{ mux: Yamux; goodbye(): void; heardBy(bytes: Uint8Array): Promise<Stream> }> {
    const { duplex } = await tcpTransport.dial(host.sessions.addresses()[0]!, never);
    sockets.add(duplex as Socket);
    const { socket } = await createGate(foe.identity).dial(duplex, host.identity.peerId, never);
    const hello: Hello = {
      versions: [1, 1],
      features: [],
      needs: [],
      boot: "0123456789abcdef",
      knows: true,
      apart: false,
      dial: ++dials,
      over: 0,
      listen: [],
    };
    socket.write(encodeHello(hello));
    const length = await exactly(socket, 4);
    const answer = decodeRecord(await exactly(socket, length.readUInt32BE()));
    assert.equal(answer.is, "hello");
    socket.write(encodeGo());
    const mux = createYamux(socket, { dialled: true, onStream: (stream) => stream.reset() });
    return {
      mux,
      goodbye: () => void socket.write(encodeHeader(GO_AWAY, 0, 0, GOODBYE)),
      async heardBy(bytes) {
        const stream = mux.open();
        await stream.write(bytes);
        return stream;
      },
    };
  }

  async function exactly(socket: TLSSocket, count: number): Promise<Buffer> {
    for (;;) {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes !== null) return bytes;
      await once(socket, "readable");
    }
  }

  test("that says goodbye and keeps something open has no session any more, and may have another", async () => {
    const first = await breakIn();
    const kept = () => host.sessions.get(foe.identity.peerId);
    while (kept() === undefined) await sleep(5);
    const stream = await first.heardBy(u32(100));
    let ended = false;
    void stream.closed.then(() => (ended = true));
    first.goodbye();
    while (kept() !== undefined) await sleep(5);
    assert.ok(!ended, "what was open goes on");
    const second = await breakIn();
    while (kept() === undefined) await sleep(5);
    assert.ok(!ended, "beside the next one");
    // Of sessions that have still to end there is one at most.
    await second.heardBy(u32(100));
    second.goodbye();
    await first.mux.closed;
    assert.ok(ended);
    await friendIsServed();
  });

  test("with heads that lie, are deep, or are no heads, is answered with an error, and the session goes on", async () => {
    const { mux, heardBy } = await breakIn();
    const wrong = [
      u32(0),
      u32(LIMITS.headBytes + 1),
      u32(0xffffffff),
      record(Buffer.alloc(50_000, 0x81)),
      record(Buffer.from("9b00ffffffffffffff", "hex")),
      record(encodeCbor("no map")),
      record(encodeCbor({ route: 7, args: null })),
      record(encodeCbor({ route: "../../etc", args: null })),
    ];
    for (const bytes of wrong) {
      const answer = decodeAnswer((await readHead(await heardBy(bytes), "an answer", LIMITS.headBytes)).head);
      assert.ok(answer.is === "failed" && answer.error.code === "protocol", bytes.subarray(0, 20).toString("hex"));
    }
    const right = await readHead(await heardBy(encodeRequest("test/echo", "fine")), "an answer", LIMITS.headBytes);
    assert.deepEqual(decodeAnswer(right.head), { is: "ok", value: "fine", bytes: false });
    await mux.close();
    await friendIsServed();
  });

  test("with a head that never comes is cut by the deadline", async () => {
    const { mux, heardBy } = await breakIn();
    const stream = await heardBy(Buffer.concat([u32(100), Buffer.alloc(50)]));
    await assert.rejects(stream.read(), isCode("closed"));
    await mux.close();
  });

  test("with many large heads at once reaches the bound on what they hold", async () => {
    const { mux, heardBy } = await breakIn();
    const fit = Math.floor(LIMITS.headsHeldBytes / LIMITS.headBytes);
    const streams = [];
    for (let at = 0; at <= fit; at++) streams.push(await heardBy(u32(LIMITS.headBytes)));
    const answer = decodeAnswer((await readHead(streams.at(-1)!, "an answer", LIMITS.headBytes)).head);
    assert.ok(answer.is === "failed" && answer.error.code === "limit");
    mux.destroy(new CoveyError("closed", "enough"));
    await friendIsServed();
  });

  test("that never reads its answers does not keep others from theirs", async () => {
    const { mux, heardBy } = await breakIn();
    const big = encodeRequest("test/echo", "x".repeat(LIMITS.headBytes - 100));
    const fit = Math.floor(LIMITS.answersHeldBytes / LIMITS.headBytes);
    const streams = [];
    for (let at = 0; at < fit + 4; at++) streams.push(await heardBy(big));
    for (let at = 0; at < 10; at++) await friendIsServed();
    // What is beyond the bound was cut, and says so once it is read.
    const outcomes = await Promise.allSettled(streams.map((stream) => readHead(stream, "an answer", LIMITS.headBytes)));
    const whole = outcomes.filter(({ status }) => status === "fulfilled").length;
    assert.ok(whole >= fit - 1 && whole < streams.length, `${whole} of ${streams.length}`);
    mux.destroy(new CoveyError("closed", "enough"));
  });

  test("that gives up request after request does not have more than so many answered at once", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let running = 0;
    host.sessions.handle("test/stubborn", async () => {
      running++;
      await released;
      running--;
    });
    const { mux, heardBy } = await breakIn();
    for (let at = 0; at < LIMITS.handlersAtOnce + 100; at++) {
      const stream = await heardBy(encodeRequest("test/stubborn", null));
      await sleep(1);
      stream.reset();
    }
    const ask = async () =>
      decodeAnswer((await readHead(await heardBy(encodeRequest("test/echo", 1)), "an answer", LIMITS.headBytes)).head);
    const refused = await ask();
    assert.ok(refused.is === "failed" && refused.error.code === "limit");
    assert.equal(running, LIMITS.handlersAtOnce);
    await friendIsServed();
    release();
    while (running > 0) await sleep(1);
    assert.equal((await ask()).is, "ok");
    await mux.close();
  });

  test("that ends its stream amid the head hears an error, not an answer", async () => {
    const { mux, heardBy } = await breakIn();
    const stream = await heardBy(encodeRequest("test/echo", "cut short").subarray(0, 12));
    await stream.end();
    const answer = decodeAnswer((await readHead(stream, "an answer", LIMITS.headBytes)).head);
    assert.ok(answer.is === "failed" && answer.error.code === "protocol");
    await mux.close();
  });
});
