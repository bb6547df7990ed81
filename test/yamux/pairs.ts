// Two ends of a session for the tests of Yamux: over memory, over real mutual TLS on loopback, and with one end spoken by hand.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import type { TestContext } from "node:test";

import { createHasher } from "../../src/core/hash.ts";
import { selfSignedCertificate } from "../../src/identity/certificate.ts";
import { peerIdOf } from "../../src/identity/peer-id.ts";
import type { Stream } from "../../src/session/contract.ts";
import { createGate } from "../../src/session/gate.ts";
import { encodeHeader, FrameDecoder, type FrameType } from "../../src/session/yamux/frame.ts";
import { createYamux, type Yamux, type YamuxOptions } from "../../src/session/yamux/yamux.ts";

export interface End {
  readonly yamux: Yamux;
  /** The next stream that the other side opened. */
  accept(): Promise<Stream>;
}

export function endOf(duplex: Duplex, dialled: boolean, options: Pick<YamuxOptions, "maxIncoming" | "lastId"> = {}): End {
  const streams: Stream[] = [];
  const waiting: ((stream: Stream) => void)[] = [];
  const onStream = (stream: Stream): void => {
    const next = waiting.shift();
    if (next === undefined) streams.push(stream);
    else next(stream);
  };
  return {
    yamux: createYamux(duplex, { dialled, onStream, ...options }),
    accept: async () => streams.shift() ?? new Promise((resolve) => waiting.push(resolve)),
  };
}

export interface Pair {
  readonly dialler: End;
  readonly listener: End;
  /** The raw duplexes beneath. */
  readonly wires: readonly [Duplex, Duplex];
}

/** Both sessions are cut after the test. */
export function pairOver(t: TestContext, ends: readonly [Duplex, Duplex], wires: readonly [Duplex, Duplex] = ends): Pair {
  t.after(() => {
    for (const wire of wires) wire.destroy();
  });
  return { dialler: endOf(ends[0], true), listener: endOf(ends[1], false), wires };
}

export const memoryPair = (t: TestContext, highWaterMark = 16 * 1024): Pair => pairOver(t, duplexPair({ highWaterMark }));

function newGate(): { gate: ReturnType<typeof createGate>; peerId: ReturnType<typeof peerIdOf> } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const keyPem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const peerId = peerIdOf(raw);
  return { gate: createGate({ peerId, keyPem, certificatePem: selfSignedCertificate(privateKey, raw) }), peerId };
}

/** Mutual TLS over two connected duplexes. */
export async function secureBoth(wires: readonly [Duplex, Duplex]): Promise<[Duplex, Duplex]> {
  const [ours, theirs] = [newGate(), newGate()];
  const signal = AbortSignal.timeout(10_000);
  const [a, b] = await Promise.all([ours.gate.dial(wires[0], theirs.peerId, signal), theirs.gate.accept(wires[1], signal)]);
  return [a.socket, b.socket];
}

/** A TCP connection on loopback, both ends. */
export async function tcpPair(): Promise<[Socket, Socket]> {
  const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const dialled = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", noDelay: true });
  await once(dialled, "connect");
  const [socket] = await accepted;
  server.close();
  return [dialled, socket];
}

export async function tlsPair(t: TestContext): Promise<Pair> {
  const wires = await tcpPair();
  return pairOver(t, await secureBoth(wires), wires);
}

/** A stream from dialler to listener, both ends; the listener has read the first byte. */
export async function openStream(pair: Pair): Promise<readonly [Stream, Stream]> {
  const ours = pair.dialler.yamux.open();
  await ours.write(Buffer.of(7));
  const theirs = await pair.listener.accept();
  assert.deepEqual(await theirs.read(), Buffer.of(7));
  return [ours, theirs];
}

/** Writes the bytes in pieces and ends the stream. */
export async function sendAll(stream: Stream, bytes: Buffer, pieceBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) await stream.write(bytes.subarray(at, at + pieceBytes));
  await stream.end();
}

/** Everything up to the end, as its BLAKE3 and length. */
export async function digestAll(stream: Stream): Promise<{ readonly hash: string; readonly bytes: number }> {
  const hasher = createHasher();
  let bytes = 0;
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
    hasher.update(chunk);
    bytes += chunk.length;
  }
  return { hash: hasher.digest().toString("hex"), bytes };
}

export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly id: number;
  readonly length: number;
}

/** The other end spoken by hand: writes whatever it is told, and keeps the headers that come. */
export interface RawPeer {
  readonly wire: Duplex;
  readonly frames: Frame[];
  send(type: FrameType, flags: number, id: number, length: number, data?: Uint8Array): void;
  /** The first frame, from now or before, of which it holds. */
  sees(what: (frame: Frame) => boolean): Promise<Frame>;
}

/** `end` listens; the raw peer dialled. */
export function rawPair(
  t: TestContext,
  options: Pick<YamuxOptions, "maxIncoming"> = {},
): { readonly end: End; readonly peer: RawPeer } {
  const [near, far] = duplexPair();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  const end = endOf(near, false, options);
  const frames: Frame[] = [];
  let wake = (): void => {};
  const decoder = new FrameDecoder({
    frame: (type, flags, id, length) => {
      frames.push({ type, flags, id, length });
      wake();
    },
    data: () => {},
  });
  far.on("data", (chunk: Buffer) => decoder.push(chunk));
  far.on("error", () => {});
  const peer: RawPeer = {
    wire: far,
    frames,
    send(type, flags, id, length, data) {
      far.write(encodeHeader(type, flags, id, length));
      if (data !== undefined) far.write(data);
    },
    async sees(what) {
      for (;;) {
        const frame = frames.find(what);
        if (frame !== undefined) return frame;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  return { end, peer };
}
