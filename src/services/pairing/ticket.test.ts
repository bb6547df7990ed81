import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { toBase32 } from "../../core/bytes.ts";
import { CoveyError } from "../../core/errors.ts";
import { domainHash } from "../../core/hash.ts";
import type { PeerId } from "../../core/ids.ts";
import { formatIp } from "../../core/ip.ts";
import { LIMITS } from "../../core/limits.ts";
import { keyOfPeerId, parsePeerId, peerIdOf } from "../../identity/peer-id.ts";
import { isDialable } from "./addresses.ts";
import { decodeTicket, encodeTicket, type Ticket, ticketId } from "./ticket.ts";

const newPeerId = (): PeerId =>
  peerIdOf(generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" }).subarray(-32));

const PEERS = Array.from({ length: 5 }, newPeerId);

const newTicket = (change: Partial<Ticket> = {}): Ticket => ({
  peerId: PEERS[0]!,
  secret: Buffer.from("000102030405060708090a0b0c0d0e0f", "hex"),
  expiresAtMs: 1_800_000_000_000,
  addresses: ["tcp://192.0.2.7:4747", "tcp://[2001:db8::1]:4747"],
  ...change,
});

/** Any bytes with a good check, as a ticket's text. */
const sealed = (body: Uint8Array): string =>
  `covey1${toBase32(Buffer.concat([body, domainHash("covey/ticket/1", body).subarray(0, 4)]))}`;

const isTicketError = (error: unknown): boolean =>
  error instanceof CoveyError && error.code === "ticket-invalid" && error.hint !== undefined;

test("what is encoded is decoded", () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const ip = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));
  const tcp = fc
    .tuple(ip, port)
    .map(([bytes, number]) => `tcp://${bytes.length === 4 ? formatIp(bytes) : `[${formatIp(bytes)}]`}:${number}`);
  const other = fc.stringMatching(/^(memory|dht|x-1):\/\/[!-~]{1,20}$/);
  const addresses = fc.array(fc.oneof(tcp, other).filter(isDialable), { maxLength: LIMITS.ticketAddresses });
  const ticket = fc.record<Ticket>(
    {
      peerId: fc.constantFrom(...PEERS),
      secret: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
      expiresAtMs: fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((seconds) => seconds * 1000),
      addresses,
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(ticket, (made) => {
      assert.deepEqual(decodeTicket(encodeTicket(made)), made);
      assert.deepEqual(decodeTicket(encodeTicket(made).toUpperCase()), made);
    }),
    { numRuns: 200 },
  );
});

test("the format is frozen", () => {
  const peerId = parsePeerId("25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenkgry6");
  assert.equal(
    encodeTicket(newTicket({ peerId })),
    "covey1afknowuyagblccvx2vf75u6jmqdtudxbolz5vjrdewxqegti64dvcgqaaebagbafaydqqcikbmga2dqpnne5eaaeyaaaebysrmdcaainxaaaaaaaaaaaaaaaaaaaceul3gj66zq",
  );
});

test("pasted with line breaks, spaces and in capitals, it is the same ticket", () => {
  const made = newTicket();
  const text = encodeTicket(made);
  const spellings = [
    `  ${text}\r\n`,
    text.replace(/.{20}/g, "$&\n  "),
    text.toUpperCase(),
    `\ufeff${text.replace(/.{7}/g, "$&\u00a0")}`,
  ];
  for (const spelling of spellings) assert.deepEqual(decodeTicket(spelling), made);
  assert.match(text.toUpperCase(), /^[0-9A-Z]+$/);
});

test("one wrong letter anywhere, or two swapped, never makes another ticket", () => {
  const text = encodeTicket(newTicket());
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] === "q" ? "r" : "q";
    assert.throws(() => decodeTicket(text.slice(0, at) + letter + text.slice(at + 1)), isTicketError);
    const swapped = text.slice(0, at) + (text[at + 1] ?? "") + text[at] + text.slice(at + 2);
    if (swapped !== text) assert.throws(() => decodeTicket(swapped), isTicketError);
  }
  assert.throws(() => decodeTicket(`${text.slice(0, 40)}q${text.slice(41)}`), { message: /mistyped/ });
  assert.throws(() => decodeTicket(`${text.slice(0, 40)}1${text.slice(41)}`), { message: /mistyped/ });
});

test("cut off anywhere, it is told to be incomplete", () => {
  const text = encodeTicket(newTicket());
  for (let length = 1; length < text.length; length++) {
    assert.throws(() => decodeTicket(text.slice(0, length)), { code: "ticket-invalid", message: /incomplete/ }, String(length));
  }
});

test("each thing that can be wrong is told by its own message", () => {
  const text = encodeTicket(newTicket());
  const body = (version: number, content: Buffer): Buffer => Buffer.concat([Buffer.of(version, content.length + 6), content]);
  const content = (key: Uint8Array, addresses: string): Buffer =>
    Buffer.concat([key, Buffer.alloc(20, 1), Buffer.from(addresses, "hex")]);
  const key = keyOfPeerId(PEERS[0]!);
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ["", /not a ticket/],
    ["laptop", /not a ticket/],
    [PEERS[0]!, /not a ticket/],
    ["x".repeat(1 << 20), /too long/],
    [`${text}abc`, /followed by 3 letters/],
    [text.replace("covey1", "covey2"), /newer covey/],
    [sealed(body(2, content(key, ""))), /newer covey/],
    [sealed(body(1, content(Buffer.alloc(32), ""))), /not one that covey makes/],
    [sealed(body(1, content(key, "07c0000207128b"))), /not one that covey makes/],
    [sealed(body(1, content(key, "04c00002070000"))), /not one that covey makes/],
    [sealed(body(1, content(key, "0400000000128b"))), /not one that covey makes/],
    [sealed(body(1, content(key, "04c0000207"))), /not one that covey makes/],
    [sealed(body(1, content(key, "0002ffff"))), /not one that covey makes/],
    [sealed(body(1, content(key, "00056a733a2f2f"))), /not one that covey makes/],
    [sealed(Buffer.of(1, 10, 1, 1, 1, 1, 1)), /mistyped/],
  ];
  for (const [wrong, message] of cases)
    assert.throws(() => decodeTicket(wrong), { code: "ticket-invalid", message }, wrong.slice(0, 80));
  assert.deepEqual(decodeTicket(sealed(body(1, content(key, "04c0000207128b")))).addresses, ["tcp://192.0.2.7:4747"]);
});

test("garbage never gets anything but a CoveyError out of it", () => {
  const throwsProperly = (text: string): void => {
    try {
      decodeTicket(text);
    } catch (error) {
      assert.ok(isTicketError(error), String(error));
    }
  };
  const bytes = fc.uint8Array({ maxLength: 260 });
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), throwsProperly), { numRuns: 200 });
  fc.assert(fc.property(fc.stringMatching(/^covey1[a-z2-7]{0,300}$/), throwsProperly), { numRuns: 200 });
  fc.assert(
    fc.property(bytes, (body) => throwsProperly(sealed(body))),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(bytes, (body) => throwsProperly(sealed(Buffer.concat([Buffer.of(1, body.length + 6), body])))),
    { numRuns: 300 },
  );
});

test("addresses that nobody elsewhere can dial, and those too many, are left out", () => {
  const addresses = [
    "tcp://[fe80::1%eth0]:1",
    "tcp://0.0.0.0:1",
    "tcp://*:1",
    "tcp://192.0.2.1:0",
    "tcp://host:1",
    "nonsense",
    `x://${"y".repeat(300)}`,
  ];
  assert.deepEqual(decodeTicket(encodeTicket(newTicket({ addresses }))).addresses, []);
  const many = Array.from({ length: 20 }, (_, i) => `tcp://192.0.2.${i}:1`);
  assert.deepEqual(decodeTicket(encodeTicket(newTicket({ addresses: many }))).addresses, many.slice(0, LIMITS.ticketAddresses));
  const long = Array.from({ length: 5 }, (_, i) => `memory://${i}${"z".repeat(100)}`);
  assert.deepEqual(decodeTicket(encodeTicket(newTicket({ addresses: [...long, "tcp://192.0.2.1:1"] }))).addresses, [
    long[0],
    "tcp://192.0.2.1:1",
  ]);
});

test("the id says nothing of the secret but that it is the same one", () => {
  const { secret } = newTicket();
  assert.equal(ticketId(secret).length, 8);
  assert.deepEqual(ticketId(secret), ticketId(Buffer.from(secret)));
  assert.notDeepEqual(ticketId(secret), ticketId(Buffer.alloc(16)));
});
