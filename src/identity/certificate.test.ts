import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";

import "reflect-metadata"; // the one below injects its parts with it

import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as OtherCertificate } from "@peculiar/x509";

import { selfSignedCertificate } from "./certificate.ts";

function make(): { pem: string; key: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return { pem: selfSignedCertificate(privateKey, key), key };
}

test("OpenSSL reads the certificate as it was meant", () => {
  const { pem, key } = make();
  const certificate = new X509Certificate(pem);
  assert.equal(certificate.subject, "CN=covey");
  assert.equal(certificate.issuer, "CN=covey");
  assert.equal(certificate.validFromDate.toISOString(), "2020-01-01T00:00:00.000Z");
  assert.equal(certificate.validToDate.toISOString(), "9999-12-31T23:59:59.000Z");
  assert.deepEqual(certificate.publicKey.export({ format: "der", type: "spki" }).subarray(-32), key);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(certificate.toString(), pem);
});

test("so does another X.509 implementation", async () => {
  for (let i = 0; i < 20; i++) {
    const { pem, key } = make();
    const certificate = new OtherCertificate(pem);
    assert.equal(certificate.subject, "CN=covey");
    assert.equal(certificate.issuer, "CN=covey");
    assert.equal(certificate.notBefore.toISOString(), "2020-01-01T00:00:00.000Z");
    assert.equal(certificate.notAfter.toISOString(), "9999-12-31T23:59:59.000Z");
    assert.match(certificate.serialNumber, /^[4-7][0-9a-f]{31}$/);
    assert.deepEqual(certificate.publicKey.algorithm, { name: "Ed25519" });
    assert.deepEqual(Buffer.from(certificate.publicKey.rawData).subarray(-32), key);
    assert.equal(certificate.getExtension(KeyUsagesExtension)?.usages, KeyUsageFlags.digitalSignature);
    assert.ok(await certificate.verify({ signatureOnly: true }));
    assert.ok(await certificate.isSelfSigned());
  }
});

test("a serial number is never used twice", () => {
  const serials = Array.from({ length: 50 }, () => new X509Certificate(make().pem).serialNumber);
  assert.equal(new Set(serials).size, 50);
});
