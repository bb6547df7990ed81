// The self-signed certificate that TLS wants: DER, by the few rules of X.690 that it needs. Nobody reads anything of it but the key.

import { randomBytes, sign, type KeyObject } from "node:crypto";

// What never changes, in DER.
const ED25519 = Buffer.from("300506032b6570", "hex"); // AlgorithmIdentifier 1.3.101.112, RFC 8410
const COMMON_NAME = Buffer.from("0603550403", "hex"); // 2.5.4.3
const KEY_USAGE = Buffer.from("0603551d0f", "hex"); // 2.5.29.15
const CRITICAL = Buffer.from("0101ff", "hex");
const DIGITAL_SIGNATURE = Buffer.from("03020780", "hex");
const VERSION_3 = Buffer.from("a003020102", "hex");

const TAG = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  utf8: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
  extensions: 0xa3,
};

/** PEM. It says nothing of the device; its dates never end, since who is trusted is decided by key alone. */
export function selfSignedCertificate(privateKey: KeyObject, publicKey: Uint8Array): string {
  const name = sequence(der(TAG.set, sequence(COMMON_NAME, der(TAG.utf8, Buffer.from("covey")))));
  const validity = sequence(der(TAG.utcTime, Buffer.from("200101000000Z")), der(TAG.time, Buffer.from("99991231235959Z")));
  const keyInfo = sequence(ED25519, bits(publicKey));
  const extensions = der(TAG.extensions, sequence(sequence(KEY_USAGE, CRITICAL, der(TAG.octets, DIGITAL_SIGNATURE))));
  const body = sequence(VERSION_3, serialNumber(), ED25519, name, validity, name, keyInfo, extensions);
  return pem(sequence(body, ED25519, bits(sign(null, body, privateKey))));
}

/** Sixteen random bytes, positive and with no leading zero: the first lies between 0x40 and 0x7f. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return der(TAG.integer, bytes);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(TAG.sequence, ...parts);

/** A BIT STRING of whole bytes. */
const bits = (bytes: Uint8Array): Buffer => der(TAG.bits, Buffer.of(0), bytes);

/** Tag, length, content; the content of a certificate like this stays below 64 KiB. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header = length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
