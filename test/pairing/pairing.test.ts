import assert from "node:assert/strict";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { decodeTicket } from "../../src/services/pairing/ticket.ts";
import { pairingPeers, secretsOf } from "./peers.ts";

const signal = new AbortController().signal;

test("two peers meet by a ticket and know each other by key, under the names that their users chose", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "annas-pc" }), await open({ name: "berts-phone" })];
  const { id, ticket, expiresAtMs } = await anna.pairing.invite({ mine: true });
  assert.ok(Math.abs(expiresAtMs - Date.now() - LIMITS.ticketMs) < 60_000);
  const arrived = anna.pairing.paired(id, signal);

  const atBert = await bert.pairing.join(ticket, { as: "desk", signal });
  const atAnna = await arrived;
  const { pairedAtMs } = atAnna;
  const annas = { peerId: anna.identity.peerId, name: "desk", mine: false, addresses: anna.sessions.addresses(), pairedAtMs };
  const berts = {
    peerId: bert.identity.peerId,
    name: "berts-phone",
    mine: true,
    addresses: bert.sessions.addresses(),
    pairedAtMs,
  };
  assert.deepEqual([atBert, atAnna], [annas, berts]);
  assert.deepEqual(bert.book.find("desk"), annas);
  assert.deepEqual(anna.book.find("berts-phone"), berts);
  const [secret, same] = secretsOf(anna, bert);
  assert.match(secret!, /^[0-9a-f]{64}$/);
  assert.equal(secret, same);

  const [toBert, toAnna] = await Promise.all([
    anna.sessions.connect(bert.identity.peerId),
    bert.sessions.connect(anna.identity.peerId),
  ]);
  assert.ok(toBert.paired && toAnna.paired);
  assert.equal((await anna.pairing.paired(id, signal)).name, "berts-phone");
  assert.deepEqual([anna.pairing.warnings(), anna.warned, bert.warned], [[], [], []]);
});

test("pairing again keeps the name and the trust, renews the secret, and takes a new name when one is given", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  await bert.pairing.join((await anna.pairing.invite({ as: "phone", mine: true })).ticket, { signal });
  const [before] = secretsOf(anna, bert);
  const first = anna.book.byId(bert.identity.peerId)!;

  await bert.pairing.join((await anna.pairing.invite()).ticket, { signal });
  const [after, same] = secretsOf(anna, bert);
  assert.equal(after, same);
  assert.notEqual(after, before);
  const second = anna.book.byId(bert.identity.peerId)!;
  assert.deepEqual(second, { ...first, pairedAtMs: second.pairedAtMs });
  assert.ok(second.pairedAtMs > first.pairedAtMs);

  await anna.pairing.join((await bert.pairing.invite({ mine: true })).ticket, { as: "mobile", mine: false, signal });
  assert.deepEqual([anna.book.list().length, bert.book.list().length], [1, 1]);
  assert.deepEqual([anna.book.list()[0]!.name, anna.book.list()[0]!.mine, bert.book.list()[0]!.mine], ["mobile", false, true]);
  assert.equal(new Set(secretsOf(anna, bert)).size, 1);
});

test("the one who used a ticket may use it again, and nothing is added twice", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  const { id, ticket } = await anna.pairing.invite();
  await Promise.all([bert.pairing.join(ticket, { signal }), bert.pairing.join(ticket, { signal })]);
  await bert.pairing.join(ticket, { signal });
  anna.pairing.withdraw(id);
  await bert.pairing.join(ticket, { signal });
  assert.deepEqual([anna.book.list().length, bert.book.list().length], [1, 1]);
  assert.equal(new Set(secretsOf(anna, bert)).size, 1);
  assert.deepEqual(anna.pairing.warnings(), []);
});

test("both join each other at once, and agree on what came of it", async (t) => {
  const open = pairingPeers(t);
  // Both answers are on their way until both peers have answered: each keeps its own pairing first, and hears of the other one then.
  let crossed = Promise.withResolvers<void>();
  let travelling = 0;
  const answerTravels = (): Promise<void> => {
    if (++travelling === 2) crossed.resolve();
    return crossed.promise;
  };
  for (const skewMs of [0, 3_600_000]) {
    const [anna, bert] = [await open({ name: "anna", answerTravels }), await open({ name: "bert", answerTravels })];
    bert.skewClock(skewMs);
    for (let round = 0; round < 6; round++) {
      // At one moment, the order in time is none; in the last rounds both clocks stand still.
      if (round === 3) for (const peer of [anna, bert]) peer.stopClock(1_700_000_000_000);
      [crossed, travelling] = [Promise.withResolvers<void>(), 0];
      const [fromAnna, fromBert] = [await anna.pairing.invite(), await bert.pairing.invite()];
      await Promise.all([anna.pairing.join(fromBert.ticket, { signal }), bert.pairing.join(fromAnna.ticket, { signal })]);
      const [secret, same] = secretsOf(anna, bert);
      assert.ok(secret !== undefined && secret === same);
      assert.equal(anna.book.list()[0]!.pairedAtMs, bert.book.list()[0]!.pairedAtMs);
    }
    assert.deepEqual([anna.book.list().length, bert.book.list().length], [1, 1]);
  }
});

test("a wrong clock on either side keeps nobody from pairing", async (t) => {
  const open = pairingPeers(t);
  const anna = await open({ name: "anna" });
  for (const skewMs of [-3_600_000, 3_600_000, LIMITS.ticketMs + LIMITS.ticketSkewMs - 60_000]) {
    const bert = await open({ name: "bert" });
    bert.skewClock(skewMs);
    await bert.pairing.join((await anna.pairing.invite()).ticket, { signal });
    assert.equal(new Set(secretsOf(anna, bert)).size, 1);
  }
  assert.deepEqual(
    anna.book.list().map(({ name }) => name),
    ["bert", "bert-2", "bert-3"],
  );
});

test("an expired ticket is told to be expired, on both sides", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  // Nothing else keeps this process up while it waits for a ticket to expire.
  const awake = sleep(100);
  const brief = await anna.pairing.invite({ ttlMs: 30 });
  await assert.rejects(anna.pairing.paired(brief.id, signal), { code: "ticket-invalid", message: /expired/ });
  await assert.rejects(anna.pairing.paired(brief.id, signal), { code: "ticket-invalid" });
  assert.equal(anna.pairing.welcomesStrangers(), false);
  await awake;
  await assert.rejects(bert.pairing.join(brief.ticket, { signal }), { code: "ticket-invalid", message: /expired 1 min ago/ });

  // With another one open, the maker answers, and by its own clock.
  const { id, ticket } = await anna.pairing.invite();
  anna.skewClock(LIMITS.ticketMs);
  await anna.pairing.invite();
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "ticket-invalid", message: /does not know it/ });
  await assert.rejects(anna.pairing.paired(id, signal), { code: "ticket-invalid" });

  // Long after, nobody is dialled.
  await anna.sessions.close();
  bert.skewClock(3 * 86_400_000);
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "ticket-invalid", message: /expired 3 days ago/ });
  assert.deepEqual([anna.book.list(), bert.book.list()], [[], []]);
});

test("a withdrawn ticket, and one of a life before, are of no use", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  const { id, ticket } = await anna.pairing.invite();
  const waiting = assert.rejects(anna.pairing.paired(id, signal), { code: "ticket-invalid", message: /withdrawn/ });
  anna.pairing.withdraw(id);
  anna.pairing.withdraw(id);
  anna.pairing.withdraw("unknown");
  await waiting;
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "ticket-invalid", message: /waits for nobody/ });
  await anna.pairing.invite();
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "ticket-invalid", message: /does not know it/ });
  assert.deepEqual([anna.book.list(), bert.book.list()], [[], []]);
});

test("what can't succeed is refused before anybody is dialled", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert, carl] = [await open({ name: "anna" }), await open({ name: "bert" }), await open({ name: "carl" })];
  const { ticket } = await anna.pairing.invite();
  await assert.rejects(anna.pairing.join(ticket, { signal }), { code: "bad-argument", message: /made on this device/ });
  await assert.rejects(bert.pairing.join("covey1", { signal }), { code: "ticket-invalid" });
  await assert.rejects(bert.pairing.join(ticket, { as: "self", signal }), { code: "bad-argument" });
  await bert.pairing.join((await carl.pairing.invite()).ticket, { as: "desk", signal });
  await assert.rejects(bert.pairing.join(ticket, { as: "Desk", signal }), { code: "conflict", message: /desk/ });
  const reason = new Error("changed my mind");
  await assert.rejects(bert.pairing.join(ticket, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(anna.book.list().length, 0);
  assert.equal((await bert.pairing.join(ticket, { as: "Desk-2", signal })).name, "Desk-2");
});

test("what can't be offered is refused", async (t) => {
  const open = pairingPeers(t);
  const [anna, deaf] = [await open({ name: "anna" }), await open({ name: "deaf", listens: false })];
  await assert.rejects(anna.pairing.invite({ as: "a b" }), { code: "bad-argument" });
  for (const ttlMs of [0, -1, Number.NaN, LIMITS.ticketLongestMs + 1]) {
    await assert.rejects(anna.pairing.invite({ ttlMs }), { code: "bad-argument" });
  }
  await assert.rejects(deaf.pairing.invite(), { code: "unreachable" });
  const invitations = await Promise.all(Array.from({ length: LIMITS.openTickets }, () => anna.pairing.invite()));
  await assert.rejects(anna.pairing.invite(), { code: "limit" });
  await deaf.pairing.join(invitations[3]!.ticket, { signal });
  await anna.pairing.invite();
  await assert.rejects(anna.pairing.invite(), { code: "limit" });
  anna.pairing.withdraw(invitations[0]!.id);
  await anna.pairing.invite();
});

test("stopping ends every ticket", async (t) => {
  const anna = await pairingPeers(t)({ name: "anna" });
  const { id } = await anna.pairing.invite();
  const waiting = assert.rejects(anna.pairing.paired(id, signal), { code: "closed" });
  const given = new AbortController();
  const givenUp = assert.rejects(anna.pairing.paired(id, given.signal), { name: "AbortError" });
  given.abort();
  await givenUp;
  anna.pairing.close();
  await waiting;
  assert.equal(anna.pairing.welcomesStrangers(), false);
});

test("a device that nobody answers at is unreachable, and the ticket stays good", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  const { ticket } = await anna.pairing.invite();
  assert.deepEqual(decodeTicket(ticket).addresses, anna.sessions.addresses());
  await anna.sessions.close();
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "unreachable" });
});
