// Peers that are paired and lie: what they get, what they cost, and that nothing outside the target directory is touched.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { sleep } from "../../src/core/async.ts";
import { systemClock } from "../../src/core/clock.ts";
import { encodeCbor, type Cbor } from "../../src/core/cbor.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { FETCH_ROUTE, RECORD } from "../../src/services/files/fetch/wire.ts";
import type { Stream } from "../../src/session/contract.ts";
import { pathOf } from "../../src/space/path.ts";
import { blobOf, block, end, fileOffer, honest, offer, TOKEN } from "./hand-sender.ts";
import { eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;
/** Two blocks and a bit. */
const content = randomBytes(2 * MiB + 100);

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const NAMES = [
  "../../x",
  "/etc/passwd",
  "..",
  ".",
  "",
  "a\0b",
  "\x1b[2J\x1b]0;x\x07",
  "n".repeat(4000),
  "..\\..\\x",
  "C:\\x",
  "link/x",
  "dir",
  "link",
  "\ud83d",
  "CON",
  "a/../../../x",
];

test("a name from a peer is one new file in the directory, whatever it says; nothing beside it changes", async () => {
  await using lab = await openLab({ handSender: true });
  await symlink(join(lab.dir, "outside"), join(lab.into, "link"));
  await mkdir(join(lab.into, "dir"));
  const bytes = Buffer.from("peer's bytes");
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    const stream = await call.accept({ token: TOKEN });
    await honest(stream, bytes);
    while ((await stream.read()) !== null);
  });
  let files = 0;
  for (const name of NAMES) {
    const value = name.isWellFormed() ? fileOffer(name, bytes.length) : fileOffer("\ufffd", bytes.length);
    const id = await offer(lab, value);
    await nextOffer(lab.b);
    await lab.b.files.accept(id, { into: lab.into });
    const {
      path,
      offer: { state },
    } = await watchUntil(lab.b, id);
    assert.equal(state, "done", JSON.stringify(name));
    assert.equal(join(path!, ".."), lab.into);
    assert.equal(await readFile(path!, "utf8"), "peer's bytes");
    files++;
    assert.equal((await readdir(lab.into)).length, files + 2, JSON.stringify(name));
  }
  assert.deepEqual((await readdir(lab.dir)).sort(), ["a", "b", "into", "outside"]);
});

test("a receiver gets what it was offered and nothing else, and asking oddly costs it only itself", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const path = join(lab.dir, "two");
  await writeFile(path, content);
  const { offer: mine } = await a.files.send(b.id, [path]);
  await nextOffer(b);
  const session = b.sessions.get(a.id)!;
  const ask = (args: Cbor) => session.open(FETCH_ROUTE, args, { timeoutMs: 5000 });
  const good = { offer: mine.id, size: content.length, ranges: [0, 3] };

  const refused: [code: string, args: Cbor][] = [
    ["refused", { ...good, offer: "0".repeat(32) }],
    ["protocol", { ...good, offer: blobOf(content) }],
    ["protocol", { ...good, offer: "../" }],
    ["changed", { ...good, size: 1 }],
    ["changed", { ...good, token: TOKEN }],
    ["protocol", { ...good, token: "x" }],
    ["protocol", { ...good, size: -1 }],
    ...[
      [0, 4],
      [3, 1],
      [0],
      [0, 0],
      [1, 1, 0, 1],
      [0, 2, 1, 1],
      [-1, 1],
      [0.5, 1],
      [0, 2 ** 53 - 1],
      [2 ** 53 - 1, 1],
      ["0", 1],
    ].map((ranges): [string, Cbor] => ["protocol", { ...good, ranges }]),
    ["protocol", { ...good, ranges: Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? 0 : 1)) }],
    ["protocol", null],
    ["protocol", []],
  ];
  for (const [code, args] of refused) await assert.rejects(ask(args), { code }, JSON.stringify(args).slice(0, 100));
  await assert.rejects(ask({ ...good, ranges: Array.from({ length: 2_000_000 }, () => 1) }), { name: "CoveyError" });

  // An offer that the asking peer made itself, and one that was declined.
  const { offer: own } = await b.files.send(a.id, [path]);
  await assert.rejects(ask({ ...good, offer: own.id }), { code: "refused" });
  const { stream } = await ask(good);
  stream.reset();
  await b.files.decline(mine.id);
  await watchUntil(a, mine.id);
  await assert.rejects(ask(good), { code: "refused" });
});

test("an offer to one peer gives another one nothing, and both hear the same", async () => {
  await using lab = await openLab();
  await using other = await openLab({ to: lab.a });
  const path = join(lab.dir, "secret");
  await writeFile(path, "secret");
  const { offer: theirs } = await lab.a.files.send(lab.b.id, [path]);
  const session = other.b.sessions.get(lab.a.id)!;
  const say = async (id: string): Promise<unknown> =>
    session
      .open(FETCH_ROUTE, { offer: id, size: 6, ranges: [0, 1] })
      .catch((error: unknown) => ({ ...(error as object), message: (error as Error).message }));
  assert.deepEqual(await say(theirs.id), await say("0".repeat(32)));
  // Nor can it end or take over the offer by writing entries of its own.
  const space = await other.b.store.direct(lab.a.id);
  await other.b.store.write(space, [
    { path: pathOf("offers", theirs.id), value: encodeCbor(fileOffer("mine now", 1)) },
    { path: pathOf("offers", theirs.id, other.b.id), value: encodeCbor({ v: 1, state: "declined" }) },
    { path: pathOf("offers", theirs.id, lab.b.id), value: encodeCbor({ v: 1, state: "declined" }) },
  ]);
  const marker = await other.b.files.send(lab.a.id, [path]);
  await eventually(async () => (await lab.a.files.offers()).some(({ id }) => id === marker.offer.id), true);
  assert.equal((await lab.a.files.offers()).find(({ id }) => id === theirs.id)!.state, "waiting");
  assert.equal((await lab.a.files.offers()).length, 2);
});

test("a receiver that reads and never says what it has does not make the sender keep the file in memory", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "big");
  await writeFile(path, "");
  await truncate(path, 128 * MiB);
  const { offer: mine } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  const args = { offer: mine.id, size: 128 * MiB, ranges: [0, 128] };
  const { stream } = await lab.b.sessions.get(lab.a.id)!.open(FETCH_ROUTE, args);
  for (let got = 0; got < 128 * MiB; got += (await stream.read())!.length);
  // Buffers whose finalizers have not run yet are counted too, so one look may come too early.
  await eventually(async () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers < 64 * MiB;
  }, true);
  stream.reset();
});

test("a receiver that never reads is cut off, and the offer stays", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  await using lab = await openLab();
  const path = join(lab.dir, "big");
  await writeFile(path, randomBytes(16 * MiB));
  const { offer: mine } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  const { stream } = await lab.b.sessions.get(lab.a.id)!.open(FETCH_ROUTE, { offer: mine.id, size: 16 * MiB, ranges: [0, 16] });
  let over = false;
  void stream.closed.then(() => (over = true));
  for (let i = 0; i < 1000 && !over; i++) {
    t.mock.timers.tick(LIMITS.fileStallMs / 2);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(over);
  assert.equal((await lab.a.files.offers())[0]!.state, "waiting");
});

test("a file of which every byte is here is done, though its sender never ends the stream, or cuts it", async () => {
  await using lab = await openLab({ handSender: true });
  const bytes = Buffer.from("all of it");
  const afterwards = [
    (stream: Stream) => stream.closed,
    async (stream: Stream) => {
      while ((await stream.read()) !== null);
      await stream.write(Buffer.alloc(1));
      return stream.closed;
    },
    async (stream: Stream) => {
      await stream.read();
      stream.reset();
    },
  ];
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    const stream = await call.accept({ token: TOKEN });
    await stream.write(block(bytes));
    await stream.write(end(blobOf(bytes)));
    await afterwards.shift()!(stream);
  });
  while (afterwards.length > 0) {
    const id = await offer(lab, fileOffer("file", bytes.length));
    await nextOffer(lab.b);
    await lab.b.files.accept(id, { into: lab.into });
    assert.equal((await watchUntil(lab.b, id)).offer.state, "done");
  }
});

test("senders that only say that they live, or send a byte now and then, do not keep others waiting", async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
  await using lab = await openLab({ handSender: true, clock });
  await using second = await openLab({ handSender: true, from: lab.b });
  await using third = await openLab({ handSender: true, from: lab.b });
  const drips = [Buffer.of(RECORD.busy), Buffer.of(RECORD.block)];
  let dripping = 0;
  for (const [at, { a }] of [lab, second].entries())
    a.sessions.handle(FETCH_ROUTE, async (call) => {
      const stream = await call.accept({ token: TOKEN });
      dripping++;
      for (; ; await sleep(10)) await stream.write(drips[at]!);
    });
  third.a.sessions.handle(FETCH_ROUTE, async (call) => honest(await call.accept({ token: TOKEN }), content));
  const accepted = async (from: Lab): Promise<string> => {
    const id = await offer(from, fileOffer("file", content.length));
    await nextOffer(lab.b);
    await lab.b.files.accept(id, { into: lab.into });
    return id;
  };
  for (const from of [lab, second]) for (let i = 0; i < LIMITS.filesAtOncePerPeer; i++) await accepted(from);
  await eventually(async () => dripping, LIMITS.filesAtOnce);
  const id = await accepted(third);
  const minutes = setInterval(() => (aheadMs += LIMITS.filePaceMs), 20);
  const { offer: received } = await watchUntil(lab.b, id).finally(() => clearInterval(minutes));
  assert.equal(received.state, "done");
  const states = (await lab.b.files.offers()).map(({ state }) => state);
  assert.deepEqual(states, [...Array.from({ length: LIMITS.filesAtOnce }, () => "accepted"), "done"]);
});
