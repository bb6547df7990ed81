// The gate against every kind of wrong other end: real TLS each time, over memory.

import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { describe, test } from "node:test";
import { connect, type ConnectionOptions, createSecureContext, TLSSocket, type TLSSocketOptions } from "node:tls";
import type { Duplex } from "node:stream";

import "reflect-metadata";
import * as x509 from "@peculiar/x509";

import { CoveyError } from "../core/errors.ts";
import { selfSignedCertificate } from "../identity/certificate.ts";
import { peerIdOf } from "../identity/peer-id.ts";
import { createDuplexPair } from "../transport/memory.ts";
import { ALPN, createGate, type Secured } from "./gate.ts";

interface Keys {
  readonly keyPem: string;
  readonly certificatePem: string;
}

const never = new AbortController().signal;
const isCode =
  (code: string, text = /(?:)/) =>
  (error: unknown) =>
    error instanceof CoveyError && error.code === code && text.test(error.message);
const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

function makeIdentity() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return {
    peerId: peerIdOf(raw),
    publicKey: raw,
    keyPem: pem(privateKey),
    certificatePem: selfSignedCertificate(privateKey, raw),
  };
}

const us = makeIdentity();
const them = makeIdentity();
const ours = createGate(us);
const theirs = createGate(them);

/** A certificate by another implementation, for a key of any kind. */
async function certificateOf(
  algorithm: "ed25519" | "rsa" | "p256",
  {
    keyPem,
    notBefore = "2020-01-01",
    notAfter = "2099-01-01",
    extension = 0,
  }: { keyPem?: string; notBefore?: string; notAfter?: string; extension?: number } = {},
): Promise<Keys> {
  const node =
    algorithm === "ed25519"
      ? keyPem === undefined
        ? generateKeyPairSync("ed25519").privateKey
        : createPrivateKey(keyPem)
      : algorithm === "rsa"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
        : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const web = {
    ed25519: { name: "Ed25519" },
    rsa: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    p256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  }[algorithm];
  const bytes = (key: KeyObject, type: "pkcs8" | "spki") => key.export({ type: type as "spki", format: "der" });
  const privateKey = await crypto.subtle.importKey("pkcs8", bytes(node, "pkcs8"), web, true, ["sign"]);
  const publicKey = await crypto.subtle.importKey("spki", bytes(createPublicKey(node), "spki"), web, true, ["verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=covey",
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: web,
    keys: { privateKey, publicKey },
    extensions: extension === 0 ? [] : [new x509.Extension("1.2.3.4.5", false, new Uint8Array(extension))],
  });
  return { keyPem: pem(node), certificatePem: certificate.toString("pem") };
}

/** What our gate makes of that client, and what the client saw of us. */
async function accepting(
  options: ConnectionOptions,
): Promise<{ accepted: Promise<Secured>; client: TLSSocket; seen: () => number }> {
  const [near, far] = createDuplexPair();
  const accepted = ours.accept(near, AbortSignal.timeout(5000));
  accepted.catch(() => {});
  const client = connect({ ALPNProtocols: [ALPN], rejectUnauthorized: false, ...options, socket: far });
  let bytes = 0;
  client.on("error", () => {}).on("data", (chunk: Buffer) => (bytes += chunk.length));
  return { accepted, client, seen: () => bytes };
}

async function refused(options: ConnectionOptions, text?: RegExp): Promise<void> {
  const { accepted, client, seen } = await accepting(options);
  await assert.rejects(accepted, isCode("protocol", text));
  if (!client.closed) await once(client, "close").catch(() => {});
  assert.equal(seen(), 0, "not one byte was said to it");
}

const using = ({ keyPem, certificatePem }: Keys): ConnectionOptions => ({ key: keyPem, cert: certificatePem });

describe("who dials us", () => {
  test("the honest one is known by its key, whatever its certificate says", async () => {
    for (const keys of [
      them,
      await certificateOf("ed25519", { keyPem: them.keyPem, notBefore: "2001-01-01", notAfter: "2002-01-01" }),
      await certificateOf("ed25519", { keyPem: them.keyPem, notBefore: "2090-01-01", notAfter: "2091-01-01" }),
      await certificateOf("ed25519", { keyPem: them.keyPem, extension: 60_000 }),
    ]) {
      const { accepted, client } = await accepting(using(keys));
      const secured = await accepted;
      assert.equal(secured.peerId, them.peerId);
      assert.ok(secured.peerKey.equals(them.publicKey));
      client.destroy();
      secured.socket.destroy();
    }
  });

  test("no certificate", () => refused({}));
  test("an RSA key", async () => refused(using(await certificateOf("rsa"))));
  test("a P-256 key", async () => refused(using(await certificateOf("p256"))));
  test("no ALPN", () => refused({ ...using(them), ALPNProtocols: [] }, /did not ask for covey/));
  test("another ALPN", () => refused({ ...using(them), ALPNProtocols: ["h2", "covey/2"] }));
  test("TLS 1.2", () => refused({ ...using(them), minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }));
  test("ourselves", async () => {
    const { accepted, client } = await accepting(using(us));
    await assert.rejects(accepted, isCode("refused", /itself/));
    client.destroy();
  });

  test("a session to resume is no key: a thief of it gets nowhere", async () => {
    // The control: with what Node does by itself, the thief comes in as the one it stole from.
    const secureContext = createSecureContext({ key: us.keyPem, cert: us.certificatePem, sessionIdContext: "covey" });
    const careless = async (socket: Duplex): Promise<Believed> => {
      const server = new TLSSocket(socket, {
        isServer: true,
        requestCert: true,
        rejectUnauthorized: false,
        secureContext,
        ALPNProtocols: [ALPN],
      });
      server.on("error", () => {});
      await once(server, "secure");
      return {
        socket: server,
        key: server.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" }).subarray(-32),
      };
    };
    const gated = async (socket: Duplex): Promise<Believed> => {
      const secured = await ours.accept(socket, never).catch(() => undefined);
      return { socket: secured?.socket, key: secured?.peerKey };
    };
    assert.deepEqual(await steal(careless), them.publicKey);
    assert.equal(await steal(gated), undefined);
  });

  interface Believed {
    readonly socket: TLSSocket | undefined;
    readonly key: Buffer | undefined;
  }

  /** Whom the server takes a client for that has no key, only a session that `them` left behind. */
  async function steal(serve: (socket: Duplex) => Promise<Believed>): Promise<Buffer | undefined> {
    const visit = async (options: ConnectionOptions): Promise<{ believed: Buffer | undefined; session: Buffer | undefined }> => {
      const [near, far] = createDuplexPair();
      let session: Buffer | undefined;
      const client = connect({ ALPNProtocols: [ALPN], rejectUnauthorized: false, ...options, socket: far });
      client.on("error", () => {}).on("session", (bytes: Buffer) => (session = bytes));
      // Sessions come right behind the handshake, before any data.
      const over = new Promise((resolve) => client.once("data", resolve).once("close", resolve));
      const { socket, key } = await serve(near);
      socket?.write("covey");
      await over;
      client.destroy();
      socket?.destroy();
      return { believed: key, session };
    };
    const honest = await visit(using(them));
    assert.deepEqual(honest.believed, them.publicKey);
    assert.ok(honest.session, "there is something to steal");
    return (await visit({ session: honest.session })).believed;
  }

  test("silence, half a hello and noise end with the deadline or at once, and nothing stays", async () => {
    for (const bytes of [
      "",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "\x80\x2e\x01\x00\x02",
    ]) {
      const [near, far] = createDuplexPair();
      const deadline = new AbortController();
      const accepted = ours.accept(near, deadline.signal);
      accepted.catch(() => {});
      far.on("error", () => {}).resume();
      far.write(Buffer.from(bytes, "latin1"));
      const reason = new Error("took too long");
      setTimeout(() => deadline.abort(reason), 30);
      await assert.rejects(accepted, (error) => error === reason || isCode("protocol")(error));
      assert.ok(near.destroyed);
    }
  });
});

describe("whom we dial", () => {
  const answering = (options: TLSSocketOptions): Promise<Secured> => {
    const [near, far] = createDuplexPair();
    const server = new TLSSocket(far, {
      isServer: true,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [ALPN],
      ...options,
    });
    server.on("error", () => {});
    return ours.dial(near, them.peerId, AbortSignal.timeout(5000));
  };

  test("each proves its key to the other, sends no name, and derives the same secrets", async () => {
    const [near, far] = createDuplexPair();
    const [a, b] = await Promise.all([ours.dial(near, them.peerId, never), theirs.accept(far, never)]);
    assert.deepEqual([a.peerId, b.peerId], [them.peerId, us.peerId]);
    assert.equal((b.socket as TLSSocket & { servername: unknown }).servername, false);
    assert.equal(a.socket.getCipher().version, "TLSv1.3");
    const derive = ({ socket }: Secured, label: string) => socket.exportKeyingMaterial(32, label, Buffer.alloc(0));
    assert.ok(derive(a, "EXPORTER-x").equals(derive(b, "EXPORTER-x")));
    assert.ok(!derive(a, "EXPORTER-x").equals(derive(a, "EXPORTER-y")));
    a.socket.destroy();
    b.socket.destroy();
  });

  test("somebody else answers: not one byte is said to them", async () => {
    const other = makeIdentity();
    const [near, far] = createDuplexPair();
    const accepted = createGate(other).accept(far, never);
    await assert.rejects(ours.dial(near, them.peerId, never), isCode("unreachable", /another device answers/));
    // In TLS 1.3 the server's handshake can complete all the same; then it hears nothing more.
    const secured = await accepted.catch(() => undefined);
    assert.equal(secured?.socket.read() ?? null, null);
    secured?.socket.destroy();
  });

  test("ourselves", async () => {
    const [near, far] = createDuplexPair();
    const accepted = ours.accept(far, never);
    accepted.catch(() => {});
    await assert.rejects(ours.dial(near, them.peerId, never), isCode("unreachable", /this device itself/));
    await assert.rejects(accepted);
  });

  test("a server with another kind of key, no ALPN, or TLS 1.2", async () => {
    const keys = async (kind: "rsa" | "p256") => using(await certificateOf(kind));
    await assert.rejects(answering(await keys("rsa")), isCode("protocol"));
    await assert.rejects(answering(await keys("p256")), isCode("protocol"));
    await assert.rejects(answering({ ...using(them), ALPNProtocols: [] }), isCode("protocol"));
    await assert.rejects(answering({ ...using(them), ALPNProtocols: ["h2"] }), isCode("protocol"));
    await assert.rejects(answering({ ...using(them), minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }), isCode("protocol"));
  });

  test("an end amid the handshake is no success, and an aborted one throws the reason", async () => {
    const [near, far] = createDuplexPair();
    far.on("error", () => {}).once("data", () => far.destroy());
    await assert.rejects(ours.dial(near, them.peerId, never), isCode("closed"));
    const [silent, other] = createDuplexPair();
    const reason = new Error("enough");
    await assert.rejects(ours.dial(silent, them.peerId, AbortSignal.abort(reason)), reason);
    assert.ok(silent.destroyed);
    other.destroy();
  });
});
