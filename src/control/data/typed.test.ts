// Handles with a prefix and a schema, between two real peers: what one writes past the schema, the other reads as what it is.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as v from "valibot";

import { openPeerPair, type PeerPair } from "../../testing/peer-pair.ts";
import type { DataEvent, Json } from "../../services/data/contract.ts";
import type { StandardSchema } from "./contract.ts";

const Todo = v.object({ text: v.pipe(v.string(), v.nonEmpty()), done: v.optional(v.boolean(), false) });
/** Stored as text, read as a Date; both ways asynchronously. */
const When = v.pipeAsync(
  v.string(),
  v.checkAsync(async (text) => !Number.isNaN(Date.parse(text)), "not a time"),
  v.transformAsync(async (text) => new Date(text)),
);
/** By hand: a number that is even. */
const even: StandardSchema<number> = {
  "~standard": {
    version: 1,
    vendor: "by hand",
    validate: (value) =>
      typeof value === "number" && value % 2 === 0
        ? { value }
        : { issues: [{ message: "odd", path: [{ key: "n" }, 2, Symbol("s")] }] },
  },
};

let pair: PeerPair;
before(async () => void (pair = await openPeerPair()));
after(() => pair[Symbol.asyncDispose]());

test("keys are relative to the prefix, with a slash at its end or without, and other keys are out of sight", async () => {
  const all = pair.laptop.data();
  await all.setMany(["list", "list/a", "list/a/b", "list/z", "list.x", "lists/a"].map((key) => ({ key, value: key })));
  for (const prefix of ["list", "list/"]) {
    const list = pair.laptop.data(prefix);
    const keys = async (...how: Parameters<typeof list.list>) => (await list.list(...how)).map(({ key }) => key);
    assert.deepEqual(await keys(), ["a", "a/b", "z"]);
    assert.deepEqual(await keys("", { limit: 2 }), ["a", "a/b"]);
    assert.deepEqual(await keys("", { limit: 2, after: "a/b" }), ["z"]);
    assert.deepEqual(await keys("a"), ["a", "a/b"]);
    assert.deepEqual(await keys("a/", { after: "a" }), ["a/b"]);
    assert.equal((await list.get("a/b"))?.value, "list/a/b");
    assert.equal((await list.get("a/b"))?.key, "a/b");
    assert.equal(await list.get("list"), undefined);
    for (const key of ["", "/a", "a/"]) await assert.rejects(list.get(key), { code: "bad-argument" }, key);
  }
  const composed = pair.laptop.data("e\u0301");
  assert.equal((await composed.set("e\u0301", 1)).key, "\u00e9");
  assert.deepEqual(
    (await composed.list()).map(({ key }) => key),
    ["\u00e9"],
  );
  assert.equal(await composed.remove("\u00e9"), true);
  assert.equal((await all.get("list"))?.value, "list");
  await assert.rejects(pair.laptop.data("/").list(), { code: "bad-argument" });
  await assert.rejects(pair.laptop.data("a//b").get("c"), { code: "bad-argument" });
});

test("conflicts and watches have relative keys, and nothing of the value under the prefix itself", async () => {
  const [here, there] = [pair.laptop.peer("desk"), pair.desk.peer("laptop")];
  await pair.cut();
  for (const key of ["meal", "meal/noon"]) {
    await here.data().set(key, "soup");
    await there.data().set(key, "rice");
  }
  await pair.mend();
  const meals = here.data("meal");
  const after = { store: (await pair.laptop.status()).storeId, seq: 0 };
  const seen: string[] = [];
  for await (const event of meals.watch("", { after, signal: AbortSignal.timeout(20_000) })) {
    if (event.type !== "set") continue;
    seen.push(event.item.key);
    if (event.item.conflicts > 0) break;
  }
  assert.deepEqual(new Set(seen), new Set(["noon"]));
  const [conflict, ...others] = await meals.conflicts();
  assert.deepEqual([conflict?.key, others], ["noon", []]);
  await meals.set("noon", "both", { ifVersion: conflict!.version });
  assert.deepEqual(await meals.conflicts(), []);
  assert.equal((await here.data().conflicts("meal")).length, 1);
});

test("what does not fit is not written: one value, or all of many", async () => {
  const todo = pair.laptop.data("todo/", { schema: Todo });
  const refused = {
    code: "bad-argument",
    message: /^the value of "1" does not fit its schema: text: Invalid .+; done: Invalid type/,
    details: { key: "1", issues: /.+/ },
    hint: /.+/,
  };
  await assert.rejects(
    todo.set("1", { text: "", done: 1 as never }),
    (error: Error & { details: { key: string; issues: string } }) => {
      assert.match(error.message, refused.message);
      assert.equal(error.details.key, "1");
      assert.match(error.details.issues, /^text: .+; done: /);
      return true;
    },
  );
  await assert.rejects(
    todo.setMany([
      { key: "1", value: { text: "milk" } },
      { key: "2", value: { text: "" } },
    ]),
    { code: "bad-argument", message: /"2"/ },
  );
  for (const value of [undefined, Number.NaN, { text: new Date() }]) {
    await assert.rejects(todo.set("1", value as never), { code: "bad-argument" });
  }
  assert.deepEqual(await todo.list(), []);
  assert.deepEqual(await pair.laptop.data().list("todo"), []);
});

test("what is stored is what was given; what is read is what the schema makes of it", async () => {
  const todo = pair.laptop.data("todo", { schema: Todo });
  const item = await todo.set("1", { text: "milk" }, { ifVersion: null });
  assert.deepEqual([item.key, item.value], ["1", { text: "milk", done: false }]);
  assert.deepEqual((await pair.laptop.data().get("todo/1"))?.value, { text: "milk" });
  assert.deepEqual(await todo.get("1"), item);
  await assert.rejects(todo.set("1", { text: "again" }, { ifVersion: null }), { code: "conflict" });
  await todo.setMany([{ key: "2", value: { text: "tea", done: true } }]);
  assert.deepEqual(
    (await todo.list()).map(({ value }) => value),
    [
      { text: "milk", done: false },
      { text: "tea", done: true },
    ],
  );
  assert.equal(await todo.remove("1", { ifVersion: item.version }), true);
  assert.equal(await todo.get("1"), undefined);

  const times = pair.laptop.data("times", { schema: When });
  assert.deepEqual((await times.set("a", "2026-01-02")).value, new Date("2026-01-02"));
  assert.deepEqual((await times.get("a"))?.value, new Date("2026-01-02"));
  await assert.rejects(times.set("b", "soon"), { code: "bad-argument", message: /not a time/ });

  const numbers = pair.laptop.data("numbers", { schema: even });
  await numbers.set("n", 2);
  await assert.rejects(numbers.set("n", 3), { code: "bad-argument", message: /n\.2\.Symbol\(s\): odd$/ });
  assert.equal((await numbers.get("n"))?.value, 2);
});

test("what a peer writes past the schema is told as such, by get, list, watch and conflicts, and ends none of them", async () => {
  const todo = pair.laptop.peer("desk").data("todo", { schema: Todo });
  const raw = pair.desk.peer("laptop").data("todo");
  const ending = new AbortController();
  const events = todo.watch("", { signal: ending.signal })[Symbol.asyncIterator]();
  assert.equal((await events.next()).value?.type, "now");
  const next = async () => {
    const { value } = (await events.next()) as IteratorYieldResult<
      DataEvent<{ value: unknown; invalid?: unknown; raw?: unknown }>
    >;
    return value.type === "set" ? value.item : value.type;
  };
  const odd: Json = { text: 7, note: "\u001b[2J\u202e" };
  await raw.set("1", odd);
  const first = await next();
  assert.ok(typeof first === "object" && Array.isArray(first.invalid));
  assert.deepEqual([first.value, first.raw], [undefined, odd]);
  await raw.set("1", { text: "milk" });
  assert.deepEqual(await next(), await todo.get("1"));
  await raw.remove("1");
  assert.equal(await next(), "remove");
  ending.abort(new Error("enough"));
  await assert.rejects(events.next(), /enough/);

  await todo.set("2", { text: "tea" });
  await todo.remove("1");
  await pair.laptop.peer("desk").data().set("todo/1", odd);
  const [wrong, right] = await todo.list();
  assert.equal(right?.value?.text, "tea");
  assert.deepEqual([wrong?.key, wrong?.value, wrong?.invalid?.[0]?.path], ["1", undefined, ["text"]]);
  assert.doesNotMatch(JSON.stringify(wrong?.invalid), /\\u001b|\u202e/);
  const { version } = wrong!;
  await todo.set("1", { text: "mended" }, { ifVersion: version });
  assert.equal((await todo.get("1"))?.value?.text, "mended");

  await pair.cut();
  await raw.set("3", odd);
  await todo.set("3", { text: "bread" });
  await pair.mend();
  const after = { store: (await pair.laptop.status()).storeId, seq: 0 };
  for await (const event of todo.watch("3", { after, signal: AbortSignal.timeout(20_000) }))
    if (event.type === "set" && event.item.conflicts > 0) break;
  const [conflict] = await todo.conflicts();
  const versions = [conflict!.winner, ...conflict!.losers].map((one) =>
    "value" in one ? (one.invalid === undefined ? one.value.text : one.raw) : one,
  );
  assert.deepEqual(new Set(versions), new Set([odd, "bread"]));
});

test("a schema that throws refuses the value; one that never answers ends with the signal, and with the connection", async () => {
  const by = (validate: (value: unknown) => never | Promise<never>): StandardSchema<Json> => ({
    "~standard": { version: 1, vendor: "by hand", validate },
  });
  await pair.laptop.data().set("x/1", { a: "b" });
  const throwing = pair.laptop.data("x", {
    schema: by((value) => {
      (value as { a: string }).a = "changed";
      throw new Error("a bug \u0007");
    }),
  });
  assert.deepEqual(
    (await throwing.list()).map(({ value, invalid, ...item }) => [value, invalid, "raw" in item && item.raw]),
    [[undefined, [{ message: "the schema failed: a bug \\u{7}", path: [] }], { a: "b" }]],
  );
  await assert.rejects(throwing.set("2", { a: "b" }), { code: "bad-argument", message: /the schema failed: a bug/ });

  const stuck = pair.laptop.data("x", { schema: by(() => new Promise(() => {})) });
  const ending = new AbortController();
  const reason = new Error("enough");
  const calls = [
    stuck.get("1", ending),
    stuck.list("", ending),
    stuck.set("1", 1, ending),
    stuck.setMany([{ key: "1", value: 1 }], ending),
  ];
  const rejected = Promise.all(calls.map((call) => assert.rejects(call, reason)));
  ending.abort(reason);
  await rejected;
  await using other = await openPeerPair();
  await other.laptop.data().set("x", 1);
  const closed = assert.rejects(
    other.laptop.data("", { schema: by(() => (void other.laptop.close(), new Promise<never>(() => {}))) }).get("x"),
    { code: "closed" },
  );
  await closed;
});

test("what changes while an asynchronous schema looks at it is not what is written", async () => {
  const value = { text: "milk" };
  const slow: StandardSchema<{ text: string }> = {
    "~standard": {
      version: 1,
      vendor: "by hand",
      validate: async (given) => ((value.text = "changed"), { value: given as { text: string } }),
    },
  };
  const list = pair.laptop.data("slow", { schema: slow });
  assert.deepEqual((await list.set("1", value)).value, { text: "milk" });
  assert.deepEqual((await list.get("1"))?.value, { text: "milk" });
});

test("issues are bounded in number and length; what is no schema is refused at once", async () => {
  await pair.laptop.data().set(
    "many/1",
    Array.from({ length: 40 }, () => "x".repeat(1000)),
  );
  const many = pair.laptop.data("many", { schema: v.array(v.picklist(["y"])) });
  const item = await many.get("1");
  assert.equal(item?.invalid?.length, 16);
  assert.ok(item.invalid.every(({ message }) => message.length <= 300));
  for (const schema of [undefined, {}, { "~standard": { version: 2, vendor: "x", validate: () => ({ value: 1 }) } }]) {
    assert.throws(() => pair.laptop.data("x", { schema: schema as never }), { code: "bad-argument" });
  }
});
