import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, copyFile, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { LIMITS } from "../core/limits.ts";
import type { Cursor, Path, Write } from "./contract.ts";
import { componentsOf, pathOf, pathText } from "./path.ts";
import { newIdentity, openPair, openTestStore, setClock, temporaryDirectory, text } from "./test-kit.ts";

async function openOne(t: Parameters<typeof temporaryDirectory>[0]) {
  const directory = await temporaryDirectory(t);
  const identity = newIdentity();
  const file = join(directory, "space.db");
  const store = await openTestStore(t, file, identity);
  return { store, identity, file, directory, space: await store.self() };
}

const put = (key: string, value: string | undefined, expect?: string | null): Write => ({
  path: pathOf("data", ...key.split("/")),
  value: value === undefined ? undefined : text(value),
  ...(expect !== undefined && { expect }),
});

test("what is written is read, listed and there after opening again", async (t) => {
  const { store, identity, file, space } = await openOne(t);
  await store.write(space, [put("b", "2"), put("a/x", "1"), put("a", "0"), put("gone", "x")]);
  await store.write(space, [put("gone", undefined), put("b", "3")]);
  const look = async (opened: typeof store) => ({
    list: (await opened.list(space, pathOf())).map(({ path, versions }) => [
      pathText(path),
      String(Buffer.from(versions[0]!.value!)),
    ]),
    below: (await opened.list(space, pathOf("data", "a"))).map(({ path }) => pathText(path)),
    gone: (await opened.get(space, pathOf("data", "gone")))!.versions.map(({ value }) => value),
    never: await opened.get(space, pathOf("data", "never")),
    infos: await opened.spaces(),
  });
  const before = await look(store);
  assert.deepEqual(before.list, [
    ["data/a", "0"],
    ["data/a/x", "1"],
    ["data/b", "3"],
  ]);
  assert.deepEqual(before.below, ["data/a", "data/a/x"]);
  assert.deepEqual(before.gone, [undefined]);
  assert.equal(before.never, undefined);
  assert.deepEqual(before.infos, [{ space, kind: "self", peer: undefined, paths: 3, deferred: 0 }]);
  const life = [store.storeId(), store.incarnation()];
  await store.close();
  const again = await openTestStore(t, file, identity);
  assert.deepEqual(await look(again), before);
  assert.deepEqual([again.storeId(), again.incarnation()], life);
  await again.close();
  await chmod(file, 0o644);
  await openTestStore(t, file, identity);
  assert.equal((await stat(file)).mode & 0o777, 0o600, "as after a restore that lost the mode");
  assert.equal((await stat(`${file}-wal`)).mode & 0o777, 0o600);
});

test("a list is read page by page", async (t) => {
  const { store, space } = await openOne(t);
  const keys = Array.from({ length: 25 }, (_, i) => String(i).padStart(2, "0"));
  await store.write(
    space,
    keys.map((key) => put(key, key)),
  );
  await store.write(space, [put("07", undefined)]);
  const seen: string[] = [];
  for (let after: Path | undefined; ;) {
    const page = await store.list(space, pathOf("data"), { limit: 10, ...(after && { after }) });
    seen.push(...page.map(({ path }) => componentsOf(path)[1]!));
    if (page.length < 10) break;
    after = page.at(-1)!.path;
  }
  const live = keys.filter((key) => key !== "07");
  assert.deepEqual(seen, live);
  const newest = await store.list(space, pathOf("data"), { limit: 10, reverse: true });
  const next = await store.list(space, pathOf("data"), { limit: 10, reverse: true, after: newest.at(-1)!.path });
  const backwards = [...newest, ...next].map(({ path }) => componentsOf(path)[1]!);
  assert.deepEqual(backwards, live.toReversed().slice(0, 20));
});

test("a write is all or nothing, and only where things are as expected", async (t) => {
  const { store, space } = await openOne(t);
  await store.write(space, [put("a", "1", null)]);
  const { token } = (await store.get(space, pathOf("data", "a")))!;
  await assert.rejects(store.write(space, [put("b", "1"), put("a", "2", null)]), { code: "conflict" });
  await assert.rejects(store.write(space, [put("b", "1"), put("a", "2", "else")]), { code: "conflict" });
  await assert.rejects(store.write(space, [put("b", "1", "never there")]), { code: "conflict" });
  assert.equal(await store.get(space, pathOf("data", "b")), undefined);
  await store.write(space, [put("a", "2", token)]);
  await assert.rejects(store.write(space, [put("a", "3", token)]), { code: "conflict" });
  await store.write(space, [put("a", undefined)]);
  await store.write(space, [put("a", "4", null), put("a", "5")]);
  const { versions } = (await store.get(space, pathOf("data", "a")))!;
  assert.deepEqual(
    versions.map(({ value }) => String(Buffer.from(value!))),
    ["5"],
  );
  await assert.rejects(store.write(space, [put("a", "x".repeat(LIMITS.inlineValueBytes + 1))]), { code: "limit" });
  await store.write(space, [put("a", "x".repeat(LIMITS.inlineValueBytes))]);
  await assert.rejects(store.write(space, [{ path: pathOf(), value: text("x") }]), { code: "bad-argument" });
  await assert.rejects(store.write("00" as typeof space, [put("a", "1")]), { code: "not-found" });
});

test("one that fails among many that share a commit harms no other, and leaves nothing of itself", async (t) => {
  const { store, space } = await openOne(t);
  const calls = Array.from({ length: 50 }, (_, i) =>
    i % 5 === 0
      ? store.write(space, [put(`bad${i}`, "x"), { append: "msg", value: text("lost") }, put("a", "x", "never")])
      : store.write(space, [put(`good${i}`, "x"), { append: "msg", value: text(`${i}`) }]),
  );
  const results = await Promise.allSettled(calls);
  assert.equal(results.filter(({ status }) => status === "rejected").length, 10);
  const listed = await store.list(space, pathOf("data"));
  assert.equal(listed.length, 40);
  const appended = (await store.list(space, pathOf("msg"))).map(({ path }) => componentsOf(path).at(-1));
  assert.deepEqual(
    appended,
    Array.from({ length: 40 }, (_, i) => String(i + 1).padStart(12, "0")),
  );
  assert.equal((await store.spaces())[0]!.paths, 80);
});

test("appended entries are numbered without gaps under author and incarnation", async (t) => {
  const { store, identity, file, space } = await openOne(t);
  await store.write(space, [
    { append: "msg", value: text("1") },
    { append: "msg", value: text("2") },
  ]);
  await store.close();
  const again = await openTestStore(t, file, identity);
  const [third] = await again.write(space, [{ append: "msg", value: text("3") }]);
  assert.deepEqual(componentsOf(third!.path), ["msg", identity.peerId, again.incarnation(), "000000000003"]);
});

test("changes are told once, in order, with the state of now, and from where a cursor stands", async (t) => {
  const { store, identity, file, space } = await openOne(t);
  await store.write(space, [put("a", "1"), put("b", "1"), { append: "msg", value: text("hi") }]);
  const keys = async (after: Cursor | undefined, limit?: number) => {
    const page = await store.changes(space, pathOf("data"), after, limit);
    return {
      ...page,
      keys: page.changes.map(({ path, versions }) => `${componentsOf(path)[1]}=${versions[0]!.value ?? "removed"}`),
    };
  };
  const first = await keys(undefined);
  assert.deepEqual([first.keys, first.reset, first.more], [["a=49", "b=49"], false, false]);
  const told: number[] = [];
  const end = store.subscribe((changed, seq) => void (changed === space && told.push(seq)));
  await store.write(space, [put("a", "2"), put("c", "1"), put("b", undefined), put("a", "3")]);
  end();
  await store.write(space, [put("d", "1")]);
  assert.equal(told.length, 1);
  const second = await keys(first.cursor);
  assert.deepEqual(second.keys, ["c=49", "b=removed", "a=51", "d=49"]);
  const bit = await keys(first.cursor, 2);
  assert.deepEqual([bit.keys, bit.more], [["c=49", "b=removed"], true]);
  assert.deepEqual((await keys(bit.cursor)).keys, ["a=51", "d=49"]);
  assert.deepEqual(second.cursor, await store.now(space));
  for (const strange of [
    { store: "00".repeat(16) as Cursor["store"], seq: 1 },
    { ...second.cursor, seq: second.cursor.seq + 1 },
  ]) {
    const page = await keys(strange);
    assert.deepEqual([page.reset, page.keys.length], [true, 4]);
  }
  await store.close();
  const again = await openTestStore(t, file, identity);
  const page = await again.changes(space, pathOf("data"), second.cursor);
  assert.deepEqual([page.changes, page.reset, page.cursor], [[], false, second.cursor]);
});

test("local records are kept apart by service, in key order, many in one commit", async (t) => {
  const { store } = await openOne(t);
  await store.putLocal("files", [
    { key: "b", value: text("1") },
    { key: "a/1", value: text("2") },
    { key: "a/2", value: text("3") },
  ]);
  await store.putLocal("data", [{ key: "a/1", value: text("other") }]);
  await store.putLocal("files", [
    { key: "a/1", value: undefined },
    { key: "b", value: text("4") },
  ]);
  const read = async (prefix: string) =>
    (await store.listLocal("files", prefix)).map(({ key, value }) => `${key}=${String(Buffer.from(value))}`);
  assert.deepEqual(await read(""), ["a/2=3", "b=4"]);
  assert.deepEqual(await read("a/"), ["a/2=3"]);
  assert.equal(await store.getLocal("files", "a/1"), undefined);
  assert.equal(String(Buffer.from((await store.getLocal("data", "a/1"))!)), "other");
});

test("two stores on one file: the second is refused, and gets it when the first is closed", async (t) => {
  const { store, identity, file, space } = await openOne(t);
  await assert.rejects(openTestStore(t, file, identity), { code: "home-busy" });
  await store.write(space, [put("a", "still here")]);
  await store.close();
  const next = await openTestStore(t, file, identity);
  assert.equal((await next.list(space, pathOf())).length, 1);
});

test("a newer schema is refused and not touched", async (t) => {
  const { store, identity, file } = await openOne(t);
  await store.close();
  const db = new DatabaseSync(file);
  db.exec("PRAGMA user_version = 99; CREATE TABLE later (x)");
  db.close();
  const before = await readFile(file);
  await assert.rejects(openTestStore(t, file, identity), { code: "version", hint: /Install that version/ });
  assert.deepEqual(await readFile(file), before);
});

test("a damaged file is named, kept, and not replaced by an empty one", async (t) => {
  const { store, identity, file, directory, space } = await openOne(t);
  await store.write(
    space,
    Array.from({ length: 200 }, (_, i) => put(`${i}`, "x".repeat(100))),
  );
  await store.close();
  const whole = await readFile(file);
  const damaged = async (name: string, bytes: Buffer) => {
    const copy = join(directory, name);
    await writeFile(copy, bytes);
    await assert.rejects(
      async () => {
        const opened = await openTestStore(t, copy, identity);
        for (let i = 0; i < 200; i++) await opened.get(space, pathOf("data", `${i}`));
        await opened.close();
      },
      (error: { code: string; message: string; hint: string }) =>
        error.code === "io" && error.message.includes(copy) && /backup/.test(error.hint),
      name,
    );
    assert.ok((await readFile(copy)).length > 0);
  };
  await damaged("garbage", Buffer.alloc(8192, 7));
  await damaged("zeroed", Buffer.from(whole).fill(0, 8192));
  await copyFile(file, join(directory, "short"));
  await truncate(join(directory, "short"), whole.length - 12 * 4096);
  await damaged("short", await readFile(join(directory, "short")));
});

test("calls after closing are refused, and closing twice is fine", async (t) => {
  const { store, space } = await openOne(t);
  const last = store.write(space, [put("a", "1")]);
  await Promise.all([store.close(), store.close()]);
  await last;
  await assert.rejects(store.get(space, pathOf("data", "a")), { code: "closed" });
});

test("a store that is not closed keeps no process alive", async (t) => {
  const directory = await temporaryDirectory(t);
  const { spawn } = await import("node:child_process");
  const source = new URL("./test-kit.ts", import.meta.url).href;
  const script = `import { newIdentity } from ${JSON.stringify(source)};
    import { openSpaceStore } from ${JSON.stringify(new URL("./open-store.ts", import.meta.url).href)};
    const nothing = () => {};
    const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
    await openSpaceStore({ path: process.argv[1], identity: newIdentity(), log });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, join(directory, "space.db")], { stdio: "inherit" });
  assert.deepEqual((await once(child, "exit"))[0], 0);
});

test("a clock that was an hour ahead and got mended begins anew, and overwrites what it wrote", async (t) => {
  const clock = setClock();
  const { a, space } = await openPair(t, { a: clock });
  clock.ms += 3600_000;
  await a.store.write(space, [put("x", "ahead")]);
  const before = a.store.incarnation();
  clock.ms -= 3600_000;
  const [fresh] = await a.store.write(space, [put("y", "now")]);
  assert.equal(fresh!.clockMs, clock.ms);
  assert.notEqual(a.store.incarnation(), before);
  const storeBefore = a.store.storeId();
  await a.store.write(space, [put("x", "overwritten")]);
  const { versions } = (await a.store.get(space, pathOf("data", "x")))!;
  assert.deepEqual(
    versions.map(({ value }) => String(Buffer.from(value!))),
    ["overwritten"],
  );
  const mended = a.store.incarnation();
  const [next] = await a.store.write(space, [put("z", "now")]);
  assert.deepEqual([a.store.incarnation(), a.store.storeId()], [mended, storeBefore]);
  assert.equal(next!.clockMs, clock.ms);
});

test("after a large commit, the log gives its room back", async (t) => {
  const { store, file, space } = await openOne(t);
  const large = Array.from({ length: 600 }, (_, i) => ({ path: pathOf("data", `${i}`), value: Buffer.alloc(60_000) }));
  await store.write(space, large);
  assert.ok((await stat(`${file}-wal`)).size > 32 * 1024 * 1024);
  for (let i = 0; i < 2; i++) await store.write(space, [{ path: pathOf("data", "small"), value: text(`${i}`) }]);
  assert.ok((await stat(`${file}-wal`)).size <= 16 * 1024 * 1024);
});
