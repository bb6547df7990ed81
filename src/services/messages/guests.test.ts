import assert from "node:assert/strict";
import { copyFile, cp } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { LIMITS } from "../../core/limits.ts";
import type { SpaceStore } from "../../space/contract.ts";
import { newIdentity, openTestStore, temporaryDirectory } from "../../space/test-kit.ts";
import type { GuestMessage, GuestMessages } from "./contract.ts";
import { encodeMessage } from "./envelope.ts";
import { createGuestMessages, type GuestStore } from "./guests.ts";

const ADDRESS = "192.0.2.7:51234";

async function openHome(t: TestContext) {
  const directory = await temporaryDirectory(t);
  const identity = newIdentity();
  const open = async (file = "space.db"): Promise<{ readonly store: SpaceStore; readonly guests: GuestMessages }> => {
    const store = await openTestStore(t, join(directory, file), identity);
    return { store, guests: createGuestMessages(store) };
  };
  return { directory, open, ...(await open()) };
}

const say = (guests: GuestMessages, guest: string, text: string): Promise<GuestMessage> =>
  guests.hear({ guest, address: ADDRESS, text });
const textsOf = (messages: readonly GuestMessage[]): readonly string[] => messages.map(({ text }) => text);
const idsOf = (messages: readonly GuestMessage[]): readonly string[] => messages.map(({ id }) => id);

/** Counts what is read of the store. */
function counted(store: SpaceStore): { readonly store: GuestStore; readonly calls: { list: number; states: number } } {
  const calls = { list: 0, states: 0 };
  const list: SpaceStore["list"] = async (...args) => {
    const page = await store.list(...args);
    calls.list++;
    calls.states += page.length;
    return page;
  };
  const { author, incarnation, self, write, get, putLocal, getLocal } = store;
  return { calls, store: { author, incarnation, self, write, get, putLocal, getLocal, list } };
}

test("what guests wrote is listed, of all or of one, and is the same after a restart", async (t) => {
  const { open, store, guests } = await openHome(t);
  assert.deepEqual([await guests.newGuest(), await guests.newGuest()], ["guest-1", "guest-2"]);
  const heard = await say(guests, "guest-1", "hello");
  assert.deepEqual({ ...heard, id: "", sentAtMs: 0 }, { id: "", guest: "guest-1", address: ADDRESS, text: "hello", sentAtMs: 0 });
  await say(guests, "guest-2", "is somebody there?\0\n");
  await say(guests, "guest-1", "e\u0301");
  const look = async (now: GuestMessages): Promise<void> => {
    assert.deepEqual(textsOf(await now.list()), ["hello", "is somebody there?\0\n", "e\u0301"]);
    assert.deepEqual((await now.list())[0], heard);
    assert.deepEqual(textsOf(await now.list({ limit: 2 })), ["is somebody there?\0\n", "e\u0301"]);
    assert.deepEqual(textsOf(await now.list({ guest: "guest-1" })), ["hello", "e\u0301"]);
    assert.deepEqual(textsOf(await now.list({ guest: "guest-1", limit: 1 })), ["e\u0301"]);
    assert.deepEqual(await now.list({ guest: "guest-3" }), []);
    assert.equal(await now.countUnread(), 3);
  };
  await look(guests);
  await store.close();
  const again = await open();
  await look(again.guests);
  assert.equal(await again.guests.newGuest(), "guest-3");
});

test("what is no message, or too much, is refused and not kept", async (t) => {
  const { guests } = await openHome(t);
  const guest = await guests.newGuest();
  await assert.rejects(say(guests, guest, ""), { code: "bad-argument" });
  await assert.rejects(say(guests, guest, "half \ud83d"), { code: "bad-argument" });
  await assert.rejects(say(guests, guest, "x".repeat(LIMITS.messageBytes + 1)), { code: "limit" });
  for (const limit of [0, 1.5, LIMITS.messagePage + 1]) await assert.rejects(guests.list({ limit }), { code: "bad-argument" });
  const most = "é".repeat(LIMITS.messageBytes / 2);
  await guests.hear({ guest, address: "[2001:0db8:1111:2222:3333:4444:5555:6666]:65535", text: most });
  assert.deepEqual(textsOf(await guests.list()), [most]);
});

test("names are given once, however many ask together", async (t) => {
  const { guests } = await openHome(t);
  const names = await Promise.all(Array.from({ length: 200 }, () => guests.newGuest()));
  assert.deepEqual(names.toSorted(), Array.from({ length: 200 }, (_, i) => `guest-${i + 1}`).toSorted());
});

test("a name whose record could not be written was not given; the next ones are", async (t) => {
  const { store, open } = await openHome(t);
  let full = true;
  const putLocal: SpaceStore["putLocal"] = (...args) =>
    full ? Promise.reject(new Error("the disk is full")) : store.putLocal(...args);
  const getLocal: SpaceStore["getLocal"] = (...args) =>
    full ? Promise.reject(new Error("the disk is broken")) : store.getLocal(...args);
  const guests = createGuestMessages({ ...counted(store).store, putLocal, getLocal });
  await assert.rejects(guests.newGuest(), /broken/);
  full = false;
  const first = await guests.newGuest();
  full = true;
  await assert.rejects(guests.newGuest(), /full/);
  full = false;
  const second = await guests.newGuest();
  assert.notEqual(first, second);
  await store.close();
  const third = await (await open()).guests.newGuest();
  assert.equal(new Set([first, second, third]).size, 3);
});

test("what was shown is read, in whatever order, and nothing else", async (t) => {
  const { open, store, guests } = await openHome(t);
  const guest = await guests.newGuest();
  const ids: string[] = [];
  for (const text of ["one", "two", "three", "four", "five"]) ids.push((await say(guests, guest, text)).id);
  await guests.markRead([ids[3]!, "an id of nothing"]);
  assert.deepEqual(textsOf(await guests.unread()), ["one", "two", "three", "five"]);
  await Promise.all([guests.markRead([ids[0]!]), guests.markRead([ids[4]!]), guests.markRead([])]);
  assert.deepEqual(textsOf(await guests.unread()), ["two", "three"]);
  assert.equal(await guests.countUnread(), 2);
  await store.close();
  const again = await open();
  assert.deepEqual(textsOf(await again.guests.unread()), ["two", "three"]);
  await again.guests.markRead(ids);
  assert.deepEqual([await again.guests.unread(), await again.guests.countUnread()], [[], 0]);
  assert.equal((await again.guests.list()).length, 5);
});

test("what nobody reads is not heard for ever", async (t) => {
  const { store, guests } = await openHome(t);
  const first = await say(guests, await guests.newGuest(), "first");
  const value = encodeMessage("one of many", { guest: "guest-1", address: ADDRESS });
  for (let left = LIMITS.guestUnread - 2; left > 0; left -= 1000)
    await store.write(
      await store.self(),
      Array.from({ length: Math.min(left, 1000) }, () => ({ append: "msg" as const, value })),
    );
  const again = createGuestMessages(store);
  await say(again, "guest-1", "last");
  await assert.rejects(say(again, "guest-1", "too many"), { code: "limit", message: /10000 messages of guests wait/ });
  await assert.rejects(again.newGuest(), { code: "limit" });
  await again.markRead([first.id]);
  await say(again, "guest-1", "one more");
  await assert.rejects(say(again, "guest-1", "too many"), { code: "limit" });
});

test("what is asked for costs what it is, not the history", async (t) => {
  const { store } = await openHome(t);
  const { store: watched, calls } = counted(store);
  const guests = createGuestMessages(watched);
  const early = await guests.newGuest();
  const many = 4000;
  const value = (guest: string, text: string) => ({
    append: "msg" as const,
    value: encodeMessage(text, { guest, address: ADDRESS }),
  });
  await store.write(
    await store.self(),
    Array.from({ length: many }, (_, i) => value(early, `${i}`)),
  );
  const cost = async <T>(work: () => Promise<T>): Promise<readonly [T, number]> => {
    calls.states = 0;
    const result = await work();
    return [result, calls.states];
  };
  const late = await guests.newGuest();
  const last = await say(guests, late, "last");
  assert.equal(await guests.countUnread(), many + 1);

  for (const work of [() => guests.list({ guest: late }), () => guests.list({ limit: 1 }), () => guests.countUnread()])
    assert.ok((await cost<unknown>(work))[1] < 300);
  // The newest is marked without a look at all that is unread before it.
  assert.ok((await cost(() => guests.markRead([last.id])))[1] < LIMITS.messagePage + 600);
  assert.equal(await guests.countUnread(), many);

  for (let left = many; left > 0; left -= LIMITS.messagePage) {
    const [unread, read] = await cost(() => guests.unread());
    assert.deepEqual([unread[0]!.text, unread.length], [`${many - left}`, LIMITS.messagePage]);
    assert.ok(read < LIMITS.messagePage + 600);
    await guests.markRead(idsOf(unread));
  }
  const [none, read] = await cost(() => guests.unread());
  assert.deepEqual([none, await guests.countUnread()], [[], 0]);
  assert.ok(read < 300);
});

test("what another version wrote, or nobody of the gateway, is passed over and does not count once others were read", async (t) => {
  const { store, guests } = await openHome(t);
  const guest = await guests.newGuest();
  const space = await store.self();
  const before = await say(guests, guest, "before");
  await store.write(space, [
    { append: "msg", value: Buffer.from("from the future") },
    { append: "msg", value: encodeMessage("to myself") },
  ]);
  const after = await say(guests, guest, "after");
  assert.deepEqual(textsOf(await guests.unread()), ["before", "after"]);
  await guests.markRead([before.id, after.id]);
  assert.equal(await guests.countUnread(), 0);
});

test("a copy of a home that goes on beside it, and one that was put back, lose nothing and give no name again", async (t) => {
  const { open, store, guests, directory } = await openHome(t);
  const guest = await guests.newGuest();
  const [read] = [await say(guests, guest, "read"), await say(guests, guest, "unread")];
  await guests.markRead([read.id]);
  await store.close();
  await cp(join(directory, "space.db"), join(directory, "copy.db"));
  const first = await open();
  const copy = await open("copy.db");
  assert.notEqual(first.store.incarnation(), copy.store.incarnation());
  const names = new Set([guest]);
  for (const { guests: there } of [first, copy, first, copy]) {
    const name = await there.newGuest();
    names.add(name);
    await say(there, name, `from ${name}`);
    assert.deepEqual(textsOf(await there.list({ guest: name })), [`from ${name}`]);
    assert.deepEqual(textsOf(await there.list({ guest })), ["read", "unread"]);
  }
  assert.equal(names.size, 5);
  assert.deepEqual([...names].slice(0, 2), ["guest-1", "guest-2"]);
  for (const { guests: there } of [first, copy]) {
    assert.equal(await there.countUnread(), 3);
    assert.equal((await there.unread())[0]!.text, "unread");
  }
  await copy.store.close();
  await copyFile(join(directory, "copy.db"), join(directory, "restored.db"));
  const restored = await open("restored.db");
  names.add(await restored.guests.newGuest());
  assert.equal(names.size, 6);
  assert.equal((await restored.guests.list()).length, 4);
});
