import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import type { Incarnation, SpaceId, StoreId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { silentLog } from "../core/log.ts";
import type { WireEntry } from "./contract.ts";
import { contentOf, encodeEntry } from "./entry.ts";
import { hlcOf } from "./hlc.ts";
import { openSpaceStore } from "./open-store.ts";
import { pathOf } from "./path.ts";
import { forge, meet, newIdentity, openPair, openTestStore, push, setClock, type Side, shown, signAs, text } from "./test-kit.ts";

const x = pathOf("data", "x");
const write = (side: Side, space: SpaceId, key: string, value: string | undefined) =>
  side.store.write(space, [{ path: pathOf("data", key), value: value === undefined ? undefined : text(value) }]);
const valuesAt = async (side: Side, space: SpaceId, key: string): Promise<readonly (string | undefined)[] | undefined> =>
  (await side.store.get(space, pathOf("data", key)))?.versions.map(({ value }) => value && String(Buffer.from(value)));
/** A store of the neighbour that nothing is known of yet. */
const strange = "77".repeat(16) as StoreId;
const give = (from: Side, to: Side, space: SpaceId, entries: readonly WireEntry[], store = strange, start = 0) =>
  to.store.incoming(space, from.identity.peerId, { store, from: start, to: start + entries.length, entries });

test("concurrent writes are seen by both, one winner on both sides, and the next write settles it", async (t) => {
  const { a, b, space } = await openPair(t);
  await write(a, space, "x", "first");
  await meet(space, a, b);
  await write(a, space, "x", "from a");
  await write(b, space, "x", "from b");
  await write(b, space, "gone", "edited");
  await meet(space, a, b);
  await write(a, space, "gone", undefined);
  await write(b, space, "gone", "edited again");
  await meet(space, a, b);
  assert.equal((await valuesAt(a, space, "x"))!.length, 2);
  assert.deepEqual(await shown(a.store, space), await shown(b.store, space));
  assert.deepEqual(await valuesAt(a, space, "gone"), ["edited again", undefined], "an edit wins over a removal");
  await write(a, space, "x", "settled");
  await meet(space, a, b);
  assert.deepEqual(await valuesAt(b, space, "x"), ["settled"]);
  assert.deepEqual(await shown(a.store, space), await shown(b.store, space));
});

test("a cursor covers what was answered; nothing comes twice, and nothing goes back where it came from", async (t) => {
  const { a, b, space } = await openPair(t);
  for (let i = 0; i < 5; i++) await write(a, space, `${i}`, "x");
  await write(a, space, "0", "y");
  assert.deepEqual(await push(space, a, b), Array(5).fill("stored"));
  assert.deepEqual(await push(space, a, b), []);
  assert.equal(await a.store.waitingFor(space, b.identity.peerId), 0);
  await write(a, space, "5", "x");
  assert.equal(await a.store.waitingFor(space, b.identity.peerId), 1);
  assert.equal(await b.store.waitingFor(space, a.identity.peerId), 0);
  await write(b, space, "b", "own");
  const { seq } = await b.store.now(space);
  const back = await b.store.outgoing(space, a.identity.peerId, seq - 1);
  assert.equal(back.entries.length, 1);
});

test("a neighbour that holds less than it had acknowledged gets back what it told, too, until it is through", async (t) => {
  const { a, b, space } = await openPair(t);
  const [first] = await write(b, space, "own", "x");
  for (let i = 0; i < 5; i++) await write(a, space, `${i}`, "x");
  await push(space, a, b);
  const { seq: end } = await b.store.now(space);
  const from = (seq: number) => b.store.outgoing(space, a.identity.peerId, seq);
  assert.equal((await from(first!.seq)).entries.length, 0, "nothing goes back where it came from");
  await b.store.acknowledged(space, a.identity.peerId, end);
  assert.equal((await from(first!.seq)).entries.length, 5);
  assert.equal((await from(end - 2)).entries.length, 2, "also after a cut");
  assert.equal((await from(0)).entries.length, 6);
});

test("batches are bounded by entries and by bytes, and together they are everything", async (t) => {
  const { a, b, space } = await openPair(t);
  const many = Array.from({ length: 2500 }, (_, i) => ({ path: pathOf("data", `${i}`), value: text("x") }));
  await a.store.write(space, many);
  const large = Array.from({ length: 40 }, (_, i) => ({ path: pathOf("data", "large", `${i}`), value: Buffer.alloc(60_000, i) }));
  await a.store.write(space, large);
  const first = await a.store.outgoing(space, b.identity.peerId, 0);
  assert.deepEqual([first.entries.length, first.more], [LIMITS.batchEntries, true]);
  const last = await a.store.outgoing(space, b.identity.peerId, (await a.store.now(space)).seq - 40);
  const bytes = last.entries.reduce(
    (sum, { signed, signature, value }) => sum + signed.length + signature.length + value!.length,
    0,
  );
  assert.ok(bytes <= LIMITS.batchBytes && bytes > LIMITS.batchBytes - 61_000 && last.more);
  assert.deepEqual(new Set(await push(space, a, b)), new Set(["stored"]));
  assert.deepEqual(await shown(b.store, space), await shown(a.store, space));
});

test("nothing moves a cursor past a gap", async (t) => {
  const { a, b, space } = await openPair(t);
  const one = forge(space, a.identity, { path: pathOf("data", "1") });
  const two = forge(space, a.identity, { path: pathOf("data", "2") });
  assert.deepEqual((await give(a, b, space, [one], strange, 5)).cursor, { store: strange, seq: 0 });
  assert.deepEqual((await give(a, b, space, [two], strange, 0)).cursor, { store: strange, seq: 1 });
  assert.deepEqual(await give(a, b, space, [one], strange, 1), { verdicts: ["have"], cursor: { store: strange, seq: 2 } });
  assert.deepEqual(await b.store.cursorFor(space, a.identity.peerId), { store: strange, seq: 2 });
  const other = "88".repeat(16) as StoreId;
  assert.deepEqual((await give(a, b, space, [one], other, 2)).cursor, { store: other, seq: 0 }, "another store starts at 0");
});

test("what may not be accepted is refused, entry by entry, and the rest is stored", async (t) => {
  const { a, b, space, directory } = await openPair(t);
  const stranger = newIdentity();
  const good = forge(space, a.identity, {});
  const otherSpace = await b.store.self();
  const flipped = (bytes: Uint8Array): Buffer => {
    const copy = Buffer.from(bytes);
    copy[copy.length - 1]! ^= 1;
    return copy;
  };
  const bad: Record<string, WireEntry> = {
    "a forged signature": { ...good, signature: flipped(good.signature) },
    "a short signature": { ...good, signature: good.signature.subarray(1) },
    "changed bytes": { ...good, signed: flipped(good.signed) },
    "another value": { ...good, value: text("forgex") },
    "a longer value": { ...good, value: text("forged!") },
    "no value": { ...good, value: undefined },
    "a value too large": forge(space, a.identity, { value: Buffer.alloc(LIMITS.inlineValueBytes + 1) }),
    "a value with a removal": { ...forge(space, a.identity, { ...contentOf(undefined) }), value: text("x") },
    "an author who is no member": forge(space, stranger, {}),
    "signed by another than it says": forge(space, stranger, { author: a.identity.peerId }),
    "another space's entry": forge(otherSpace, a.identity, {}),
    "a grant": forge(space, a.identity, { grant: new Uint8Array(32) }),
    "a vector beyond its own clock": forge(space, a.identity, {
      clock: hlcOf(5, 0),
      vector: new Map([["22".repeat(16), hlcOf(5, 0)]]),
    }),
    "a huge vector": forge(space, a.identity, {
      vector: new Map(Array.from({ length: 9000 }, (_, i) => [i.toString(16).padStart(32, "0"), 1n])),
    }),
    "no bytes": { ...good, signed: new Uint8Array() },
    "endless bytes": { ...good, signed: Buffer.alloc(100_000, 2) },
  };
  const fine = forge(space, a.identity, { path: pathOf("data", "fine") });
  const { verdicts, cursor } = await give(a, b, space, [...Object.values(bad), fine]);
  const names = Object.keys(bad);
  assert.deepEqual(
    Object.fromEntries(names.map((name, i) => [name, verdicts[i]])),
    Object.fromEntries(names.map((name) => [name, "refused"])),
  );
  assert.equal(verdicts.at(-1), "stored");
  assert.equal(cursor.seq, names.length + 1);
  assert.equal((await b.store.list(space, pathOf())).length, 1);
  const outsider: Side = { store: await openTestStore(t, join(directory, "c.db"), stranger), identity: stranger };
  await assert.rejects(give(outsider, b, space, [good]), { code: "refused" });
  await assert.rejects(b.store.outgoing(space, stranger.peerId, 0), { code: "refused" });
  await assert.rejects(b.store.outgoing(await b.store.self(), a.identity.peerId, 0), { code: "refused" });
  await assert.rejects(give(a, b, space, Array<WireEntry>(LIMITS.pushEntries + 1).fill(good)), { code: "limit" });
});

test("the same entry a thousand times is stored once; a replaced one does not come back", async (t) => {
  const { a, b, space } = await openPair(t);
  await write(a, space, "x", "old");
  const old = await a.store.outgoing(space, b.identity.peerId, 0);
  await push(space, a, b);
  await write(b, space, "x", "new");
  const { verdicts } = await give(a, b, space, Array<WireEntry>(1000).fill(old.entries[0]!));
  assert.deepEqual(new Set(verdicts), new Set(["have"]));
  assert.deepEqual(await valuesAt(b, space, "x"), ["new"]);
  const twin = forge(space, a.identity, { path: pathOf("data", "twin") });
  assert.deepEqual((await give(a, b, space, [twin, twin])).verdicts, ["stored", "have"]);
});

test("two entries with the same dot are both kept, with the same winner on both sides", async (t) => {
  const { a, b, space } = await openPair(t);
  const one = forge(space, a.identity, { clock: hlcOf(1000, 0), value: text("one") });
  const other = forge(space, a.identity, { clock: hlcOf(1000, 0), value: text("other") });
  assert.deepEqual((await give(a, b, space, [one, other])).verdicts, ["stored", "stored"]);
  assert.deepEqual((await give(b, a, space, [other, one])).verdicts, ["stored", "stored"]);
  assert.deepEqual(await shown(a.store, space), await shown(b.store, space));
  assert.equal((await valuesAt(a, space, "x"))!.length, 2);
});

test("an entry from more than ten minutes ahead waits apart, moves no clock, and is stored when its time has come", async (t) => {
  const clock = setClock();
  const { a, b, space } = await openPair(t, { b: clock });
  const ahead = forge(space, a.identity, { clock: hlcOf(clock.ms + 3600_000, 0) });
  const { verdicts, cursor } = await give(a, b, space, [ahead]);
  assert.deepEqual([verdicts, cursor.seq], [["deferred"], 1]);
  assert.equal(await b.store.get(space, x), undefined);
  assert.equal((await b.store.outgoing(space, a.identity.peerId, 0)).entries.length, 0, "it is not passed on");
  assert.deepEqual(
    (await b.store.spaces()).map(({ deferred }) => deferred),
    [0, 1],
  );
  const [own] = await write(b, space, "own", "now");
  assert.equal(own!.clockMs, clock.ms);
  assert.deepEqual((await give(a, b, space, [ahead])).verdicts, ["deferred"], "it waits once only");
  assert.deepEqual((await b.store.spaces())[1]!.deferred, 1);
  const told = new Promise<void>((resolve) => {
    b.store.subscribe((changed) => changed === space && resolve());
  });
  clock.ms += 3600_000 - LIMITS.futureMs;
  await b.store.now(space);
  await told;
  assert.deepEqual(await valuesAt(b, space, "x"), ["forged"]);
  assert.deepEqual((await b.store.spaces())[1]!.deferred, 0);
});

test("a deferred entry is stored by itself, without anybody asking", async (t) => {
  const clock = setClock();
  const { a, b, space } = await openPair(t, { b: clock });
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const told = new Promise<void>((resolve) => {
    b.store.subscribe((changed) => changed === space && resolve());
  });
  const soon = forge(space, a.identity, { clock: hlcOf(clock.ms + LIMITS.futureMs + 50, 0) });
  assert.deepEqual((await give(a, b, space, [soon])).verdicts, ["deferred"]);
  clock.ms += 50;
  await told;
  assert.deepEqual(await valuesAt(b, space, "x"), ["forged"]);
});

test("a deferred entry that can't be taken up, say for a full disk, is not tried without a pause", async (t) => {
  const clock = setClock();
  const { a, b, space, directory } = await openPair(t, { b: clock });
  await write(b, space, "x", "soon damaged");
  await give(a, b, space, [forge(space, a.identity, { clock: hlcOf(clock.ms + LIMITS.futureMs + 1, 0) })]);
  await b.store.close();
  const database = new DatabaseSync(join(directory, "b.db"));
  database.exec("UPDATE entries SET signed = x'00'");
  database.close();
  let failures = 0;
  const failed = Promise.withResolvers<void>();
  const warn = (): void => {
    failures++;
    failed.resolve();
  };
  const log = { ...silentLog, warn };
  const store = await openSpaceStore({ path: join(directory, "b.db"), identity: b.identity, clock, log });
  t.after(() => store.close());
  clock.ms += 1;
  await store.now(space);
  await failed.promise;
  for (let i = 0; i < 100; i++) await store.now(space);
  assert.equal(failures, 1);
});

test("a peer whose clock is an hour ahead is heard later, and loses to later writes", async (t) => {
  const [right, wrong] = [setClock(), setClock()];
  wrong.ms += 3600_000;
  const { a, b, space } = await openPair(t, { a: wrong, b: right });
  await write(a, space, "x", "from the future");
  await write(b, space, "x", "from here");
  await meet(space, a, b);
  assert.deepEqual(await valuesAt(b, space, "x"), ["from here"]);
  assert.equal((await valuesAt(a, space, "x"))!.length, 2);
  right.ms += 3600_000;
  await write(b, space, "other", "tick");
  await meet(space, a, b);
  assert.deepEqual(await shown(a.store, space), await shown(b.store, space));
  await write(b, space, "x", "last");
  await meet(space, a, b);
  assert.deepEqual([await valuesAt(a, space, "x"), await valuesAt(b, space, "x")], [["last"], ["last"]]);
});

test("a peer whose clock is an hour behind still replaces what it has seen", async (t) => {
  const [right, wrong] = [setClock(), setClock()];
  wrong.ms -= 3600_000;
  const { a, b, space } = await openPair(t, { a: wrong, b: right });
  await write(b, space, "x", "first");
  // What b wrote is from the future here, and waits.
  assert.deepEqual(await push(space, b, a), ["deferred"]);
  wrong.ms += 3600_000;
  await write(a, space, "tick", "x");
  await write(a, space, "x", "second");
  await meet(space, a, b);
  assert.deepEqual([await valuesAt(a, space, "x"), await valuesAt(b, space, "x")], [["second"], ["second"]]);
});

test("the room for deferred entries is bounded: the rest is held, and comes again", async (t) => {
  const clock = setClock();
  const { a, b, space } = await openPair(t, { b: clock });
  const ahead = Array.from({ length: LIMITS.deferredPerAuthor + 1 }, (_, i) =>
    forge(space, a.identity, { path: pathOf("data", `${i}`), clock: hlcOf(clock.ms + 3600_000, i) }),
  );
  const first = await give(a, b, space, ahead);
  assert.deepEqual(first.verdicts, [...Array<string>(LIMITS.deferredPerAuthor).fill("deferred"), "held"]);
  assert.equal(first.cursor.seq, 0, "not past what is held");
  clock.ms += 3600_000;
  await write(b, space, "tick", "x");
  const second = await give(a, b, space, ahead);
  assert.deepEqual(new Set(second.verdicts), new Set(["have", "stored"]));
  assert.equal(second.cursor.seq, ahead.length);
});

test("an entry of a later version waits for a later program; an unknown kind is stored, passed on, and not shown", async (t) => {
  const { a, b, space, directory } = await openPair(t);
  const later = signAs(a.identity, Buffer.concat([Uint8Array.of(2), Buffer.alloc(80, 7)]), text("?"));
  assert.deepEqual((await give(a, b, space, [later])).verdicts, ["deferred"]);
  await write(b, space, "x", "known");
  const kinds = [
    forge(space, a.identity, { kind: 7, value: text("new") }),
    { ...forge(space, a.identity, { kind: 200, clock: hlcOf(Date.now(), 1) }), value: undefined },
  ];
  assert.deepEqual((await give(a, b, space, kinds)).verdicts, ["stored", "stored"]);
  assert.deepEqual(await valuesAt(b, space, "x"), ["known"]);
  await write(b, space, "x", "overwritten");
  const all = await b.store.outgoing(space, a.identity.peerId, 0);
  assert.equal(all.entries.length, 3, "a write does not replace what it could not see");
  await b.store.close();
  const again = await openTestStore(t, join(directory, "b.db"), b.identity);
  assert.equal((await again.spaces())[1]!.deferred, 1);
});

test("versions of one path are bounded: the rest is held until the conflict is settled", async (t) => {
  const { a, b, space } = await openPair(t);
  const siblings = Array.from({ length: LIMITS.pathVersions + 1 }, (_, i) =>
    forge(space, a.identity, { incarnation: i.toString(16).padStart(16, "0") as Incarnation, clock: hlcOf(Date.now(), i) }),
  );
  const first = await give(a, b, space, siblings);
  assert.deepEqual([first.verdicts.at(-1), first.cursor.seq], ["held", 0]);
  await write(b, space, "x", "settled");
  const second = await give(a, b, space, siblings);
  assert.deepEqual([second.verdicts.at(-1), second.cursor.seq], ["stored", siblings.length]);
  assert.equal((await valuesAt(b, space, "x"))!.length, 2);
});

test("versions of one path are bounded by their bytes, too", async (t) => {
  const { a, b, space } = await openPair(t);
  const value = Buffer.alloc(LIMITS.inlineValueBytes);
  const owners = Array.from({ length: LIMITS.versionVectorEntries }, (_, i) => i.toString(16).padStart(32, "0"));
  const vector = new Map(owners.map((owner) => [owner, 1n]));
  const path = pathOf("data", "long vectors");
  const long = forge(space, a.identity, { path, vector });
  const cases = [
    { change: { value }, room: LIMITS.pathValueBytes / value.length },
    { change: { path, vector }, room: Math.floor(LIMITS.pathSignedBytes / long.signed.length) },
  ];
  for (const { change, room } of cases) {
    const siblings = Array.from({ length: room + 1 }, (_, i) =>
      forge(space, a.identity, { ...change, clock: hlcOf(Date.now(), i) }),
    );
    assert.deepEqual((await give(a, b, space, siblings)).verdicts, [...Array<string>(room).fill("stored"), "held"]);
  }
});

test("an entry that can't be read again shows that the file was changed by others", async (t) => {
  const { a, space, directory } = await openPair(t);
  await write(a, space, "x", "1");
  await a.store.close();
  const db = new DatabaseSync(join(directory, "a.db"));
  db.prepare("UPDATE entries SET signed = ?").run(encodeEntry({ ...baseOf(space, a), path: x }).subarray(1));
  db.close();
  const again = await openTestStore(t, join(directory, "a.db"), a.identity);
  await assert.rejects(again.get(space, x), { code: "io", message: /damaged/ });
});

const baseOf = (space: SpaceId, { identity }: Side) => ({
  space,
  author: identity.peerId,
  incarnation: "00".repeat(8) as Incarnation,
  clock: 1n,
  vector: new Map(),
  grant: undefined,
  ...contentOf(text("x")),
});
