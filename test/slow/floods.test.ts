// Paired peers that want the memory of a device: trees, lists, notes, blocks and offers without end, without measure, and byte by byte.
// The device is a process of its own, so that what it takes can be told. It stays small, and serves another peer all the while.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { u16, u32 } from "../../src/core/bytes.ts";
import { encodeCbor } from "../../src/core/cbor.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { WALK_ROUTE } from "../../src/services/files/trees/wire.ts";
import type { Stream } from "../../src/session/contract.ts";
import { pathOf } from "../../src/space/path.ts";
import { type Child, startChild } from "../files/children.ts";
import { fileOffer, frame, pack, TOKEN, treeOffer } from "../files/hand-sender.ts";
import { type Lab, openLab, watchUntil } from "../files/peers.ts";

const MiB = LIMITS.blockBytes;
/** A device that has to keep more than this in one of its threads ends. */
const HEAP_MIB = 128;
/** What a device may grow by under all of it, buffers of blocks and packs and the thread of trees included. */
const GROWTH_BYTES = 320 * MiB;

async function residentBytes({ pid }: Child): Promise<number> {
  // Nothing once it has ended.
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

type Answer = (stream: Stream) => Promise<void>;

const name = (n: number): string => `d/${String(n).padStart(12, "0")}`;

/** Packs without end, each made when there is room for it. */
const endless =
  (make: (path: string, n: number) => Buffer, each = 2000): Answer =>
  async (stream) => {
    await stream.write(frame(pack.directory("d")));
    for (let n = 0; ; n += each) await stream.write(frame(...Array.from({ length: each }, (_, i) => make(name(n + i), n + i))));
  };

/** Byte by byte, each in a frame of its own. */
const drip =
  (bytes: Buffer): Answer =>
  async (stream) => {
    for (let n = 0; ; n++) {
      await stream.write(bytes.subarray(n % bytes.length, (n % bytes.length) + 1));
      // What there is room for does not wait.
      if (n % 1000 === 0) await sleep(1);
    }
  };

const said =
  (...parts: readonly Buffer[]): Answer =>
  async (stream) => {
    for (const part of parts) await stream.write(part);
    // Never an end.
    await stream.closed;
  };

const raw = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts);
const depth = Array.from({ length: 30_000 }, () => "d").join("/");

const WALKS: Record<string, Answer> = {
  "empty files without end": endless((path) => pack.file(path, Buffer.alloc(0))),
  "large files without end": endless((path) => pack.large(path, MiB + 1)),
  "directories without end": endless((path) => pack.directory(path)),
  "links without end": endless((path, n) => pack.link(path, `${n}`.repeat(50))),
  "notes without end": endless((path) => pack.note(path, "special")),
  "notes with the longest paths": endless((path) => pack.note(`${path}${"n".repeat(240)}`, "special"), 1000),
  "content without end": endless((path, n) => pack.file(path, Buffer.alloc(MiB, n)), 1),
  "a pack of 4 GiB": said(u32(0xffff_fffe), Buffer.alloc(MiB)),
  "a file of 16 EiB": said(frame(pack.directory("d"), raw(Buffer.of(1), u16(3), Buffer.from("d/x"), Buffer.alloc(8, 0xff)))),
  "ten thousand levels": said(frame(pack.directory(depth))),
  "byte by byte": drip(frame(pack.directory("d"))),
  "signs of life, byte by byte": drip(u32(0xffff_ffff)),
  "half a pack, and nothing more": said(u32(LIMITS.treePackMaxBytes), Buffer.alloc(MiB)),
};
const FETCHES: Record<string, Answer> = {
  "blocks that are wrong": async (stream) => {
    for (;;) await stream.write(raw(Buffer.of(1), randomBytes(32), Buffer.alloc(MiB)));
  },
  "records of no kind": drip(Buffer.of(0xff)),
  zeros: drip(Buffer.of(0)),
  "a problem of 64 KiB": said(Buffer.alloc(70_000, 0xff)),
};

async function offerMany(
  { a, b }: Lab,
  count: number,
  value: (n: number) => Parameters<typeof encodeCbor>[0],
): Promise<string[]> {
  const space = await a.store.direct(b.id);
  const ids = Array.from({ length: count }, () => randomBytes(16).toString("hex"));
  for (let at = 0; at < count; at += 100)
    await a.store.write(
      space,
      ids.slice(at, at + 100).map((id, i) => ({ path: pathOf("offers", id), value: encodeCbor(value(at + i)) })),
    );
  return ids;
}

const largestRoots = Array.from({ length: LIMITS.offerRoots }, (_, i) => ({
  name: String(i).padStart(255, "r"),
  kind: "directory",
  files: Number.MAX_SAFE_INTEGER,
  bytes: LIMITS.blobBytes,
}));

test("what peers send without end and without measure costs a device some memory, and others are served", async (t) => {
  await using lab = await openLab({ handSender: true, mine: true });
  await using other = await openLab({ mine: true, from: lab.b });
  const { b } = lab;
  const address = b.sessions.addresses()[0]!;
  await b.close();
  await using child = await startChild([join(lab.dir, "b"), address], ["env", `NODE_OPTIONS=--max-old-space-size=${HEAP_MIB}`]);
  const answers = new Map<string, Answer>();
  const asked = new Set<string>();
  const open = new Set<Stream>();
  for (const [route, value] of [
    [WALK_ROUTE, {}],
    [FETCH_ROUTE, { token: TOKEN }],
  ] as const)
    lab.a.sessions.handle(route, async (call) => {
      const { offer } = call.args as { offer: string };
      const stream = await call.accept(value);
      asked.add(offer);
      open.add(stream);
      await answers.get(offer)!(stream).finally(() => open.delete(stream));
    });

  const file = join(lab.dir, "honest");
  await writeFile(file, randomBytes(3 * MiB));
  const serve = async (): Promise<void> => {
    const { offer } = await other.a.files.send(b.id, [file]);
    assert.equal((await watchUntil(other.a, offer.id)).offer.state, "done");
  };
  await serve();
  const atFirst = await residentBytes(child);
  let most = 0;
  const watching = setInterval(() => void residentBytes(child).then((bytes) => (most = Math.max(most, bytes))), 50);
  t.after(() => clearInterval(watching));

  const offerAll = async (all: Record<string, Answer>, value: () => Parameters<typeof encodeCbor>[0]): Promise<string[]> => {
    const ids = await offerMany(lab, Object.keys(all).length, value);
    for (const [i, answer] of Object.values(all).entries()) answers.set(ids[i]!, answer);
    return ids;
  };
  const phases: string[] = [];
  const untilAsked = async (what: string, wanted: readonly string[]): Promise<void> => {
    const deadline = performance.now() + 60_000;
    while (!wanted.every((id) => asked.has(id))) {
      assert.ok(performance.now() < deadline, `${what}: ${wanted.filter((id) => asked.has(id)).length} were asked for`);
      await sleep(200);
      // Those that only drip would keep their places for a minute.
      for (const stream of [...open].slice(0, 2)) stream.reset();
    }
    phases.push(`${what} ${Math.round(most / MiB)} MiB`);
  };
  await untilAsked("walks", await offerAll(WALKS, () => treeOffer(1000, 1000)));
  await serve();
  await untilAsked("files", await offerAll(FETCHES, () => fileOffer("f", 4 * MiB)));
  await serve();
  const many = await offerMany(lab, LIMITS.offersOpen, (n) =>
    n % 2 === 0
      ? treeOffer(1, 1, { roots: largestRoots, rootCount: Number.MAX_SAFE_INTEGER })
      : fileOffer("n".repeat(LIMITS.offerNameBytes), MiB),
  );
  for (const id of many) answers.set(id, said());
  await untilAsked("offers", many.slice(0, 8));
  await serve();
  t.diagnostic(`${Math.round(atFirst / MiB)} MiB at first, then at most: ${phases.join(", ")}`);
  assert.ok(most - atFirst < GROWTH_BYTES, `${Math.round((most - atFirst) / MiB)} MiB more`);
});
