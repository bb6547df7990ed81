// Peers that are paired and lie: what they get, what they cost, and that nothing outside the target directory is touched.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { encodeCbor, type Cbor } from "../../src/core/cbor.ts";
import { fromHex, u16 } from "../../src/core/bytes.ts";
import { hash } from "../../src/core/hash.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { blockLength, Manifest } from "../../src/blob/manifest.ts";
import { FETCH_ROUTE, RECORD } from "../../src/services/files/wire.ts";
import type { Call, Stream } from "../../src/session/contract.ts";
import { pathOf } from "../../src/space/path.ts";
import { b3, canary, eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const MiB = LIMITS.blockBytes;
const TOKEN = "ab".repeat(16);

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

interface Args {
  readonly size: number;
  readonly ranges: readonly number[];
}

/** A file that the test offers by hand. */
async function offer(lab: Lab, value: Cbor): Promise<string> {
  const id = randomBytes(16).toString("hex");
  await lab.a.store.write(await lab.a.store.direct(lab.b.id), [{ path: pathOf("offers", id), value: encodeCbor(value) }]);
  return id;
}

const fileOffer = (name: string, size: number): Cbor => ({ v: 1, kind: "file", name, size, mtimeMs: 1_000 });

const block = (bytes: Buffer, digest = hash(bytes)): Buffer => Buffer.concat([Buffer.of(RECORD.block), digest, bytes]);
const end = (blob: string): Buffer => Buffer.concat([Buffer.of(RECORD.end), fromHex(blob)!]);

function blobOf(content: Buffer): string {
  const manifest = new Manifest(content.length);
  for (let i = 0; i < manifest.blocks; i++)
    manifest.set(i, hash(content.subarray(i * MiB, i * MiB + blockLength(content.length, i))));
  return manifest.blobId();
}

/** What an honest sender would send. */
async function honest(stream: Stream, content: Buffer): Promise<void> {
  for (let at = 0; at < content.length; at += MiB) await stream.write(block(content.subarray(at, at + MiB)));
  await stream.write(end(blobOf(content)));
  await stream.end();
}

/** Everything that such a sender can do wrong on the stream of a file of two blocks and a bit. */
const content = randomBytes(2 * MiB + 100);
const LIES: [what: string, lie: (stream: Stream) => Promise<void>][] = [
  ["a block that does not agree with its hash", (s) => s.write(block(content.subarray(0, MiB), randomBytes(32)))],
  [
    "the end before all blocks",
    async (s) => {
      await s.write(block(content.subarray(0, MiB)));
      await s.write(end(blobOf(content)));
    },
  ],
  [
    "another block's bytes under the right hashes, so that only the blob's id is wrong",
    async (s) => {
      for (const at of [MiB, 0, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(end(blobOf(content)));
      await s.end();
    },
  ],
  [
    "a wrong blob id",
    async (s) => {
      for (const at of [0, MiB, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(end("00".repeat(32)));
      await s.end();
    },
  ],
  [
    "a block more than the file has",
    async (s) => {
      for (const at of [0, MiB, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(block(content.subarray(0, MiB)));
    },
  ],
  [
    "bytes after the end",
    async (s) => {
      for (const at of [0, MiB, 2 * MiB]) await s.write(block(content.subarray(at, at + MiB)));
      await s.write(end(blobOf(content)));
      await s.write(Buffer.from("more"));
      await s.end();
    },
  ],
  [
    "an end in the middle of a block",
    async (s) => {
      await s.write(block(content.subarray(0, MiB)).subarray(0, 1000));
      await s.end();
    },
  ],
  ["a record that does not exist", (s) => s.write(Buffer.of(9))],
  ["a problem of 64 KiB", (s) => s.write(Buffer.concat([Buffer.of(RECORD.problem), u16(65_535), Buffer.alloc(65_535)]))],
  ["a problem that is no CBOR", (s) => s.write(Buffer.concat([Buffer.of(RECORD.problem), u16(3), Buffer.of(255, 255, 255)]))],
  [
    "a problem with escape sequences in it",
    (s) => {
      const body = encodeCbor({ code: "internal", message: "\x1b[2J\x1b]52;c;aGk=\x07" });
      return s.write(Buffer.concat([Buffer.of(RECORD.problem), u16(body.length), body]));
    },
  ],
];

test("whatever a sender lies about on the stream, no byte of it is seen under the name, and the honest try after it succeeds", async () => {
  await using lab = await openLab({ handSender: true });
  let lie: ((stream: Stream) => Promise<void>) | undefined;
  lab.a.sessions.handle(FETCH_ROUTE, async (call: Call) => {
    const now = lie;
    lie = undefined;
    const stream = await call.accept({ token: TOKEN });
    if (now !== undefined) {
      await now(stream);
      await stream.closed;
      return;
    }
    const { ranges } = call.args as Args;
    for (let i = 0; i < ranges.length; i += 2) {
      for (let n = ranges[i]!; n < ranges[i]! + ranges[i + 1]!; n++)
        await stream.write(block(content.subarray(n * MiB, (n + 1) * MiB)));
    }
    await stream.write(end(blobOf(content)));
    await stream.end();
    while ((await stream.read()) !== null);
  });
  for (const [what, one] of LIES) {
    lie = one;
    const id = await offer(lab, fileOffer("file", content.length));
    await nextOffer(lab.b);
    await lab.b.files.accept(id, { into: lab.into });
    const done = await watchUntil(lab.b, id);
    assert.equal(done.offer.state, "done", what);
    assert.equal(done.blake3, b3(content), what);
  }
  for (const name of await readdir(lab.into)) assert.ok((await readFile(join(lab.into, name))).equals(content), name);
  assert.equal((await readdir(lab.into)).length, LIES.length);
});

test("a sender that goes on lying fails, in words without its escape sequences, and leaves nothing", async () => {
  await using lab = await openLab({ handSender: true });
  let tries = 0;
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    tries++;
    const stream = await call.accept({ token: TOKEN });
    const body = encodeCbor({ code: "internal", message: "\x1b[2J\n" });
    await stream.write(Buffer.concat([Buffer.of(RECORD.problem), u16(body.length), body]));
    await stream.closed;
  });
  const id = await offer(lab, fileOffer("file", content.length));
  await nextOffer(lab.b);
  await lab.b.files.accept(id, { into: lab.into });
  const failed = await watchUntil(lab.b, id);
  assert.equal(failed.offer.state, "failed");
  assert.equal(tries, LIMITS.fileFaults + 1);
  assert.doesNotMatch(failed.problem!.message, /[\x00-\x1f\x7f-\x9f]/);
  assert.notEqual(failed.problem!.hint, undefined);
  await eventually(() => readdir(lab.into), []);
});

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
  const outside = join(lab.dir, "outside");
  await mkdir(join(outside, "deep"), { recursive: true });
  await writeFile(join(outside, "deep", "x"), "canary");
  await symlink(outside, join(lab.into, "link"));
  await mkdir(join(lab.into, "dir"));
  const before = await canary(outside);
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
  assert.deepEqual(await canary(outside), before);
  assert.deepEqual((await readdir(lab.dir)).sort(), ["a", "b", "into", "outside"]);
});

test("offers that make no sense are not shown, and those after them are", async () => {
  await using lab = await openLab({ handSender: true });
  const sense = fileOffer("sense", 1) as Record<string, Cbor>;
  const senseless: Cbor[] = [
    ...[-1, 0.5, 2 ** 53 - 1, LIMITS.blobBytes + 1, 1e300, "1", null].map((size) => ({ ...sense, size })),
    ...[-1e15, 1e15, 0.5, "now"].map((mtimeMs) => ({ ...sense, mtimeMs })),
    { ...sense, name: 7 },
    { ...sense, name: "n".repeat(LIMITS.offerNameBytes + 1) },
    { ...sense, v: 2 },
    { ...sense, kind: "directory" },
    [],
    null,
    "file",
    { v: 1 },
  ];
  for (const value of senseless) await offer(lab, value);
  const space = await lab.a.store.direct(lab.b.id);
  for (const path of [pathOf("offers"), pathOf("offers", "x"), pathOf("offers", "x", "y", "z"), pathOf("offers", "0".repeat(32))])
    await lab.a.store.write(space, [{ path, value: Buffer.from("not CBOR") }]);
  const id = await offer(lab, { ...sense, later: "fields are for later versions" });
  assert.equal((await nextOffer(lab.b)).id, id);
  assert.equal((await lab.b.files.offers()).length, 1);
});

test("more offers than there is room for wait in the space until some are answered", async () => {
  await using lab = await openLab({ handSender: true });
  const space = await lab.a.store.direct(lab.b.id);
  const extra = 5;
  const writes = Array.from({ length: LIMITS.offersWaiting + extra }, (_, i) => ({
    path: pathOf("offers", i.toString(16).padStart(32, "0")),
    value: encodeCbor(fileOffer(`n${i}`, 1)),
  }));
  await lab.a.store.write(space, writes);
  await eventually(async () => (await lab.b.files.offers()).length, LIMITS.offersWaiting);
  const [first] = await lab.b.files.offers();
  await lab.b.files.decline(first!.id);
  await eventually(async () => (await lab.b.files.offers()).length, LIMITS.offersWaiting + 1);
});

test("a receiver gets what it was offered and nothing else, and asking oddly costs it only itself", async () => {
  await using lab = await openLab();
  const { a, b } = lab;
  const path = join(lab.dir, "two");
  await writeFile(path, content);
  const { offer: mine } = await a.files.send(b.id, path);
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
  const { offer: own } = await b.files.send(a.id, path);
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
  const { offer: theirs } = await lab.a.files.send(lab.b.id, path);
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
  const marker = await other.b.files.send(lab.a.id, path);
  await eventually(async () => (await lab.a.files.offers()).some(({ id }) => id === marker.offer.id), true);
  assert.equal((await lab.a.files.offers()).find(({ id }) => id === theirs.id)!.state, "waiting");
  assert.equal((await lab.a.files.offers()).length, 2);
});

test("a receiver that reads and never says what it has does not make the sender keep the file in memory", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "big");
  await writeFile(path, "");
  await truncate(path, 128 * MiB);
  const { offer: mine } = await lab.a.files.send(lab.b.id, path);
  await nextOffer(lab.b);
  const args = { offer: mine.id, size: 128 * MiB, ranges: [0, 128] };
  const { stream } = await lab.b.sessions.get(lab.a.id)!.open(FETCH_ROUTE, args);
  for (let got = 0; got < 128 * MiB; got += (await stream.read())!.length);
  collectGarbage();
  const held = process.memoryUsage().arrayBuffers;
  assert.ok(held < 64 * MiB, `${held} bytes are held`);
  stream.reset();
});

test("a receiver that never reads is cut off, and the offer stays", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  await using lab = await openLab();
  const path = join(lab.dir, "big");
  await writeFile(path, randomBytes(16 * MiB));
  const { offer: mine } = await lab.a.files.send(lab.b.id, path);
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
