// Peers that are paired and lie about trees: what they get, what they cost, and that nothing outside the target directory is touched.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { systemClock } from "../../src/core/clock.ts";
import { u32 } from "../../src/core/bytes.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { readPack } from "../../src/blob/tree/pack.ts";
import { createStreamReader } from "../../src/session/stream-io.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { completeRecord } from "../../src/services/files/offers/records.ts";
import { Agreement } from "../../src/services/files/trees/agreement.ts";
import { TreeProgress } from "../../src/services/files/trees/tree-progress.ts";
import { WALK_ROUTE } from "../../src/services/files/trees/wire.ts";
import type { Call, Stream } from "../../src/session/contract.ts";
import type { Transfer } from "../../src/services/files/contract.ts";
import { block, frame, offer, pack, TOKEN, treeOffer } from "./hand-sender.ts";
import { eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const { file, large, directory, link, note } = pack;
const MiB = LIMITS.blockBytes;
const text = Buffer.from("peer's bytes");

/** A tree that somebody agreed to. */
const AGREED = completeRecord({
  number: 1,
  id: "none",
  peer: "none",
  direction: "in",
  kind: "tree",
  name: "d",
  size: 0,
  mtimeMs: 0,
  executable: false,
  roots: [{ name: "d", kind: "directory", files: 0, bytes: 0 }],
  rootCount: 1,
  offeredAtMs: 0,
  state: "accepted",
  agreedBytes: 0,
});

type Answer = (stream: Stream, call: Call) => Promise<void>;

/** Every walk of an offer is answered as it says here. */
function answerWalks(lab: Lab): Map<string, Answer> {
  const answers = new Map<string, Answer>();
  lab.a.sessions.handle(WALK_ROUTE, async (call) => {
    const stream = await call.accept({});
    await answers.get((call.args as { offer: string }).offer)!(stream, call);
    await stream.end();
    while ((await stream.read()) !== null);
  });
  return answers;
}

/** Offers a tree that is sent by hand into a directory of its own; resolves to how it ended. Nothing is left but what arrived. */
async function receive(
  lab: Lab,
  answers: Map<string, Answer>,
  value: ReturnType<typeof treeOffer>,
  answer: Answer,
): Promise<Transfer & { readonly into: string }> {
  const id = await offer(lab, value);
  answers.set(id, answer);
  const into = join(lab.into, id);
  await mkdir(into);
  await eventually(async () => (await lab.b.files.offers()).some((known) => known.id === id), true);
  await lab.b.files.accept(id, { into });
  const ended = await watchUntil(lab.b, id);
  await eventually(async () => (await readdir(into)).filter((name) => name.startsWith(".covey")), []);
  return { ...ended, into };
}

const WRONG: [what: string, code: string, frames: Buffer[]][] = [
  ["a path that climbs", "protocol", [frame(directory("d"), file("d/../../x", text))]],
  ["an absolute path", "protocol", [frame(file("/tmp/x", text))]],
  ["a path of nothing", "protocol", [frame(file("", text))]],
  ["a path with a NUL", "protocol", [frame(directory("d"), file("d/a\0b", text))]],
  ["a path with an empty name", "protocol", [frame(directory("d"), file("d//x", text))]],
  ["a child before its directory", "protocol", [frame(file("d/x", text))]],
  ["a child of a file", "protocol", [frame(directory("d"), file("d/x", text), file("d/x/y", text))]],
  ["a child of a link", "protocol", [frame(directory("d"), link("d/l", "e"), file("d/l/y", text))]],
  ["the same path twice", "protocol", [frame(directory("d"), file("d/x", text), file("d/x", text))]],
  ["a path that goes back", "protocol", [frame(directory("d"), file("d/y", text)), frame(file("d/x", text))]],
  [
    "a path back in a directory that was left",
    "protocol",
    [frame(directory("d"), directory("d/e"), file("d/f", text)), frame(file("d/e/x", text))],
  ],
  ["content that is not of its hash", "integrity", [frame(directory("d"), file("d/x", text, randomBytes(32)))]],
  ["the content of a large file", "protocol", [frame(directory("d"), file("d/x", Buffer.alloc(LIMITS.smallFileBytes + 1)))]],
  ["a size beyond all limits", "protocol", [frame(directory("d"), large("d/x", LIMITS.blobBytes + 1))]],
  ["a record of no known type", "protocol", [frame(Buffer.of(9, 0, 1, 0x64))]],
  ["a record that ends early", "protocol", [frame(directory("d").subarray(0, 6))]],
  ["a pack longer than any", "protocol", [u32(LIMITS.treePackMaxBytes + 1)]],
  ["something that was not offered", "protocol", [frame(directory("d"), file("evil.sh", text))]],
  ["something that was not offered, first", "protocol", [frame(file("a", text), directory("d"))]],
  ["a note that only a receiver has", "protocol", [frame(directory("d"), note("d/x", "exists"))]],
];
test("what can't be part of a tree ends it in words, and nothing of it is there", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const check = async ([what, code, frames]: (typeof WRONG)[number]): Promise<void> => {
    let walks = 0;
    const ended = await receive(lab, answers, treeOffer(5, 1000), async (stream) => {
      walks++;
      for (const bytes of frames) await stream.write(bytes);
      await stream.write(u32(0));
    });
    assert.equal(ended.offer.state, "failed", what);
    assert.equal(ended.problem!.code, code, `${what}: ${ended.problem!.message}`);
    assert.equal(walks, LIMITS.fileFaults + 1, what);
    assert.deepEqual(await readdir(ended.into), [], what);
  };
  await Promise.all(WRONG.map(check));
  assert.deepEqual((await readdir(lab.dir)).sort(), ["a", "b", "into", "outside"]);
});

/** Packs without end, each made when there is room for it. */
async function endless(stream: Stream, next: (n: number) => Buffer[]): Promise<void> {
  for (let n = 0; ; n++) await stream.write(frame(...next(n)));
}
const name = (n: number): string => `d/${String(n).padStart(12, "0")}`;
const names = (n: number, make: (path: string) => Buffer): Buffer[] =>
  Array.from({ length: 5000 }, (_, i) => make(name(n * 5000 + i)));

const ENDLESS: [what: string, next: (n: number) => Buffer[]][] = [
  ["empty files", (n) => [...(n === 0 ? [directory("d")] : []), ...names(n, (path) => file(path, Buffer.alloc(0)))]],
  ["large files that it never sends", (n) => [...(n === 0 ? [directory("d")] : []), ...names(n, (path) => large(path, 1))]],
  [
    "one file larger than everything",
    (n) => (n === 0 ? [directory("d"), large("d/x", 1024 * 1024 * MiB)] : [directory(`d/y${String(n).padStart(12, "0")}`)]),
  ],
  ["content", (n) => [...(n === 0 ? [directory("d")] : []), file(name(n), Buffer.alloc(MiB, n))]],
];
test("a tree without end is given up in time, whatever it is made of, and leaves nothing", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const check = async ([what, next]: (typeof ENDLESS)[number]): Promise<void> => {
    const ended = await receive(lab, answers, treeOffer(5, 1000), (stream) => endless(stream, next));
    assert.equal(ended.offer.state, "failed", what);
    assert.equal(ended.problem!.code, "changed", `${what}: ${ended.problem!.message}`);
    assert.match(ended.problem!.message, /much larger/);
    assert.deepEqual(await readdir(ended.into), [], what);
  };
  await Promise.all(ENDLESS.map(check));
});

test("directories and links without end are given up long before they are all that a disk can hold", async () => {
  await using lab = await openLab();
  const of = async (agreedFiles: number, make: (path: string) => Buffer): Promise<number> => {
    const progress = await TreeProgress.load({ store: lab.b.store, clock: systemClock }, "none");
    const agreement = new Agreement({ ...AGREED, agreedFiles }, progress);
    for (let n = 0; n < 100; n++) {
      const grown = agreement.take(Buffer.concat([...(n === 0 ? [directory("d")] : []), ...names(n, make)]));
      if (grown !== undefined) return parseInt(grown);
    }
    return Infinity;
  };
  const most = LIMITS.treeGrowthOthers;
  for (const make of [(path: string) => link(path, "x"), directory]) {
    const few = await of(0, make);
    assert.ok(few > most && few <= most + 5000, String(few));
    const many = await of(10_000, make);
    assert.ok(many > few && many < Infinity, String(many));
  }
});

test("of notes without end, a few are kept and all are counted", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const packs = 20;
  const ended = await receive(lab, answers, treeOffer(1, 10), async (stream) => {
    for (let n = 0; n < packs; n++)
      await stream.write(frame(...(n === 0 ? [directory("d")] : []), ...names(n, (path) => note(path, "special"))));
    await stream.write(u32(0));
  });
  assert.equal(ended.offer.state, "done", JSON.stringify(ended.problem));
  assert.equal(ended.notes.count, packs * 5000);
  assert.equal(ended.notes.first.length, LIMITS.treeNotes);
});

test("paths as long as they can be fill no record: their notes have a bound of their own", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const parents = Array.from({ length: 15 }, (_, i) => ["d", ...Array.from({ length: i }, () => "p".repeat(250))].join("/"));
  const deep = parents.at(-1)!;
  const ended = await receive(lab, answers, treeOffer(1, 10), async (stream) => {
    await stream.write(frame(...parents.map(directory)));
    for (let n = 0; n < 5; n++)
      await stream.write(
        frame(...Array.from({ length: 200 }, (_, i) => note(`${deep}/${String(n * 200 + i).padStart(250, "0")}`, "special"))),
      );
    await stream.write(u32(0));
  });
  assert.equal(ended.offer.state, "done", JSON.stringify(ended.problem));
  assert.equal(ended.notes.count, 1000);
  assert.ok(JSON.stringify(ended.notes).length < 2 * LIMITS.treeNoteChars);
});

test("links that lead out are noted, and not made", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const targets = ["..", "../x", "/etc/passwd", "e/../../x", "./../../x", "a/b/../../../x"];
  const ended = await receive(lab, answers, treeOffer(0, 0), async (stream) => {
    await stream.write(
      frame(directory("d"), ...targets.map((target, i) => link(`d/l${i}`, target)), link("e", "d"), link("f", "../outside")),
    );
    await stream.write(u32(0));
  });
  assert.equal(ended.offer.state, "failed", "two roots were not offered");
  const inside = await receive(lab, answers, treeOffer(0, 0), async (stream) => {
    await stream.write(frame(directory("d"), ...targets.map((target, i) => link(`d/l${i}`, target)), link("d/ok", "l0")));
    await stream.write(u32(0));
  });
  assert.equal(inside.offer.state, "done", JSON.stringify(inside.problem));
  assert.deepEqual(await readdir(join(inside.into, "d")), ["ok"]);
  assert.deepEqual(
    inside.notes.first,
    targets.map((_, i) => ({ path: `d/l${i}`, code: "link-outside" })),
  );
});

test("counts and previews that are wrong change nothing about what may come", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const send: Answer = async (stream) => {
    await stream.write(frame(directory("d"), ...Array.from({ length: 50 }, (_, i) => file(`d/${10 + i}`, text))));
    await stream.write(u32(0));
  };
  // Fewer than come, more than come, and a first name that is none of them.
  for (const value of [treeOffer(1, 1), treeOffer(1e9, 0), treeOffer(0, 0, { rootCount: 0 })]) {
    const ended = await receive(lab, answers, value, send);
    assert.equal(ended.offer.state, "done", JSON.stringify(ended.problem));
    assert.equal((await readdir(join(ended.into, "d"))).length, 50);
  }
  const roots = [{ name: "../../x", kind: "directory", files: 1, bytes: 1 }];
  const climbs = await receive(lab, answers, treeOffer(1, 1, { roots }), send);
  assert.equal(climbs.offer.state, "failed");
  assert.equal(climbs.problem!.code, "protocol");
});

test("a sender may say that it lives, and send byte by byte", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const busy = u32(0xffff_ffff);
  let walks = 0;
  const ended = await receive(lab, answers, treeOffer(1, 12), async (stream) => {
    walks++;
    for (let i = 0; i < 200; i++) await stream.write(busy);
    await stream.write(frame(directory("d")));
    // Byte by byte.
    for (const byte of frame(file("d/x", text))) await stream.write(Buffer.of(byte));
    await stream.write(u32(0));
  });
  assert.equal(ended.offer.state, "done");
  assert.equal(walks, 1);
});

test("a large file comes from the sender with wrong blocks, or as another one than was asked for: nothing of it is taken", async () => {
  await using lab = await openLab({ handSender: true });
  const answers = answerWalks(lab);
  const asked: unknown[] = [];
  lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
    asked.push((call.args as { path: unknown }).path);
    const stream = await call.accept({ token: TOKEN });
    await stream.write(block(randomBytes(2 * MiB).subarray(0, MiB), randomBytes(32)));
    await stream.end();
    while ((await stream.read()) !== null);
  });
  const ended = await receive(lab, answers, treeOffer(1, 2 * MiB), async (stream, { args }) => {
    if ((args as { after?: string }).after === undefined) await stream.write(frame(directory("d"), large("d/x", 2 * MiB)));
    await stream.write(u32(0));
  });
  assert.equal(ended.offer.state, "failed");
  assert.equal(ended.problem!.code, "integrity", ended.problem!.message);
  assert.deepEqual(new Set(asked), new Set(["d/x"]));
  assert.deepEqual(await readdir(ended.into), []);
});

test("a receiver reaches nothing but what it was offered, by whatever path", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "tree");
  await mkdir(join(path, "sub"), { recursive: true });
  await writeFile(join(path, "sub", "x"), "theirs to read");
  await symlink("/etc/passwd", join(path, "link"));
  await symlink(join(lab.dir, "outside"), join(path, "out"));
  const { offer: mine } = await lab.a.files.send(lab.b.id, [path]);
  await nextOffer(lab.b);
  const session = lab.b.sessions.get(lab.a.id)!;
  const walk = (args: object) => session.open(WALK_ROUTE, { offer: mine.id, path: "", content: true, deep: true, ...args });
  const fetch = (args: object) => session.open(FETCH_ROUTE, { offer: mine.id, size: 0, ranges: [], ...args });
  for (const at of ["..", "tree/..", "tree/../..", "/", "/etc", "tree/out/x", "tree/sub/..", "nothing", "tree/\0", "tree//sub"]) {
    await assert.rejects(walk({ path: at }), { code: "not-found" }, at);
    await assert.rejects(fetch({ path: at }), { code: "not-found" }, at);
  }
  for (const at of ["tree", "tree/link", "tree/out"]) await assert.rejects(fetch({ path: at }), { code: "not-found" }, at);
  for (const at of ["tree/link", "tree/out"]) {
    const reader = createStreamReader((await walk({ path: at })).stream, "a walk");
    const length = (await reader.readExactly(4, 4)).readUInt32BE();
    const records = [...readPack(await reader.readExactly(length, MiB))];
    assert.deepEqual(records, [{ type: "note", path: at.slice(5), code: "link-outside" }]);
  }
  // A tree is no file, and no other id is anything.
  await assert.rejects(fetch({}), { code: "refused" });
  await assert.rejects(walk({ offer: "0".repeat(32) }), { code: "refused" });
  await assert.rejects(fetch({ offer: "0".repeat(32), path: "tree/sub/x" }), { code: "refused" });
  await assert.rejects(walk({ path: "x".repeat(LIMITS.treePathBytes + 1) }), { code: "protocol" });
  await lab.b.files.decline(mine.id);
  await eventually(async () => (await lab.a.files.offers())[0]!.state, "declined");
  await assert.rejects(walk({}), { code: "refused" });
  await assert.rejects(fetch({ path: "tree/sub/x" }), { code: "refused" });
});

test("a receiver has few walks at once, and those that it leaves standing are cut when their offer is over", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "tree");
  await mkdir(path);
  for (let i = 0; i < 30; i++) await writeFile(join(path, `f${i}`), randomBytes(MiB / 2));
  const streams: Stream[] = [];
  const ids: string[] = [];
  for (let i = 0; i <= LIMITS.walksServedPerPeer; i++)
    ids.push(
      (await lab.a.files.send(lab.b.id, [path, join(lab.dir, "outside"), ...(i > 0 ? [join(path, `f${i}`)] : [])])).offer.id,
    );
  const session = lab.b.sessions.get(lab.a.id)!;
  const walk = (id: string) => session.open(WALK_ROUTE, { offer: id, path: "", content: true, deep: true });
  for (const id of ids.slice(0, -1)) streams.push((await walk(id)).stream);
  await assert.rejects(walk(ids.at(-1)!), { code: "limit" });
  // Asked for again, it takes the place of what was asked for before.
  const again = await walk(ids[0]!);
  assert.equal((await streams[0]!.closed)?.code, "closed");
  await lab.a.files.cancel(ids[0]!);
  assert.equal((await again.stream.closed)?.code, "closed");
  for (const stream of streams) stream.reset();
});
