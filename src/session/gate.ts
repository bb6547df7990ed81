// The one place that decides who is at the other end: TLS 1.3 both ways over any duplex, before anything else reads a byte.
//
// 1. `dial` or `accept` puts TLS around a raw duplex; both sides show a self-signed Ed25519 certificate, and prove its key.
// 2. The certificate is a container for the key: names, dates and signatures in it mean nothing here. The key alone is the peer.
// 3. Who dials knows whom it wants: another key ends the connection before anything was said.

import { constants } from "node:crypto";
import type { Duplex } from "node:stream";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";

import { CoveyError } from "../core/errors.ts";
import type { PeerId } from "../core/ids.ts";
import { printable } from "../core/text.ts";
import type { Identity } from "../identity/contract.ts";
import { peerIdOf } from "../identity/peer-id.ts";

export const ALPN = "covey/1";

/** A duplex whose other end has proven its key. */
export interface Secured {
  readonly socket: TLSSocket;
  /** 32 bytes. */
  readonly peerKey: Buffer;
  readonly peerId: PeerId;
}

export interface Gate {
  /** Rejects with `unreachable` when somebody else answers, `closed`, `protocol`, or the signal's reason. Destroys the duplex then. */
  dial(duplex: Duplex, peer: PeerId, signal: AbortSignal): Promise<Secured>;
  /** Whoever it is; the same errors. */
  accept(duplex: Duplex, signal: AbortSignal): Promise<Secured>;
}

export function createGate(identity: Pick<Identity, "peerId" | "keyPem" | "certificatePem">): Gate {
  const secureContext = contextOf(identity);
  const options = {
    secureContext,
    ALPNProtocols: [ALPN],
    requestCert: true,
    // No authority vouches for a self-signed certificate: `identify` decides, by the key.
    rejectUnauthorized: false,
  };
  return {
    async dial(duplex, peer, signal) {
      const secured = await secure(duplex, () => connect({ ...options, socket: duplex }), "secureConnect", signal);
      if (secured.peerId === peer) return secured;
      secured.socket.destroy();
      const who = secured.peerId === identity.peerId ? "this device itself" : "another device";
      throw new CoveyError("unreachable", `${who} answers there`);
    },
    async accept(duplex, signal) {
      const secured = await secure(duplex, () => new TLSSocket(duplex, { ...options, isServer: true }), "secure", signal);
      if (secured.peerId !== identity.peerId) return secured;
      secured.socket.destroy();
      throw new CoveyError("refused", "this device dialled itself");
    },
  };
}

const contextOf = ({ keyPem, certificatePem }: Pick<Identity, "keyPem" | "certificatePem">): SecureContext =>
  createSecureContext({
    key: keyPem,
    cert: certificatePem,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    sigalgs: "ed25519",
    ecdhCurve: "X25519MLKEM768:X25519",
    // AES-128 first: a fifth faster than Node's first choice.
    ciphers: "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
    honorCipherOrder: true,
    // A resumed session shows no certificate: a stolen ticket would be a copy of the identity.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });

async function secure(
  duplex: Duplex,
  wrap: () => TLSSocket,
  event: "secure" | "secureConnect",
  signal: AbortSignal,
): Promise<Secured> {
  let socket: TLSSocket | undefined;
  try {
    signal.throwIfAborted();
    // OpenSSL refuses some states at once, a duplex that is gone already among them.
    socket = wrap();
    await handshake(socket, duplex, event, signal);
    return identify(socket);
  } catch (error) {
    socket?.destroy();
    duplex.destroy();
    if (error === signal.reason || error instanceof CoveyError) throw error;
    throw new CoveyError("protocol", printable(`what answers there does not speak covey: ${(error as Error).message}`), {
      cause: error,
    });
  }
}

function handshake(socket: TLSSocket, duplex: Duplex, event: "secure" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (tell: () => void): void => {
      for (const name of ["error", "_tlsError"]) socket.off(name, failed);
      socket.off("close", closed).off(event, done);
      duplex.off("close", closed);
      signal.removeEventListener("abort", aborted);
      // Whoever uses the socket next learns of errors by its closing; without any listener one would end the process.
      socket.on("error", () => {});
      tell();
    };
    const done = (): void => settle(resolve);
    const failed = (error: NodeJS.ErrnoException): void =>
      settle(() => reject(error.code === "ECONNRESET" || error.code === "EPIPE" ? closedEarly() : error));
    const closed = (): void => settle(() => reject(closedEarly()));
    const aborted = (): void => settle(() => reject(signal.reason as Error));
    // A server's socket that belongs to no tls.Server tells of a failed handshake by "_tlsError" only.
    for (const name of ["error", "_tlsError"]) socket.on(name, failed);
    socket.on("close", closed).on(event, done);
    duplex.on("close", closed);
    signal.addEventListener("abort", aborted, { once: true });
  });
}

const closedEarly = (): CoveyError => new CoveyError("closed", "the connection was closed during the TLS handshake");

function identify(socket: TLSSocket): Secured {
  const refuse = (why: string): CoveyError => new CoveyError("protocol", `what answers there does not speak covey: ${why}`);
  if (socket.getProtocol() !== "TLSv1.3") throw refuse("it is not TLS 1.3");
  // A client that offers no protocol at all completes the handshake; so does a server that chooses none.
  if (socket.alpnProtocol !== ALPN) throw refuse("it did not ask for covey");
  if (socket.isSessionReused()) throw refuse("it resumed a session instead of proving its key");
  const peerKey = rawEd25519(socket);
  if (peerKey === undefined) throw refuse("it showed no Ed25519 certificate");
  return { socket, peerKey, peerId: peerIdOf(peerKey) };
}

const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410: Ed25519, 32 bytes follow

function rawEd25519(socket: TLSSocket): Buffer | undefined {
  // Not getPeerCertificate: it leaks with every connection (CVE-2025-59464).
  const key = socket.getPeerX509Certificate()?.publicKey;
  if (key?.asymmetricKeyType !== "ed25519") return undefined;
  const spki = key.export({ type: "spki", format: "der" });
  const raw = spki.subarray(SPKI_PREFIX.length);
  return raw.length === 32 && spki.subarray(0, SPKI_PREFIX.length).equals(SPKI_PREFIX) ? Buffer.from(raw) : undefined;
}
