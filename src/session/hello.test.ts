import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type Cbor, encodeCbor } from "../core/cbor.ts";
import { CoveyError, type ErrorCode, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import {
  commonVersion,
  decodeRecord,
  disagreement,
  encodeGo,
  encodeHello,
  encodeRefusal,
  type Hello,
  type Protocol,
} from "./hello.ts";

const speaks = (min: number, max: number, features: string[] = [], needs: string[] = []): Protocol => ({
  versions: [min, max],
  features,
  needs,
});
const isProtocolError = (error: unknown) => error instanceof CoveyError && error.code === "protocol";

const full: Hello = {
  versions: [1, 2],
  features: ["dht", "blob.sparse"],
  needs: [],
  boot: "0123456789abcdef",
  knows: true,
  apart: false,
  dial: 7,
  over: 3,
  store: "00".repeat(16),
  clockMs: 1_800_000_000_000,
  listen: ["tcp://192.0.2.7:4747"],
};

test("N speaks with N-1 by the version that both know, whichever side is older", () => {
  for (const [a, b, common] of [
    [speaks(1, 1), speaks(1, 1), 1],
    [speaks(1, 2), speaks(1, 1), 1],
    [speaks(2, 3), speaks(1, 2), 2],
    [speaks(1, 9), speaks(4, 6), 6],
  ] as const) {
    assert.equal(disagreement(a, b), undefined);
    assert.equal(disagreement(b, a), undefined);
    assert.equal(commonVersion(a, b), common);
    assert.equal(commonVersion(b, a), common);
  }
});

test("versions too far apart are refused by number, and each user reads which device to update", () => {
  const older = disagreement(speaks(1, 1), speaks(2, 3))!;
  assert.equal(older.code, "version");
  assert.equal(older.message, "this device speaks covey version 1, the other one versions 2 to 3");
  assert.match(older.hint!, /on this device/);
  const newer = disagreement(speaks(2, 3), speaks(1, 1))!;
  assert.equal(newer.message, "this device speaks covey versions 2 to 3, the other one version 1");
  assert.match(newer.hint!, /on the other device/);
});

test("what is unknown and optional is carried, what is unknown and required is refused by name, on both sides", () => {
  const plain = speaks(1, 1, ["a"]);
  const picky = speaks(1, 1, ["a", "b", "c"], ["b", "c"]);
  assert.equal(disagreement(plain, speaks(1, 1, ["z"])), undefined);
  assert.match(disagreement(plain, picky)!.message, /the other device requires what this one does not know: b, c/);
  assert.match(disagreement(picky, plain)!.message, /this device requires what the other one does not know: b, c/);
  assert.equal(disagreement(picky, picky), undefined);
});

test("the two sides always agree on whether they disagree", () => {
  const names = fc.subarray(["a", "b", "c"]);
  const protocol = fc
    .record({ min: fc.nat(4), more: fc.nat(3), features: names, needs: names })
    .map(({ min, more, features, needs }) => speaks(min, min + more, features, needs));
  fc.assert(
    fc.property(protocol, protocol, (a, b) => {
      const [here, there] = [disagreement(a, b), disagreement(b, a)];
      assert.equal(here === undefined, there === undefined);
      if (here !== undefined) return;
      const version = commonVersion(a, b);
      assert.ok(version >= a.versions[0] && version >= b.versions[0] && version <= a.versions[1] && version <= b.versions[1]);
    }),
  );
});

test("records are read as they were written", () => {
  assert.deepEqual(decodeRecord(encodeHello(full).subarray(4)), { is: "hello", hello: full });
  assert.deepEqual(decodeRecord(encodeGo().subarray(4)), { is: "go" });
  const refused = decodeRecord(encodeRefusal(new CoveyError("version", "too old", { hint: "Update." })).subarray(4));
  assert.ok(refused.is === "refused");
  assert.deepEqual([refused.error.code, refused.error.message, refused.error.hint], ["version", "too old", "Update."]);
});

test("keys that a later version adds are passed over", () => {
  const later = encodeCbor({ hello: { ...full, colour: "red" }, more: 1 });
  assert.deepEqual(decodeRecord(later), { is: "hello", hello: full });
});

test("a reason from the other side is bounded, printable, and of a known code that is theirs to say", () => {
  const say = (refused: Cbor) => {
    const record = decodeRecord(encodeCbor({ refused }));
    assert.ok(record.is === "refused");
    return record.error;
  };
  assert.equal(say({ code: "you-must-pay", message: "x" }).code, "internal");
  assert.equal(say({ code: "daemon-down", message: "x" }).code, "internal");
  assert.equal(say({ code: "limit", message: "\u001b[2Jgone\u202e" }).message, "\\u{1b}[2Jgone\\u{202e}");
  assert.equal(say({ code: "limit", message: "x".repeat(3000) }).message.length, LIMITS.errorTextChars);
  assert.match(say({ code: "limit", message: "" }).message, /no reason/);
});

test("a fault here, and what is wrong with this device's own files, is not told in detail", () => {
  const platform = (code: string) => Object.assign(new Error(`${code}: /home/ann/secret`), { code });
  const own: [Error, ErrorCode][] = [
    [new Error("/home/ann/secret: ENOENT"), "internal"],
    [new CoveyError("internal", "secret"), "internal"],
    [new CoveyError("no-space", "the disk of /home/ann/secret is full", { hint: "Tidy up /home/ann/secret." }), "no-space"],
    [new CoveyError("io", "/home/ann/secret is damaged"), "io"],
    [fromPlatform(platform("ENOSPC"), "write /home/ann/secret"), "no-space"],
    [fromPlatform(platform("ENOENT"), "read /home/ann/secret"), "not-found"],
    [fromPlatform(platform("EACCES"), "read /home/ann/secret"), "io"],
  ];
  for (const [error, code] of own) {
    const record = decodeRecord(encodeRefusal(error).subarray(4));
    assert.ok(record.is === "refused");
    assert.equal(record.error.code, code);
    assert.doesNotMatch(JSON.stringify(record.error), /secret/);
  }
});

test("wrong types, wild numbers and noise are protocol errors, never anything else", () => {
  const wrong: Record<string, Cbor>[] = [
    { versions: [2, 1] },
    { versions: [1] },
    { versions: [-1, 1] },
    { boot: "xyz" },
    { features: ["UPPER"] },
    { features: Array.from({ length: 65 }, (_, at) => `f${at}`) },
    { knows: "yes" },
    { listen: Array.from({ length: LIMITS.dialAddresses + 1 }, () => "tcp://192.0.2.1:1") },
    { listen: ["x".repeat(LIMITS.addressBytes + 1)] },
    { store: "short" },
    { clockMs: "now" },
  ];
  for (const change of wrong) {
    assert.throws(() => decodeRecord(encodeCbor({ hello: { ...full, ...change } })), isProtocolError, JSON.stringify(change));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      try {
        decodeRecord(noise);
      } catch (error) {
        assert.ok(isProtocolError(error));
      }
    }),
  );
});
