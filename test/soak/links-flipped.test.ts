// Another process of the same user exchanges directories and files with links to a canary tree, as fast as it can, while ten thousand
// files are pulled: in the source while they are read, in the target while they are merged into it. Not a byte of the canary goes over
// the wire, nothing in it is changed, and nothing in it is read. What is pulled may be incomplete, or fail; it ends.

import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { startScript } from "../../src/blob/tree/test-kit.ts";
import { WALK_ROUTE } from "../../src/services/files/trees/wire.ts";
import { loadShares } from "../../src/services/files/shares/share-records.ts";
import { eventually, type Lab, openLab, watchUntil } from "../files/peers.ts";
import { soakMs } from "./duration.ts";

/** Where nothing waits for a disk, there are more meetings. */
const FAST = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const DIRECTORIES = 50;
const FILES = 200;
const OURS = "ours, to be had";
const THEIRS = "the canary sings";
const FLIPPED = ["d05", "d15", "d25", "d35", "d45"];

function fill(dir: string): void {
  for (let d = 0; d < DIRECTORIES; d++) {
    const path = join(dir, `d${String(d).padStart(2, "0")}`);
    mkdirSync(path, { recursive: true });
    for (let f = 0; f < FILES; f++) writeFileSync(join(path, `f${f}`), OURS);
  }
}

/** A tree with the names that the other one has, so that a link to it leads somewhere. */
function plantCanary(lab: Lab): { readonly path: string; check(): void } {
  const path = join(lab.dir, "canary");
  mkdirSync(path);
  const files = Array.from({ length: FILES }, (_, f) => join(path, `f${f}`));
  for (const file of files) writeFileSync(file, THEIRS);
  const all = [...files, path];
  const age = (): void => {
    for (const one of all) utimesSync(one, 1e9, 1.1e9);
  };
  const facts = (): unknown =>
    all.map((one) => {
      const { mode, ino, size, mtimeMs, atimeMs } = lstatSync(one);
      return { one, mode, ino, size, mtimeMs, atimeMs };
    });
  // What is read the first time after a change says so in its time of access: seen here, or the check would see nothing.
  age();
  readdirSync(path);
  for (const file of files) readFileSync(file);
  assert.ok(all.every((one) => statSync(one).atimeMs !== 1e12));
  age();
  const before = facts();
  return {
    path,
    check() {
      // The times first: to look at the rest is to read it.
      assert.deepEqual(facts(), before);
      assert.deepEqual(readdirSync(path).length, FILES);
      for (const file of files) assert.equal(readFileSync(file, "utf8"), THEIRS);
      age();
    },
  };
}

/** Its arguments: a directory of its own, and the names, each followed by where its link leads. Whatever stands under a name goes aside. */
const FLIPPER = `
import { renameSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
const [aside, ...rest] = process.argv.slice(1);
const places = [];
for (let i = 0; i < rest.length; i += 2) places.push({ name: rest[i], target: rest[i + 1], kept: join(aside, String(i)) });
const attempt = (work) => { try { work(); return true; } catch { return false; } };
let strays = 0;
console.log("ready");
for (;;) {
  for (const { name, target, kept } of places) {
    if (!attempt(() => renameSync(name, kept))) attempt(() => renameSync(name, join(aside, "stray" + strays++)));
    attempt(() => symlinkSync(target, name));
  }
  for (const { name, kept } of places) {
    attempt(() => unlinkSync(name));
    attempt(() => renameSync(kept, name));
  }
}`;

/** Five directories and two files of the tree become links to their likes in the canary and are themselves again. */
function flip(lab: Lab, tree: string, canary: string): ReturnType<typeof startScript> {
  const aside = join(lab.dir, "aside");
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  const places = FLIPPED.flatMap((name) => [join(tree, name), canary]);
  return startScript(
    FLIPPER,
    aside,
    ...places,
    join(tree, "d10/f100"),
    join(canary, "f0"),
    join(tree, "d20/f0"),
    join(canary, "f0"),
  );
}

/** Nothing that came has a byte of the canary. */
function checkCame(dir: string): number {
  let files = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    assert.ok(!entry.isSymbolicLink(), `${entry.name} is a link`);
    if (!entry.isFile()) continue;
    files++;
    assert.equal(readFileSync(join(entry.parentPath, entry.name), "utf8"), OURS, join(entry.parentPath, entry.name));
  }
  return files;
}

/** Every byte that the sharer sends of it. */
async function overTheWire({ a, b }: Lab, path: string): Promise<Buffer> {
  const [record] = await loadShares(a.store);
  const args = { offer: record!.id, path, content: true, deep: true };
  const { stream } = await b.sessions.get(a.id)!.open(WALK_ROUTE, args, { timeoutMs: 30_000 });
  const chunks: Buffer[] = [];
  for (let chunk; (chunk = await stream.read()) !== null;) chunks.push(chunk);
  await stream.end();
  return Buffer.concat(chunks);
}

async function openShared(): Promise<Lab> {
  const lab = await openLab({ parent: FAST });
  fill(join(lab.dir, "dist"));
  const { name } = await lab.a.files.share(lab.b.id, join(lab.dir, "dist"));
  await eventually(async () => lab.b.files.sharedBy(lab.a.id).some((known) => known.name === name), true);
  return lab;
}

test("in the source, while ten thousand files are read", async (t) => {
  await using lab = await openShared();
  const { a, b, into } = lab;
  const canary = plantCanary(lab);
  const seen = { walks: 0, links: 0, gets: 0, files: 0 };
  {
    await using _flipper = await flip(lab, join(lab.dir, "dist"), canary.path);
    const startMs = performance.now();
    const goesOn = (): boolean => performance.now() < startMs + soakMs(1000) || seen.links === 0 || seen.gets === 0;
    while (goesOn()) {
      assert.ok(performance.now() < startMs + soakMs(1000) + 60_000, JSON.stringify(seen));
      for (const path of ["dist", ...FLIPPED.map((name) => `dist/${name}`)]) {
        const bytes = await overTheWire(lab, path).catch((error: unknown) => {
          assert.equal((error as { code?: string }).code, "not-found");
          return Buffer.alloc(0);
        });
        assert.ok(!bytes.includes(THEIRS), `${path}: the canary has come`);
        seen.walks++;
        if (bytes.includes("link-outside")) seen.links++;
      }
      const { offer } = await b.files.get(a.id, "dist", { into });
      const ended = await watchUntil(b, offer.id);
      assert.equal(ended.offer.state, "done", JSON.stringify(ended.problem));
      const came = checkCame(ended.path!);
      assert.ok(came >= (DIRECTORIES - FLIPPED.length) * FILES - 2, `${came} files`);
      seen.gets++;
      seen.files += came;
      rmSync(ended.path!, { recursive: true });
    }
  }
  t.diagnostic(JSON.stringify(seen));
  canary.check();
});

test("in the target, while ten thousand files are merged into it", async (t) => {
  await using lab = await openShared();
  const { a, b, into } = lab;
  const canary = plantCanary(lab);
  const target = join(into, "dist");
  let round = 0;
  const seen = { done: 0, failed: 0, otherKind: 0 };
  let isDone = false;
  {
    const startMs = performance.now();
    const lastsMs = soakMs(1000);
    while (performance.now() < startMs + lastsMs || seen.otherKind === 0 || round < 2) {
      assert.ok(performance.now() < startMs + lastsMs + 60_000, JSON.stringify(seen));
      rmSync(target, { recursive: true, force: true });
      for (const name of FLIPPED) mkdirSync(join(target, name), { recursive: true });
      for (const name of ["d10", "d20"]) mkdirSync(join(target, name));
      for (const name of ["d10/f100", "d20/f0"]) writeFileSync(join(target, name), OURS);
      await using _flipper = await flip(lab, target, canary.path);
      const { offer } = await b.files.get(a.id, "dist", { into, conflict: round++ % 2 === 0 ? "skip" : "overwrite" });
      const ended = await watchUntil(b, offer.id);
      isDone = ended.offer.state === "done";
      if (isDone) seen.done++;
      else {
        seen.failed++;
        // The next get would go on with it, and bring only what is not in the target that is about to be removed.
        await b.files.cancel(offer.id);
      }
      assert.ok(ended.offer.state === "done" || ["io", "conflict"].includes(ended.problem!.code), JSON.stringify(ended.problem));
      if (ended.notes.first.some(({ code }) => code === "other-kind")) seen.otherKind++;
    }
  }
  t.diagnostic(JSON.stringify(seen));
  canary.check();
  if (isDone) assert.equal(checkCame(join(target, "d00")), FILES);
});
