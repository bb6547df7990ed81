import assert from "node:assert/strict";
import { test } from "node:test";

import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { DataEvent, DataItem } from "../../src/services/data/contract.ts";
import type { Cursor, SpaceStore } from "../../src/space/contract.ts";
import { pathOf } from "../../src/space/path.ts";
import { eventually, inSync, openLab, pair, type TestPeer } from "./peers.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof CoveyError && error.code === code;

const spaceOf = (store: SpaceStore) => store.self();

/** The events behind the cursor, until one of them satisfies. */
async function eventsUntil(
  peer: TestPeer,
  space: Awaited<ReturnType<SpaceStore["self"]>>,
  prefix: string,
  after: Cursor | undefined,
  enough: (event: DataEvent) => boolean,
): Promise<readonly DataEvent[]> {
  const stop = new AbortController();
  const deadline = setTimeout(() => stop.abort(new Error("these events never came")), 30_000);
  const events: DataEvent[] = [];
  try {
    for await (const event of peer.data.watch(space, prefix, {
      ...(after === undefined ? {} : { after }),
      signal: stop.signal,
    })) {
      events.push(event);
      if (enough(event)) break;
    }
  } finally {
    clearTimeout(deadline);
  }
  return events;
}

const told = (events: readonly DataEvent[]): readonly unknown[] =>
  events.map((event) =>
    event.type === "set" ? [event.item.key, event.item.value] : event.type === "remove" ? event.key : "reset",
  );

test("set, get, list, remove, each by the version that was seen", async () => {
  await using lab = await openLab();
  const { data, store, id } = await lab.open("a");
  const space = await spaceOf(store);
  assert.equal(await data.get(space, "todo/1"), undefined);
  const first = await data.set(space, "todo/1", { milk: 1 });
  assert.deepEqual(await data.get(space, "todo/1"), first);
  assert.deepEqual([first.key, first.value, first.author, first.conflicts], ["todo/1", { milk: 1 }, id, 0]);

  const second = await data.set(space, "todo/1", null, { ifVersion: first.version });
  await assert.rejects(data.set(space, "todo/1", 3, { ifVersion: first.version }), hasCode("conflict"));
  await assert.rejects(data.set(space, "todo/1", 3, { ifVersion: null }), hasCode("conflict"));
  await assert.rejects(data.remove(space, "todo/1", { ifVersion: first.version }), hasCode("conflict"));
  assert.equal((await data.get(space, "todo/1"))?.value, null);
  assert.equal(await data.remove(space, "todo/1", { ifVersion: second.version }), true);
  assert.equal(await data.get(space, "todo/1"), undefined);
  assert.equal(await data.remove(space, "todo/1"), false);
  assert.equal(await data.remove(space, "never"), false);
  await data.set(space, "todo/1", "again", { ifVersion: null });
  assert.equal((await data.get(space, "todo/1"))?.value, "again");
});

test("of many who set with the same version, one wins", async () => {
  await using lab = await openLab();
  const { data, store } = await lab.open("a");
  const space = await spaceOf(store);
  let version: string | null = null;
  for (let round = 0; round < 5; round++) {
    const ifVersion: string | null = version;
    const results: PromiseSettledResult<DataItem>[] = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => data.set(space, "key", i, { ifVersion })),
    );
    const won = results.filter((result) => result.status === "fulfilled");
    assert.equal(won.length, 1);
    for (const result of results) if (result.status === "rejected") assert.ok(hasCode("conflict")(result.reason));
    version = won[0]!.value.version;
    assert.deepEqual(await data.get(space, "key"), won[0]!.value);
  }
});

test("a prefix ends at a slash, in key order, in pages", async () => {
  await using lab = await openLab();
  const { data, store } = await lab.open("a");
  const space = await spaceOf(store);
  await data.setMany(
    space,
    ["b", "a/10", "a/2", "a", "ab", "a/2/x", "A"].map((key) => ({ key, value: key })),
  );
  const keys = async (...args: [prefix: string, options?: { limit?: number; after?: string }]) =>
    (await data.list(space, ...args)).map(({ key }) => key);
  const all = ["A", "a", "a/10", "a/2", "a/2/x", "ab", "b"];
  assert.deepEqual(await keys(""), all);
  assert.deepEqual(await keys("a"), ["a", "a/10", "a/2", "a/2/x"]);
  assert.deepEqual(await keys("a/"), ["a", "a/10", "a/2", "a/2/x"]);
  assert.deepEqual(await keys("c"), []);
  const paged: string[] = [];
  for (let page = await keys("", { limit: 2 }); page.length > 0; page = await keys("", { limit: 2, after: page.at(-1)! }))
    paged.push(...page);
  assert.deepEqual(paged, all);
  assert.deepEqual(await keys("", { limit: 0 }), []);
  await assert.rejects(data.list(space, "", { limit: -1 }), hasCode("bad-argument"));
});

test("setMany is one commit: all of it or nothing", async () => {
  await using lab = await openLab();
  const { data, store } = await lab.open("a");
  const space = await spaceOf(store);
  const items = Array.from({ length: 2500 }, (_, i) => ({ key: `k/${i}`, value: i }));
  await data.setMany(space, items);
  assert.equal((await data.list(space, "k")).length, 2500);
  const large = { key: "k/large", value: "x".repeat(LIMITS.inlineValueBytes) };
  await assert.rejects(data.setMany(space, [{ key: "other", value: 1 }, large]), hasCode("limit"));
  await assert.rejects(
    data.setMany(space, [
      { key: "other", value: 1 },
      { key: "", value: 1 },
    ]),
    hasCode("bad-argument"),
  );
  assert.equal(await data.get(space, "other"), undefined);
  await data.setMany(space, []);
});

test("a watch tells sets and removals under its prefix, and resumes across a restart", async () => {
  await using lab = await openLab();
  let a = await lab.open("a");
  const space = await spaceOf(a.store);
  const start = await a.store.now(space);
  await a.data.set(space, "todo/1", "milk");
  await a.data.set(space, "other", 0);
  await a.data.set(space, "todo/2", "bread");
  await a.data.remove(space, "todo/1");
  const isRemoved = (event: DataEvent): boolean => event.type === "remove";
  const events = await eventsUntil(a, space, "todo/", start, isRemoved);
  assert.deepEqual(told(events), [["todo/2", "bread"], "todo/1"]);

  const live = a.data.watch(space, "todo", { signal: AbortSignal.timeout(30_000) })[Symbol.asyncIterator]();
  assert.equal((await live.next()).value?.type, "now");
  await a.data.set(space, "todo/3", "done");
  const next = (await live.next()).value;
  assert.deepEqual(next?.type === "set" ? [next.item.key, next.item.value] : next, ["todo/3", "done"]);
  await live.return?.();

  await a.close();
  a = await lab.open("a");
  await a.data.set(space, "todo/4", "eggs");
  const behind = await eventsUntil(
    a,
    space,
    "todo",
    events[0]!.cursor,
    (event) => event.type === "set" && event.item.key === "todo/4",
  );
  assert.deepEqual([told(behind)[0], told(behind).at(-1)], ["todo/1", ["todo/4", "eggs"]]);
  const reset = await eventsUntil(a, space, "todo", { store: a.store.storeId(), seq: 1e9 }, (event) => event.type === "set");
  assert.equal(reset[0]?.type, "reset");
});

test("a slow watcher of many changes gets the last state of every key", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const space = await spaceOf(a.store);
  const start = await a.store.now(space);
  const keys = Array.from({ length: 50 }, (_, i) => `k/${i}`);
  const seen = new Map<string, unknown>();
  const stop = new AbortController();
  const watching = (async () => {
    for await (const event of a.data.watch(space, "k", { after: start, signal: stop.signal })) {
      if (event.type === "set") seen.set(event.item.key, event.item.value);
      if (seen.size === keys.length && [...seen.values()].every((value) => value === 19)) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let round = 0; round < 20; round++)
    await a.data.setMany(
      space,
      keys.map((key) => ({ key, value: round })),
    );
  await watching;
  stop.abort();
});

test("both set a key while cut off: the same winner on both sides, both list the loser, and a set settles it", async () => {
  await using lab = await openLab();
  let a = await lab.open("a");
  let b = await lab.open("b");
  const space = await pair(a, b);
  await a.data.set(space, "dinner", "?");
  await a.data.set(space, "gone", "?");
  await inSync(a, b);
  await b.close();
  await a.data.set(space, "dinner", "soup");
  await a.data.set(space, "gone", "kept");
  await a.close();
  b = await lab.open("b");
  await b.data.set(space, "dinner", "pizza");
  await b.data.remove(space, "gone");
  a = await lab.open("a");
  await inSync(a, b);

  const [here, there] = [await a.data.conflicts(space, "dinner"), await b.data.conflicts(space, "dinner")];
  assert.equal(here.length, 1);
  assert.deepEqual(here, there);
  const [{ winner, losers, version }] = here as [(typeof here)[0] & object];
  const values = [winner, ...losers].map((one) => ("value" in one ? [one.author, one.value] : one));
  assert.deepEqual(
    values.toSorted(),
    [
      [a.id, "soup"],
      [b.id, "pizza"],
    ].toSorted(),
  );
  assert.deepEqual(await a.data.get(space, "dinner"), await b.data.get(space, "dinner"));
  assert.equal((await a.data.get(space, "dinner"))?.conflicts, 1);

  // An edit wins over a removal that did not know of it.
  assert.equal((await b.data.get(space, "gone"))?.value, "kept");
  assert.deepEqual(
    (await a.data.conflicts(space, "gone"))[0]?.losers.map((loser) => "removed" in loser && loser.author),
    [b.id],
  );

  await b.data.set(space, "dinner", "both", { ifVersion: version });
  await a.data.remove(space, "gone");
  await inSync(a, b);
  for (const { data } of [a, b]) {
    assert.deepEqual(await data.conflicts(space, ""), []);
    assert.equal((await data.get(space, "dinner"))?.value, "both");
    assert.equal(await data.get(space, "gone"), undefined);
  }
});

test("what a peer writes badly is no value, and hides none", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  await b.store.write(space, [
    { path: pathOf("data", "bad"), value: Buffer.from("{") },
    { path: pathOf("data", "deep"), value: Buffer.from("[".repeat(1000) + "]".repeat(1000)) },
    { path: pathOf("data", "a/b"), value: Buffer.from("1") },
    { path: pathOf("data"), value: Buffer.from("1") },
    { path: pathOf("data", "proto"), value: Buffer.from('{"__proto__":{"x":1}}') },
  ]);
  await inSync(a, b);
  await assert.rejects(a.data.get(space, "bad"), hasCode("protocol"));
  await assert.rejects(a.data.get(space, "deep"), hasCode("protocol"));
  assert.deepEqual(
    (await a.data.list(space, "")).map(({ key }) => key),
    ["proto"],
  );
  assert.deepEqual(await a.data.conflicts(space, ""), []);
  const start = { store: a.store.storeId(), seq: 0 };
  assert.deepEqual(
    (await eventsUntil(a, space, "", start, () => true)).map((event) => event.type === "set" && event.item.key),
    ["proto"],
  );
  await a.data.set(space, "bad", "mended");
  assert.equal((await a.data.get(space, "bad"))?.value, "mended");
  assert.equal(await a.data.remove(space, "deep"), true);
  await eventually("mended there", async () => (await b.data.get(space, "bad"))?.value === "mended");
});
