import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";

import { LIMITS } from "../../core/limits.ts";
import { readPack, type TreeRecord } from "./pack.ts";
import { scanAll, temporary, walkAll } from "./test-kit.ts";
import { createTreeReader } from "./tree-reader.ts";
import { TreeThread } from "./tree-thread.ts";

const never = new AbortController().signal;
const whole = (signal = never) => ({ path: "", content: true, deep: true, signal });

/** A root with so many files of so many bytes. */
function rootOf(dir: { at(...names: string[]): string }, name: string, files: number, bytes: number) {
  mkdirSync(dir.at(name));
  for (let i = 0; i < files; i++) writeFileSync(dir.at(name, `${i}`), Buffer.alloc(bytes, i));
  return [{ name, path: dir.at(name) }];
}

const handlesIn = (path: string): string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    const link = `/proc/self/fd/${fd}`;
    return existsSync(link) && readlinkSync(link).startsWith(path) ? [link] : [];
  });

test("the thread reads what the reader reads", async () => {
  using dir = temporary();
  const roots = rootOf(dir, "r", 50, 100_000);
  const reader = createTreeReader(new TreeThread());
  const records: TreeRecord[] = [];
  for await (const pack of reader.walk(roots, whole())) {
    assert.ok(Buffer.isBuffer(pack));
    records.push(...readPack(pack));
  }
  assert.deepEqual(records, walkAll(roots));
  assert.deepEqual(await reader.scan(roots, { signal: never }), scanAll(roots));
  await assert.rejects(reader.scan([{ name: "no", path: dir.at("no") }], { signal: never }), { code: "not-found" });
  await assert.rejects(Array.fromAsync(reader.walk(roots, { ...whole(), path: "r/no" })), { code: "not-found" });
  await reader.close();
  await reader.close();
  await assert.rejects(reader.scan(roots, { signal: never }), { code: "closed" });
});

test("walks take turns: a small one does not wait for a large one", async () => {
  using dir = temporary();
  const large = rootOf(dir, "large", 120, 512 * 1024);
  const small = rootOf(dir, "small", 3, 512 * 1024);
  const thread = new TreeThread();
  const walks = [large, large, small].map((roots) => thread.make("walk", roots, { path: "", content: true, deep: true }));
  const order: number[] = [];
  // All asked for before the first is answered.
  const calls = walks.flatMap((walk, i) => Array.from({ length: 40 }, () => walk.call("next").then(() => order.push(i))));
  await Promise.all(calls);
  const rounds = order.slice(0, 60);
  for (let at = 3; at < rounds.length; at += 3) {
    assert.deepEqual(rounds.slice(at, at + 3).toSorted(), [0, 1, 2], `${rounds}`);
  }
  await thread.close();
});

test("an aborted walk ends with the signal's reason, and a left one at once; nothing stays open", async () => {
  using dir = temporary();
  const roots = rootOf(dir, "r", 60, 512 * 1024);
  const reader = createTreeReader(new TreeThread());
  const abort = new AbortController();
  const reason = new Error("enough");
  let packs = 0;
  const walking = (async () => {
    for await (const _ of reader.walk(roots, whole(abort.signal))) if (++packs === 2) abort.abort(reason);
  })();
  await assert.rejects(walking, reason);
  for await (const _ of reader.walk(roots, whole())) break;
  await assert.rejects(Array.fromAsync(reader.walk(roots, whole(abort.signal))), reason);
  await assert.rejects(reader.scan(roots, { signal: abort.signal }), reason);
  const stop = new AbortController();
  const held = reader.walk(roots, whole(stop.signal))[Symbol.asyncIterator]();
  await held.next();
  stop.abort(reason);
  // A later call is answered after the ends were taken.
  await reader.scan(roots, { signal: never });
  assert.deepEqual(handlesIn(dir.path), []);
  await assert.rejects(held.next(), reason);
  const late = new AbortController();
  const waiting = Array.fromAsync(reader.walk(roots, whole(late.signal)));
  setImmediate(() => late.abort(reason));
  await assert.rejects(waiting, reason);
  await reader.close();
});

test("closing ends what is under way", async () => {
  using dir = temporary();
  const roots = rootOf(dir, "r", 60, 512 * 1024);
  const thread = new TreeThread();
  const reader = createTreeReader(thread);
  const walk = reader.walk(roots, whole())[Symbol.asyncIterator]();
  await walk.next();
  await thread.close();
  await assert.rejects(
    (async () => {
      for (;;) if ((await walk.next()).done === true) return;
    })(),
    { code: "closed" },
  );
  assert.deepEqual(handlesIn(dir.path), []);
});

test("a thread that runs out of memory fails what was pending; the next one works", async () => {
  using dir = temporary();
  const small = rootOf(dir, "s", 1, 1);
  const large = Array.from({ length: 200_000 }, (_, i) => ({ name: `${i}`, path: dir.at("x".repeat(200), `${i}`) }));
  const thread = new TreeThread({ memoryMiB: 24 });
  const reader = createTreeReader(thread);
  const bystander = thread.make("walk", small, { path: "", content: true, deep: true });
  await bystander.made;
  const failed = { code: "internal", message: /memory/ };
  await Promise.all([
    assert.rejects(reader.scan(large, { signal: never }), failed),
    assert.rejects(Array.fromAsync(reader.walk(large, whole())), failed),
  ]);
  await assert.rejects(bystander.call("next"), failed);
  bystander.end();
  assert.deepEqual(handlesIn(dir.path), []);
  assert.equal((await reader.scan(small, { signal: never })).rootCount, 1);
  await reader.close();
});

test("an idle thread ends, and another comes when it is needed", async () => {
  using dir = temporary();
  const roots = rootOf(dir, "r", 1, 1);
  const threads = (): number => readdirSync("/proc/self/task").length;
  const thread = new TreeThread({ idleMs: 50 });
  const reader = createTreeReader(thread);
  const before = threads();
  const walk = thread.make("walk", roots, { path: "", content: true, deep: true });
  await walk.made;
  await sleep(200);
  const withOne = threads();
  assert.ok(withOne > before);
  assert.equal([...readPack((await walk.call("next"))!)].length, 2);
  walk.end();
  await assert.rejects(walk.call("next"), { code: "closed" });
  while (threads() >= withOne) await sleep(20);
  assert.equal((await reader.scan(roots, { signal: never })).files, 1);
  await reader.close();
});

test("a thread keeps no process alive, and a call does", () => {
  using dir = temporary();
  const roots = rootOf(dir, "r", 1, 1);
  const urls = [new URL("./tree-reader.ts", import.meta.url), new URL("./tree-thread.ts", import.meta.url)].map(String);
  const script = `
    import { createTreeReader } from "${urls[0]}";
    import { TreeThread } from "${urls[1]}";
    const reader = createTreeReader(new TreeThread({ idleMs: 2 ** 31 - 1 }));
    const { files } = await reader.scan(${JSON.stringify(roots)}, { signal: new AbortController().signal });
    reader.walk(${JSON.stringify(roots)}, { path: "", content: true, deep: true, signal: new AbortController().signal });
    console.log(files);`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(said, "1\n");
});

test("more calls than the limit are refused", async () => {
  using dir = temporary();
  const thread = new TreeThread();
  const walk = thread.make("walk", [{ name: "r", path: dir.path }], { path: "", content: true, deep: true });
  const calls = Array.from({ length: LIMITS.treeCalls }, () => walk.call("next"));
  const settled = await Promise.allSettled(calls);
  const refused = settled.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 1);
  assert.equal((refused[0] as PromiseRejectedResult).reason.code, "limit");
  await thread.close();
});
