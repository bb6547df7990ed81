import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

import { sleep } from "../../src/core/async.ts";
import type { SpaceId } from "../../src/core/ids.ts";
import { contentsOf, eventually, inSync, openLab, pair, type TestPeer } from "./peers.ts";

const items = (name: string, count: number, size = 10) =>
  Array.from({ length: count }, (_, i) => ({ key: `${name}/${i}`, value: String(i).padEnd(size, ".") }));

/** In the end: a watermark follows what it tells of, also when both were in sync a moment ago. */
async function assertEqual(a: TestPeer, b: TestPeer, space: SpaceId): Promise<void> {
  await eventually("both sides hold the same", async () => {
    const [here, there] = await Promise.all([contentsOf(a.store, space), contentsOf(b.store, space)]);
    return isDeepStrictEqual(here, there) ? true : undefined;
  });
}

test("a peer that was away gets 10,000 entries, and the other way round at the same time", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  let b = await lab.open("b");
  const space = await pair(a, b);
  await inSync(a, b);
  await b.close();
  for (let i = 0; i < 10; i++) await a.data.setMany(space, items(`a/${i}`, 1000));
  assert.equal(await a.replication.waiting(b.id), 10_000);
  b = await lab.open("b", { listen: "tcp://127.0.0.1:0" });
  await b.data.setMany(space, items("b", 1000));
  await inSync(a, b);
  assert.equal((await b.data.list(space, "a")).length, 10_000);
  await assertEqual(a, b, space);
});

test("values as large as they get flow, too", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  for (let i = 0; i < 4; i++) await a.data.setMany(space, items(`large/${i}`, 25, 64 * 1024 - 2));
  await inSync(a, b);
  assert.equal((await b.data.list(space, "large")).length, 100);
});

test("cut 50 times at random moments, both sides are equal at the end", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  const stop = new AbortController();
  const write = async (peer: TestPeer, name: string): Promise<number> => {
    let round = 0;
    for (; !stop.signal.aborted; round++) {
      await peer.data.setMany(space, [...items(`${name}/${round}`, 100), ...items("shared", 20, round % 50)]);
      await peer.messages.send(peer === a ? b.id : a.id, `${name} ${round}`);
      await sleep(20);
    }
    return round;
  };
  const writing = [write(a, "a"), write(b, "b")];
  for (let cuts = 0; cuts < 50; cuts++) {
    await sleep(Math.random() * 30);
    await eventually("a session", () => a.sessions.get(b.id) !== undefined);
    lab.transport.cut();
  }
  stop.abort();
  const [ofA, ofB] = (await Promise.all(writing)) as [number, number];
  await inSync(a, b);
  await assertEqual(a, b, space);
  for (const { data } of [a, b]) {
    assert.equal((await data.list(space, "a")).length, ofA * 100);
    assert.equal((await data.list(space, "b")).length, ofB * 100);
  }
  assert.equal((await a.messages.unread(b.id)).length, ofB);
  assert.equal((await b.messages.unread(a.id)).length, ofA);
});

test("killed (SIGKILL) while it pushes and takes in: what was durable is on both sides at the end", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  await inSync(a, b);
  await b.close();
  const listen = a.book.byId(b.id)!.addresses[0]!;
  const durable: string[] = [];
  const stop = new AbortController();
  const writing = (async () => {
    for (let i = 0; !stop.signal.aborted; i++) {
      await a.data.setMany(space, items(`a/${i}`, 50));
      await sleep(20);
    }
  })();
  for (let round = 0; round < 3; round++) {
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL("child.ts", import.meta.url)), join(lab.dir, "b"), listen, "100", String(round)],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const exited = once(child, "exit");
    const lines = createInterface({ input: child.stdout });
    let killIn = 2 + Math.floor(Math.random() * 10);
    for await (const line of lines) {
      if (line !== "up") durable.push(line);
      if (--killIn === 0) setTimeout(() => child.kill("SIGKILL"), Math.random() * 20);
    }
    assert.deepEqual(await exited, [null, "SIGKILL"]);
  }
  stop.abort();
  await writing;
  const again = await lab.open("b", { listen });
  await inSync(a, again);
  await assertEqual(a, again, space);
  for (const prefix of durable) assert.equal((await a.data.list(space, prefix)).length, 100, prefix);
});

test("a restored copy of a home loses nothing and reverts nothing, on either side", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  let b = await lab.open("b");
  const listen = b.sessions.addresses()[0]!;
  const space = await pair(a, b);
  await a.data.setMany(space, items("before/a", 50));
  await b.data.setMany(space, items("before/b", 50));
  await a.messages.send(b.id, "a 1");
  await b.messages.send(a.id, "b 1");
  await b.data.set(space, "shared", "old");
  await inSync(a, b);
  await b.close();
  await lab.backUp("b");

  b = await lab.open("b", { listen });
  await b.data.setMany(space, items("after/b", 50));
  await b.data.set(space, "shared", "new");
  await b.messages.send(a.id, "b 2");
  await a.data.setMany(space, items("after/a", 50));
  await a.messages.send(b.id, "a 2");
  await inSync(a, b);
  const before = { a: a.store.incarnation(), b: b.store.incarnation() };
  await b.close();
  await lab.restore("b");

  // What is written before the restored one meets the other again has to survive as well.
  b = await lab.open("b", { listen: "tcp://127.0.0.1:0", replicates: false });
  await b.data.set(space, "lonely", 1);
  await b.messages.send(a.id, "b 2 again");
  await b.close();
  b = await lab.open("b", { listen });
  await eventually("the restored one has everything", async () => (await b.data.list(space, "after")).length === 100);
  await inSync(a, b);
  assert.notEqual(b.store.incarnation(), before.b);
  assert.equal(a.store.incarnation(), before.a);
  await assertEqual(a, b, space);
  for (const { data, messages, id } of [a, b]) {
    assert.equal((await data.get(space, "shared"))?.value, "new");
    assert.equal((await data.get(space, "lonely"))?.value, 1);
    const all = await messages.list(id === a.id ? b.id : a.id);
    assert.deepEqual(all.map(({ text }) => text).toSorted(), ["a 1", "a 2", "b 1", "b 2", "b 2 again"]);
  }
});

test("a restored copy gets back what it had told a peer that has nothing new to say", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  let b = await lab.open("b");
  const listen = b.sessions.addresses()[0]!;
  const space = await pair(a, b);
  await a.data.set(space, "before", 1);
  await inSync(a, b);
  await b.close();
  await lab.backUp("b");
  b = await lab.open("b", { listen });
  await b.data.setMany(space, items("lost", 20));
  await inSync(a, b);
  await b.close();
  await lab.restore("b");

  b = await lab.open("b", { listen: "tcp://127.0.0.1:0", replicates: false });
  await b.data.set(space, "lonely", 1);
  await b.close();
  b = await lab.open("b", { listen });
  await eventually("it is back", async () => (await b.data.list(space, "lost")).length === 20);
  await inSync(a, b);
  await assertEqual(a, b, space);
});

test("a home without its database gets everything back, its own too", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  let b = await lab.open("b");
  const space = await pair(a, b);
  await b.data.setMany(space, items("b", 2500));
  await a.data.set(space, "a", 1);
  await inSync(a, b);
  const all = await contentsOf(b.store, space);
  await b.close();
  for (const name of await readdir(join(lab.dir, "b"))) if (name.startsWith("store.db")) await rm(join(lab.dir, "b", name));
  b = await lab.open("b");
  assert.equal(await b.store.direct(a.id), space);
  await eventually("everything again", async () => (await b.data.list(space, "")).length === 2501);
  await inSync(a, b);
  await assertEqual(a, b, space);
  const now = await contentsOf(b.store, space);
  for (const [path, ids] of all) for (const id of ids) assert.ok(path.startsWith("msg") || now.get(path)?.includes(id), path);
});

test("a clock an hour ahead is deferred and taken later, one an hour behind at once; nothing is lost", async () => {
  await using lab = await openLab();
  const HOUR = 3_600_000;
  let ofB = 0;
  const clock = { nowMs: () => Date.now() + ofB, monotonicMs: () => performance.now() };
  const a = await lab.open("a", { clock });
  const ahead = { nowMs: () => Date.now() + HOUR, monotonicMs: () => performance.now() };
  const b = await lab.open("b", { clock: ahead });
  const space = await pair(a, b);
  await b.data.set(space, "future", 1);
  await b.messages.send(a.id, "from the future");
  await a.data.set(space, "past", 1);
  await a.messages.send(b.id, "from the past");
  await eventually("deferred", async () => ((await a.replication.deferred()).get(b.id) ?? 0) >= 2);
  await eventually("the other way", async () => (await b.data.get(space, "past"))?.value === 1);
  await eventually("the message", async () => (await b.messages.unread(a.id)).length === 1);
  assert.equal(await a.data.get(space, "future"), undefined);
  assert.deepEqual(await a.messages.unread(b.id), []);
  await eventually("answered", () => b.replication.status(a.id).state === "in-sync");
  assert.equal(b.replication.status(a.id).refused, 0);
  ofB = HOUR;
  await a.data.set(space, "now", 1);
  await eventually("taken", async () => (await a.data.get(space, "future"))?.value === 1);
  assert.deepEqual(
    (await a.messages.unread(b.id)).map(({ text }) => text),
    ["from the future"],
  );
  await eventually("nothing deferred", async () => ((await a.replication.deferred()).get(b.id) ?? 0) === 0);
});

test("when more is deferred than there is room for, the rest waits at its author and comes later", async () => {
  await using lab = await openLab();
  let offset = 0;
  const a = await lab.open("a", { clock: { nowMs: () => Date.now() + offset, monotonicMs: () => performance.now() } });
  const b = await lab.open("b", { clock: { nowMs: () => Date.now() + 3_600_000, monotonicMs: () => performance.now() } });
  const space = await pair(a, b);
  await b.data.setMany(space, items("k", 2000));
  await eventually("held", () => b.replication.status(a.id).state === "pausing");
  assert.ok(((await a.replication.deferred()).get(b.id) ?? 0) > 0);
  offset = 3_600_000;
  await a.data.set(space, "wake", 1);
  await eventually("all of it", async () => (await a.data.list(space, "k")).length === 2000);
  await inSync(a, b);
  await assertEqual(a, b, space);
});

test("a removed peer gets nothing more, and gives nothing more", async () => {
  await using lab = await openLab();
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  await a.data.set(space, "k", 1);
  await inSync(a, b);
  await a.book.remove(b.id);
  await a.data.set(space, "k", 2);
  await b.data.set(space, "from b", 1);
  await eventually("the session is over", () => b.sessions.get(a.id) === undefined);
  await sleep(100);
  assert.equal((await b.data.get(space, "k"))?.value, 1);
  assert.equal(await a.data.get(space, "from b"), undefined);
  await a.book.add({
    peerId: b.id,
    name: "b",
    mine: false,
    pairedAtMs: 2,
    addresses: b.sessions.addresses(),
    secret: Buffer.alloc(32, 7),
  });
  await inSync(a, b);
  await assertEqual(a, b, space);
});
