// What counts as unread, and what marking takes with it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeMessage } from "../../src/services/messages/envelope.ts";
import { eventually, inSync, openLab, pair, type TestPeer } from "./peers.ts";

const unreadAt = async (at: TestPeer, from: TestPeer): Promise<readonly string[]> =>
  (await at.messages.unread(from.id)).map(({ text }) => text);

const counted = (at: TestPeer, from: TestPeer, count: number): Promise<true | number> =>
  eventually(`${count} unread`, async () => (await at.messages.countUnread(from.id)) === count);

test("only what was shown is marked read, and nothing behind a message that was not", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  for (const text of ["one", "two", "three", "four"]) await b.messages.send(a.id, text);
  await counted(a, b, 4);
  const [one, two, three, four] = (await a.messages.unread(b.id)).map(({ id }) => id) as [string, string, string, string];

  await a.messages.markRead(b.id, [three, four]);
  assert.deepEqual(await unreadAt(a, b), ["one", "two", "three", "four"]);
  await a.messages.markRead(b.id, [one, three]);
  assert.deepEqual(await unreadAt(a, b), ["two", "three", "four"]);
  assert.equal(await a.messages.countUnread(b.id), 3);
  await a.messages.markRead(b.id, [two, three, "an id of nothing"]);
  assert.deepEqual(await unreadAt(a, b), ["four"]);
  await a.messages.markRead(b.id, []);
  assert.deepEqual(await unreadAt(a, b), ["four"]);
  await b.messages.send(a.id, "five");
  await counted(a, b, 2);
  await a.messages.markRead(b.id, [four]);
  assert.deepEqual(await unreadAt(a, b), ["five"]);
  await a.messages.markRead(b.id);
  assert.deepEqual(await unreadAt(a, b), []);
  assert.equal(await a.messages.countUnread(b.id), 0);
});

test("the count is right at once after a start, and beyond what a list holds", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  const value = encodeMessage("one of many");
  await b.store.write(
    space,
    Array.from({ length: 2500 }, () => ({ append: "msg" as const, value })),
  );
  await counted(a, b, 2500);
  const shown = (await a.messages.unread(b.id)).map(({ id }) => id);
  assert.equal(shown.length, 1000);
  await a.messages.markRead(b.id, shown);
  assert.equal(await a.messages.countUnread(b.id), 1500);
  await inSync(a, b);
  await a.close();
  const again = await lab.open("a");
  assert.equal(await again.messages.countUnread(b.id), 1500);
});

test("what can't be shown keeps nothing unread", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  await b.store.write(space, [{ append: "msg", value: Buffer.from("of a later version") }]);
  await b.messages.send(a.id, "shown");
  await counted(a, b, 2);
  await a.messages.markRead(
    b.id,
    (await a.messages.unread(b.id)).map(({ id }) => id),
  );
  assert.equal(await a.messages.countUnread(b.id), 0);
});
