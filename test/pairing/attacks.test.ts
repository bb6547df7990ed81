import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import type { Cbor } from "../../src/core/cbor.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { proofOf, REDEEM } from "../../src/services/pairing/protocol.ts";
import { decodeTicket, encodeTicket, ticketId } from "../../src/services/pairing/ticket.ts";
import type { Session } from "../../src/session/contract.ts";
import { type PairingPeer, pairingPeers, secretsOf } from "./peers.ts";

const signal = new AbortController().signal;

/** What `joiner` would send over this session, rightly. */
function redemption(text: string, session: Session, inviter: PairingPeer, joiner: PairingPeer): Record<string, Cbor> {
  const { secret } = decodeTicket(text);
  const keys = { inviter: inviter.identity.publicKey, joiner: joiner.identity.publicKey };
  return {
    ticket: ticketId(secret),
    proof: proofOf("joiner", secret, session, keys),
    name: "x",
    addresses: [],
    atMs: Date.now(),
  };
}

const dial = (from: PairingPeer, to: PairingPeer): Promise<Session> =>
  from.sessions.dial(to.identity.peerId, to.sessions.addresses(), signal);

test("with no ticket open, a stranger does not get a word; with one, it gets to pairing and to nothing else", async (t) => {
  const open = pairingPeers(t);
  const [anna, mallory] = [await open({ name: "anna" }), await open({ name: "mallory" })];
  anna.sessions.handle("secrets", async () => "the family silver");
  await assert.rejects(dial(mallory, anna), { code: "not-paired" });
  await anna.pairing.invite();
  const session = await dial(mallory, anna);
  await assert.rejects(session.request("secrets", null), { code: "not-paired" });
  const guess = { ticket: randomBytes(8), proof: randomBytes(32), name: "mallory", addresses: [], atMs: 0 };
  for (let i = 0; i < 20; i++) {
    await assert.rejects(session.request(REDEEM, { ...guess, ticket: randomBytes(8) }), {
      code: "ticket-invalid",
      message: /does not know it/,
    });
  }
  await session.close();
  assert.equal(anna.pairing.welcomesStrangers(), true);
  assert.deepEqual([anna.book.list(), anna.pairing.warnings()], [[], []]);
});

test("a used ticket is refused to every other key, and both the log and the user hear of it", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert, mallory] = [await open({ name: "anna" }), await open({ name: "bert" }), await open({ name: "mallory" })];
  const { ticket } = await anna.pairing.invite();
  await bert.pairing.join(ticket, { signal });
  for (let i = 0; i < 3; i++) {
    await assert.rejects(mallory.pairing.join(ticket, { signal }), { code: "ticket-invalid", message: /used by another device/ });
  }
  assert.deepEqual(
    anna.book.list().map(({ name }) => name),
    ["bert"],
  );
  assert.deepEqual(mallory.book.list(), []);
  const [warning] = anna.pairing.warnings();
  assert.ok(warning?.includes(mallory.identity.peerId.slice(0, 8)) && warning.includes("covey peer rm bert"), warning);
  assert.deepEqual(anna.warned, [warning]);
  await bert.pairing.join(ticket, { signal });
});

test("of many keys at once, one gets the ticket", async (t) => {
  const open = pairingPeers(t);
  const anna = await open({ name: "anna" });
  const others = await Promise.all(
    Array.from({ length: LIMITS.strangerSessionsPerAddress }, (_, i) => open({ name: `other${i}` })),
  );
  const { ticket, id } = await anna.pairing.invite();
  const results = await Promise.allSettled(others.map((other) => other.pairing.join(ticket, { signal })));
  const winners = others.filter((_, i) => results[i]!.status === "fulfilled");
  assert.equal(winners.length, 1);
  assert.equal((await anna.pairing.paired(id, signal)).peerId, winners[0]!.identity.peerId);
  assert.deepEqual(
    anna.book.list().map(({ peerId }) => peerId),
    [winners[0]!.identity.peerId],
  );
  for (const other of others) assert.equal(other.book.list().length, other === winners[0] ? 1 : 0);
  assert.equal(anna.pairing.warnings().length, others.length - 1);
});

test("who was removed stays out, however often it comes back with the ticket that it used", async (t) => {
  const open = pairingPeers(t);
  const [anna, mallory] = [await open({ name: "anna" }), await open({ name: "mallory" })];
  const { ticket } = await anna.pairing.invite();
  await mallory.pairing.join(ticket, { signal });
  let removed = false;
  const hammer = async (): Promise<void> => {
    for (let after = 0; after < 3; after += removed ? 1 : 0) {
      await mallory.pairing.join(ticket, { signal }).catch(() => undefined);
    }
  };
  const hammering = [hammer(), hammer(), hammer()];
  await sleep(30);
  await anna.book.remove(mallory.identity.peerId);
  removed = true;
  await Promise.all(hammering);
  assert.deepEqual(anna.book.list(), []);
  await assert.rejects(mallory.pairing.join(ticket, { signal }), { code: "not-paired", message: /removed/ });
  // A new ticket is a new decision.
  await mallory.pairing.join((await anna.pairing.invite()).ticket, { signal });
  assert.equal(anna.book.list().length, 1);
});

test("wrong secrets are refused, and after too many the ticket is void", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert, mallory] = [await open({ name: "anna" }), await open({ name: "bert" }), await open({ name: "mallory" })];
  const { ticket, id } = await anna.pairing.invite();
  const ended = assert.rejects(anna.pairing.paired(id, signal), { code: "ticket-invalid", message: /wrong attempts/ });
  const session = await dial(mallory, anna);
  const right = redemption(ticket, session, anna, mallory);
  for (let i = 0; i < LIMITS.ticketGuesses; i++) {
    await assert.rejects(session.request(REDEEM, { ...right, proof: randomBytes(32) }), {
      code: "ticket-invalid",
      message: /secret/,
    });
  }
  await ended;
  await assert.rejects(session.request(REDEEM, right), { code: "ticket-invalid" });
  await session.close();
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "ticket-invalid" });
  assert.deepEqual([anna.book.list(), bert.book.list()], [[], []]);
  assert.match(anna.pairing.warnings().join(), /void/);
});

test("a ticket with another secret is of no use", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  const { ticket } = await anna.pairing.invite();
  const forged = encodeTicket({ ...decodeTicket(ticket), secret: randomBytes(16) });
  await assert.rejects(bert.pairing.join(forged, { signal }), { code: "ticket-invalid" });
  await bert.pairing.join(ticket, { signal });
});

test("a proof is worthless in another session, for another key, and in the other role", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert, mallory] = [await open({ name: "anna" }), await open({ name: "bert" }), await open({ name: "mallory" })];
  const { ticket } = await anna.pairing.invite();
  const [one, two, other] = [await dial(bert, anna), await dial(bert, anna), await dial(mallory, anna)];
  const right = redemption(ticket, one, anna, bert);
  const { secret } = decodeTicket(ticket);
  const keys = { inviter: anna.identity.publicKey, joiner: bert.identity.publicKey };
  await assert.rejects(two.request(REDEEM, right), { code: "ticket-invalid" });
  await assert.rejects(other.request(REDEEM, right), { code: "ticket-invalid" });
  await assert.rejects(one.request(REDEEM, { ...right, proof: proofOf("inviter", secret, one, keys) }), {
    code: "ticket-invalid",
  });
  await one.request(REDEEM, right);
  assert.deepEqual(
    anna.book.list().map(({ peerId }) => peerId),
    [bert.identity.peerId],
  );
});

test("somebody else at the ticket's address learns nothing and is not paired with", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert, mallory] = [
    await open({ name: "anna" }),
    await open({ name: "bert" }),
    await open({ name: "mallory", honest: false }),
  ];
  let asked = 0;
  mallory.sessions.handle(REDEEM, async () => void asked++, { strangers: true });
  const { ticket } = await anna.pairing.invite();
  const diverted = encodeTicket({ ...decodeTicket(ticket), addresses: mallory.sessions.addresses() });
  await assert.rejects(bert.pairing.join(diverted, { signal }), { code: "unreachable" });
  assert.equal(asked, 0);
  const both = encodeTicket({
    ...decodeTicket(ticket),
    addresses: [...mallory.sessions.addresses(), ...anna.sessions.addresses()],
  });
  assert.equal((await bert.pairing.join(both, { signal })).peerId, anna.identity.peerId);
  assert.deepEqual(mallory.book.list(), []);
});

test("what the joiner says is parsed: wrong types, sizes and floods are refused and change nothing", async (t) => {
  const open = pairingPeers(t);
  const [anna, mallory] = [await open({ name: "anna" }), await open({ name: "mallory" })];
  const { ticket } = await anna.pairing.invite();
  const session = await dial(mallory, anna);
  const right = redemption(ticket, session, anna, mallory);
  const wrong: readonly Cbor[] = [
    null,
    [],
    "x",
    {},
    { ...right, ticket: undefined },
    { ...right, ticket: "abcdefgh" },
    { ...right, ticket: randomBytes(7) },
    { ...right, ticket: randomBytes(100_000) },
    { ...right, proof: randomBytes(31) },
    { ...right, proof: [...randomBytes(32)] },
    { ...right, name: 7 },
    { ...right, name: null },
    { ...right, name: "x".repeat(1_000_000) },
    { ...right, addresses: "tcp://192.0.2.1:1" },
    { ...right, addresses: [7] },
    { ...right, addresses: ["x".repeat(LIMITS.addressBytes + 1)] },
    { ...right, addresses: Array.from({ length: 10_000 }, (_, i) => `tcp://127.0.0.1:${i + 1}`) },
    { ...right, atMs: -1 },
    { ...right, atMs: 0.5 },
    { ...right, atMs: 2 ** 53 - 1 },
    { ...right, atMs: "now" },
  ];
  for (const [at, args] of wrong.entries()) {
    await assert.rejects(session.request(REDEEM, args), { code: "protocol" }, String(at));
  }
  assert.deepEqual([anna.book.list(), anna.pairing.welcomesStrangers()], [[], true]);

  const odd = {
    ...right,
    name: "\u001b[31mroot\u202e:/..",
    addresses: ["tcp://0.0.0.0:1", "tcp://host:22", "http://192.0.2.1/", "tcp://192.0.2.9:4747", "\u001b[2J"],
    unknown: "field",
  };
  await session.request(REDEEM, odd);
  const { name, addresses, mine } = anna.book.byId(mallory.identity.peerId)!;
  assert.deepEqual([name, mine], ["31mroot", false]);
  assert.deepEqual(
    addresses.filter((address) => address.startsWith("tcp://") && !address.includes("127.0.0.1")),
    ["tcp://192.0.2.9:4747"],
  );
});

test("what the inviter answers is checked: without its proof there is no pairing", async (t) => {
  const open = pairingPeers(t);
  const [mallory, bert] = [await open({ name: "mallory", honest: false }), await open({ name: "bert" })];
  let answer: (right: { proof: Uint8Array; name: string; addresses: string[]; atMs: number }) => Cbor = (right) => right;
  const secret = randomBytes(16);
  mallory.sessions.handle(
    REDEEM,
    async ({ session, args }) => {
      const keys = { inviter: mallory.identity.publicKey, joiner: session.peerKey };
      const { atMs } = args as { atMs: number };
      return answer({ proof: proofOf("inviter", secret, session, keys), name: "m", addresses: [], atMs });
    },
    { strangers: true },
  );
  const addresses = mallory.sessions.addresses();
  const ticket = encodeTicket({ peerId: mallory.identity.peerId, secret, expiresAtMs: Date.now() + 60_000, addresses });
  const wrong: readonly ((right: { proof: Uint8Array; name: string; addresses: string[]; atMs: number }) => Cbor)[] = [
    () => null,
    (right) => ({ ...right, proof: randomBytes(32) }),
    (right) => ({ ...right, proof: new Uint8Array(0) }),
    (right) => ({ ...right, name: "x".repeat(65) }),
    (right) => ({ ...right, addresses: Array.from({ length: 17 }, () => "tcp://192.0.2.1:1") }),
    (right) => ({ ...right, atMs: right.atMs - 1 }),
    (right) => ({ ...right, atMs: 2 ** 50 }),
  ];
  for (answer of wrong) await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "protocol" });
  assert.deepEqual(bert.book.list(), []);
  answer = (right) => right;
  await bert.pairing.join(ticket, { signal });
  assert.equal(secretsOf(bert, mallory)[0]?.length, 64);
});

test("nothing of a ticket but its id is in the log, and nothing of it in what the book keeps", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert, mallory] = [await open({ name: "anna" }), await open({ name: "bert" }), await open({ name: "mallory" })];
  const { ticket } = await anna.pairing.invite();
  await bert.pairing.join(ticket, { signal });
  await assert.rejects(mallory.pairing.join(ticket, { signal }), { code: "ticket-invalid" });
  const { secret } = decodeTicket(ticket);
  const traces = [...anna.warned, ...anna.pairing.warnings(), JSON.stringify(anna.book.list()), ...secretsOf(anna, bert)].join();
  for (const text of [ticket, secret.toString("hex"), secret.toString("base64")]) assert.ok(!traces.includes(text));
});
