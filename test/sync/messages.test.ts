import assert from "node:assert/strict";
import { test } from "node:test";

import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { Message, MessageEvent } from "../../src/services/messages/contract.ts";
import { encodeMessage } from "../../src/services/messages/envelope.ts";
import type { Cursor } from "../../src/space/contract.ts";
import { pathOf } from "../../src/space/path.ts";
import { eventually, inSync, openLab, pair, type TestPeer } from "./peers.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof CoveyError && error.code === code;
const textsOf = (messages: readonly Message[]): readonly string[] => messages.map(({ text }) => text);

const texts = async (at: TestPeer, from: TestPeer, count: number): Promise<readonly string[]> =>
  eventually(`${count} messages`, async () => {
    const list = await at.messages.list(from.id, { limit: 1000 });
    return list.length >= count && textsOf(list);
  });

/** The events behind the cursor, until one of them satisfies. */
async function eventsUntil(
  peer: TestPeer,
  other: TestPeer,
  after: Cursor | undefined,
  enough: (event: MessageEvent) => boolean,
): Promise<readonly MessageEvent[]> {
  const stop = new AbortController();
  const deadline = setTimeout(() => stop.abort(new Error("these events never came")), 30_000);
  const events: MessageEvent[] = [];
  try {
    for await (const event of peer.messages.watch(other.id, { ...(after === undefined ? {} : { after }), signal: stop.signal })) {
      events.push(event);
      if (enough(event)) break;
    }
  } finally {
    clearTimeout(deadline);
  }
  return events;
}

test("messages go both ways, are marked delivered, and read once they were seen", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  const sent = await a.messages.send(b.id, "lunch?");
  assert.equal(sent.state, "queued");
  const [got] = await eventually("the message", async () => {
    const list = await b.messages.unread(a.id);
    return list.length > 0 && list;
  });
  assert.deepEqual({ ...got }, { ...sent, with: a.id, state: "delivered" });
  await eventually("delivered", async () => (await a.messages.list(b.id))[0]?.state === "delivered");
  await b.messages.markRead(a.id);
  assert.deepEqual(await b.messages.unread(a.id), []);
  assert.equal((await b.messages.list(a.id))[0]?.state, "read");
  await eventually("read", async () => (await a.messages.list(b.id))[0]?.state === "read");
  await b.messages.send(a.id, "at noon");
  assert.deepEqual(await texts(a, b, 2), ["lunch?", "at noon"]);
});

test("a message to a peer that is away waits, and arrives once when it is back", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  await inSync(a, b);
  await b.close();
  const sent = await a.messages.send(b.id, "I am late");
  assert.equal((await a.messages.list(b.id))[0]?.state, "queued");
  assert.equal(await a.replication.waiting(b.id), 1);
  const again = await lab.open("b");
  assert.deepEqual(await texts(again, a, 1), ["I am late"]);
  await eventually("delivered", async () => (await a.messages.list(b.id))[0]?.state === "delivered");
  assert.deepEqual(
    (await again.messages.unread(a.id)).map(({ id }) => id),
    [sent.id],
  );
  await inSync(a, again);
  assert.equal(await a.replication.waiting(b.id), 0);
});

test("any text arrives as it was, up to the limit; what is no text, or too much, is refused", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  const kept = [
    "e\u0301 is not \u00e9",
    "\u202eright to left\u202c \u200d 👩‍👩‍👧 \u{10ffff}",
    "\u001b[31mred\u001b[0m\r\n\t\u0000\u0007",
    "a".repeat(LIMITS.messageBytes),
    "é".repeat(LIMITS.messageBytes / 2),
  ];
  for (const text of kept) await a.messages.send(b.id, text);
  assert.deepEqual(await texts(b, a, kept.length), kept);
  await assert.rejects(a.messages.send(b.id, "a".repeat(LIMITS.messageBytes + 1)), hasCode("limit"));
  await assert.rejects(a.messages.send(b.id, "é".repeat(LIMITS.messageBytes / 2) + "a"), hasCode("limit"));
  await assert.rejects(a.messages.send(b.id, ""), hasCode("bad-argument"));
  await assert.rejects(a.messages.send(b.id, "half \ud83d"), hasCode("bad-argument"));
  await assert.rejects(a.messages.send(a.id, "me"), hasCode("not-paired"));
  await assert.rejects(a.messages.list(b.id, { limit: LIMITS.messagePage + 1 }), hasCode("bad-argument"));
  assert.equal((await a.messages.list(b.id)).length, kept.length);
});

test("both sides list a conversation in the same order, and the newest of it", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  for (let i = 0; i < 40; i++) await Promise.all([a.messages.send(b.id, `a ${i}`), b.messages.send(a.id, `b ${i}`)]);
  await inSync(a, b);
  const all = await texts(a, b, 80);
  assert.deepEqual(await texts(b, a, 80), all);
  for (const name of ["a", "b"]) {
    const own = all.filter((text) => text.startsWith(name));
    assert.deepEqual(
      own,
      Array.from({ length: 40 }, (_, i) => `${name} ${i}`),
    );
  }
  assert.deepEqual(textsOf(await b.messages.list(a.id, { limit: 7 })), all.slice(-7));
  assert.equal((await b.messages.list(a.id)).length, 80);
});

test("the watermark stays before a message that is missing, and passes when it comes", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b", { replicates: false });
  const space = await pair(a, b);
  for (const text of ["one", "two", "three"]) await a.messages.send(b.id, text);
  const { entries, to } = await a.store.outgoing(space, b.id, 0);
  const store = a.store.storeId();
  const give = (...which: number[]) =>
    b.store.incoming(space, a.id, { store, from: to, to, entries: which.map((i) => entries[i]!) });
  await give(0, 2);
  assert.deepEqual(textsOf(await b.messages.unread(a.id)), ["one", "three"]);
  await b.messages.markRead(a.id);
  // The third may be on the screen, but calling it read would hide the second one when it comes.
  assert.deepEqual(textsOf(await b.messages.unread(a.id)), ["three"]);
  await give(1);
  assert.deepEqual(textsOf(await b.messages.unread(a.id)), ["two", "three"]);
  await b.messages.markRead(a.id);
  assert.deepEqual(await b.messages.unread(a.id), []);
});

test("a watch tells what happens, and resumes behind any event with nothing missed or told twice", async () => {
  await using lab = await openLab();
  let a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  const start = await b.store.now(await b.store.direct(a.id));
  const sent: string[] = [];
  for (let i = 0; i < 10; i++) sent.push((await a.messages.send(b.id, `m ${i}`)).id);
  const isLast = (event: MessageEvent): boolean => event.type === "message" && event.message.id === sent.at(-1);
  const told = await eventsUntil(b, a, start, isLast);
  const idsIn = (events: readonly MessageEvent[]): readonly string[] =>
    events.flatMap((event) => (event.type === "message" ? [event.message.id] : []));
  assert.deepEqual(idsIn(told), sent);
  for (const [i, event] of told.entries()) {
    if (i === told.length - 1) break;
    const rest = await eventsUntil(b, a, event.cursor, isLast);
    assert.deepEqual(idsIn(rest), idsIn(told.slice(i + 1)), `behind event ${i}`);
  }
  // The sender hears of each message's way.
  const own = await a.store.now(await a.store.direct(b.id));
  await b.messages.markRead(a.id);
  const read = await eventsUntil(
    a,
    b,
    own,
    (event) => event.type === "state" && event.id === sent.at(-1) && event.state === "read",
  );
  assert.deepEqual(
    read.flatMap((event) => (event.type === "state" && event.state === "read" ? [event.id] : [])),
    sent,
  );
  // Across a restart, the cursor still holds.
  await a.close();
  a = await lab.open("a");
  await b.messages.send(a.id, "after the restart");
  const behind = await eventsUntil(a, b, read.at(-1)!.cursor, (event) => event.type === "message");
  assert.deepEqual(
    behind.map((event) => (event.type === "message" ? event.message.text : event.type)),
    ["after the restart"],
  );
});

test("a live watch tells each state of each message once", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  const ids = new Map<string, string[]>();
  const watching = eventsUntil(a, b, undefined, (event) => {
    if (event.type === "message") ids.set(event.message.id, [event.message.state]);
    if (event.type === "state") ids.get(event.id)!.push(event.state);
    return ids.size === 5 && [...ids.values()].every((states) => states.at(-1) === "read");
  });
  await a.messages.list(b.id);
  for (let i = 0; i < 5; i++) {
    await a.messages.send(b.id, `m ${i}`);
    await eventually("delivered", async () => (await a.messages.list(b.id)).at(-1)?.state === "delivered");
    await b.messages.markRead(a.id);
  }
  await watching;
  for (const states of ids.values()) {
    assert.deepEqual(states, ["queued", "delivered", "read"].slice(3 - states.length), "in order, none twice");
  }
});

test("a cursor of another store brings a reset, and then everything", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  await a.messages.send(b.id, "one");
  const foreign: Cursor = { store: b.store.storeId(), seq: 1 };
  const events = await eventsUntil(a, b, foreign, (event) => event.type === "message");
  assert.deepEqual(
    events.map(({ type }) => type),
    ["reset", "message"],
  );
});

test("watching ends with the signal's reason, or when the peer closes", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  await pair(a, b);
  const stop = new AbortController();
  const reason = new Error("enough");
  const next = a.messages.watch(b.id, { signal: stop.signal })[Symbol.asyncIterator]().next();
  stop.abort(reason);
  await assert.rejects(next, (error) => error === reason);
  const other = a.messages.watch(b.id, { signal: new AbortController().signal })[Symbol.asyncIterator]().next();
  const closed = assert.rejects(other, hasCode("closed"));
  await eventually("the watch stands", () => true);
  await a.close();
  await closed;
});

test("what a peer writes badly, or in this one's place, is not shown and stops nothing", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  const good = encodeMessage("good");
  const lane = b.store.incarnation();
  await b.store.write(space, [
    { append: "msg", value: Buffer.from("not CBOR") },
    { append: "msg", value: Buffer.from("a1617601", "hex") },
    { append: "msg", value: Buffer.alloc(LIMITS.inlineValueBytes) },
    { append: "msg", value: good },
    // In a's name, in places that are none, with marks that say everything and nothing.
    { path: pathOf("msg", a.id, a.store.incarnation(), "000000000001"), value: good },
    { path: pathOf("msg", a.id, "0".repeat(16), "000000000001"), value: good },
    { path: pathOf("msg", a.id, "!"), value: good },
    { path: pathOf("msg", b.id, lane, "1"), value: good },
    { path: pathOf("msg", b.id, lane, "000000000000"), value: good },
    { path: pathOf("msg", b.id, lane, "000000000009", "deeper"), value: good },
    { path: pathOf("msg", a.id, "mark"), value: Buffer.from("ff", "hex") },
    { path: pathOf("msg", "nobody", "x"), value: good },
  ]);
  await inSync(a, b);
  assert.deepEqual(textsOf(await a.messages.unread(b.id)), ["good"]);
  await a.messages.send(b.id, "hello");
  assert.deepEqual(textsOf(await a.messages.list(b.id)), ["good", "hello"]);
  await eventually("delivered", async () => (await a.messages.list(b.id)).at(-1)?.state === "delivered");
  await a.messages.markRead(b.id);
  assert.deepEqual(await a.messages.unread(b.id), []);
});
