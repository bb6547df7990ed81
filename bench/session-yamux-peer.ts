// The other process of bench/session-yamux.ts, and what both have in common: mutual TLS on loopback, and the bare loop beside Yamux.

import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";

import { selfSignedCertificate } from "../src/identity/certificate.ts";
import { peerIdOf } from "../src/identity/peer-id.ts";
import type { Stream } from "../src/session/contract.ts";
import { createGate, type Gate } from "../src/session/gate.ts";
import { createYamux } from "../src/session/yamux/yamux.ts";

/** What is written at once, over Yamux and bare. */
export const CHUNK_BYTES = 64 * 1024;
const chunk = Buffer.alloc(CHUNK_BYTES, 0x5a);

/** The first bytes of a connection (bare) or stream: `kind`, then how many bytes follow or are wanted. */
export const BARE = 0;
export const YAMUX = 1;
export const UP = 0;
export const DOWN = 1;
export const ECHO = 2;
export const ORDER_BYTES = 7;

export function order(session: number, kind: number, bytes: number): Buffer {
  const out = Buffer.alloc(ORDER_BYTES);
  out[0] = session;
  out.writeUIntBE(bytes, 1, 5);
  out[6] = kind;
  return out;
}

export function newGate(): { readonly gate: Gate; readonly peerId: ReturnType<typeof peerIdOf> } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const peerId = peerIdOf(raw);
  const keyPem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  return { gate: createGate({ peerId, keyPem, certificatePem: selfSignedCertificate(privateKey, raw) }), peerId };
}

export async function sendBare(socket: Duplex, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) if (!socket.write(chunk)) await once(socket, "drain");
}

/** Resolves once so many bytes have come. */
export function receiveBare(socket: Duplex, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    let left = bytes;
    const onData = (data: Buffer): void => {
      left -= data.length;
      if (left > 0) return;
      socket.off("data", onData);
      resolve();
    };
    socket.on("data", onData);
  });
}

export async function sendStream(stream: Stream, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) await stream.write(chunk);
}

export async function receiveStream(stream: Stream, bytes: number): Promise<void> {
  for (let left = bytes; left > 0;) {
    const data = await stream.read();
    if (data === null) throw new Error("the stream ended early");
    left -= data.length;
  }
}

async function serveBare(socket: Duplex, kind: number, bytes: number): Promise<void> {
  if (kind === DOWN) return sendBare(socket, bytes);
  await receiveBare(socket, bytes);
  socket.write(Buffer.of(1));
}

async function serveStream(stream: Stream): Promise<void> {
  const first = await stream.read();
  if (first === null) return;
  const bytes = first.readUIntBE(1, 5);
  if (first[6] === UP) {
    await receiveStream(stream, bytes - (first.length - ORDER_BYTES));
    await stream.write(Buffer.of(1));
  } else if (first[6] === DOWN) await sendStream(stream, bytes);
  else await stream.write(first);
  await stream.end();
}

async function serve(raw: Socket, gate: Gate): Promise<void> {
  raw.setNoDelay(true);
  const { socket } = await gate.accept(raw, AbortSignal.timeout(10_000));
  const [first] = (await once(socket, "data")) as [Buffer];
  socket.pause();
  if (first[0] === BARE) {
    socket.resume();
    return serveBare(socket, first[6]!, first.readUIntBE(1, 5));
  }
  socket.write(Buffer.of(1));
  createYamux(socket, { dialled: false, onStream: (stream) => void serveStream(stream).catch(() => undefined) });
}

if (process.argv[2] === "peer" && process.send !== undefined) {
  const { gate, peerId } = newGate();
  const server = createServer({ noDelay: true }, (raw) => void serve(raw, gate));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send({ port: (server.address() as AddressInfo).port, peerId });
  process.on("disconnect", () => process.exit());
  await setImmediate();
}
