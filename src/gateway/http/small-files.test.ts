import assert from "node:assert/strict";
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { afterEach, beforeEach } from "node:test";

import * as fc from "fast-check";

import { sleep } from "../../core/async.ts";
import { systemClock } from "../../core/clock.ts";
import { LIMITS } from "../../core/limits.ts";
import { openBelow } from "./open-below.ts";
import { ServedFile } from "./served-file.ts";
import { type SmallFile, SmallFiles } from "./small-files.ts";

const MINUTE_MS = 60_000;
/** The file system's clock has gone on. */
const tick = (): Promise<void> => sleep(12);

let base: string;
let root: string;
let passedMs: number;
/** A minute ahead: whatever is written is settled. */
const clock = {
  ...systemClock,
  nowMs: () => systemClock.nowMs() + MINUTE_MS,
  monotonicMs: () => systemClock.monotonicMs() + passedMs,
};

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "covey-small-"));
  root = join(base, "root");
  passedMs = 0;
  await mkdir(join(root, "a/b"), { recursive: true });
  await writeFile(join(root, "a/b/file"), "bytes");
});

afterEach(async () => {
  for (const path of ["a/b", "a"]) await chmod(join(root, path), 0o700).catch(() => {});
  await rm(base, { recursive: true, force: true });
});

const namesOf = (path: string): Buffer[] => path.split("/").map((name) => Buffer.from(name));

/** By the whole way, and kept. */
async function read(files: SmallFiles, path: string): Promise<SmallFile | undefined> {
  const [names, begunMs] = [namesOf(path), clock.nowMs()];
  const found = await openBelow(root, names);
  if (found?.kind !== "file") {
    await found?.handle.close();
    return undefined;
  }
  const file = await ServedFile.of(found);
  try {
    return await files.read(file, { names, way: found.way, begunMs });
  } finally {
    await file.release();
  }
}

const find = async (files: SmallFiles, path: string): Promise<string | undefined> =>
  (await files.find(namesOf(path)))?.bytes.toString();

test("a file is found again, until it has been kept for long", async () => {
  const files = new SmallFiles(root, clock);
  assert.equal(await find(files, "a/b/file"), undefined);
  const first = await read(files, "a/b/file");
  assert.equal(first?.bytes.toString(), "bytes");
  assert.equal(await files.find(namesOf("a/b/file")), first);
  assert.equal(await find(files, "a/b"), undefined);
  passedMs = LIMITS.gatewayCachedMs;
  assert.equal(await find(files, "a/b/file"), undefined);
});

test("what changed a moment ago, as whatever leads to it, is not kept: it could change again unseen", async () => {
  const files = new SmallFiles(root, { ...clock, nowMs: systemClock.nowMs });
  const read = async (begunMs: number): Promise<void> => {
    const found = await openBelow(root, namesOf("a/b/file"));
    assert.ok(found?.kind === "file");
    const file = await ServedFile.of(found);
    assert.ok(await files.read(file, { names: namesOf("a/b/file"), way: found.way, begunMs }));
    await file.release();
  };
  await read(systemClock.nowMs());
  assert.equal(await find(files, "a/b/file"), undefined);
  // One that is of another day is in a directory that is not.
  await utimes(join(root, "a/b/file"), 1, 1);
  await read(systemClock.nowMs());
  assert.equal(await find(files, "a/b/file"), undefined);
  await read(systemClock.nowMs() + MINUTE_MS);
  assert.equal(await find(files, "a/b/file"), "bytes");
  await utimes(join(root, "a"), 1, Date.now() / 1000 + 2 * 60);
  await read(systemClock.nowMs() + MINUTE_MS);
  assert.equal(await find(files, "a/b/file"), undefined);
});

const at = (path: string): string => join(root, path);
const HAPPENINGS: Readonly<Record<string, () => Promise<void>>> = {
  "it is written again": () => writeFile(at("a/b/file"), "other"),
  "it is written again, and its time set back": async () => {
    await writeFile(at("a/b/file"), "other");
    await utimes(at("a/b/file"), 1, 1);
  },
  "it is cut": () => truncate(at("a/b/file"), 4),
  "nobody may read it any more": () => chmod(at("a/b/file"), 0),
  "it is gone": () => unlink(at("a/b/file")),
  "it has another name": () => rename(at("a/b/file"), at("a/b/other")),
  "another one is in its place": async () => {
    await writeFile(at("a/b/other"), "other");
    await rename(at("a/b/other"), at("a/b/file"));
  },
  "a link to it elsewhere is in its place": async () => {
    await rename(at("a/b/file"), join(base, "file"));
    await symlink("../../../file", at("a/b/file"));
  },
  "nobody may search its directory any more": () => chmod(at("a/b"), 0),
  "its directory is elsewhere, and a link leads there": async () => {
    await rename(at("a/b"), join(base, "b"));
    await symlink("../../b", at("a/b"));
  },
  "a directory above is elsewhere, and a link leads there": async () => {
    await rename(at("a"), join(base, "a"));
    await symlink("../a", at("a"));
  },
  "its directory has become a peer's home": async () => {
    for (const name of ["key.pem", "store.db", "lock"]) await writeFile(at(`a/b/${name}`), "");
  },
  "a directory above has become a peer's home": async () => {
    for (const name of ["key.pem", "store.db", "lock"]) await writeFile(at(`a/${name}`), "");
  },
  "what is served is another directory": async () => {
    await rename(root, join(base, "old"));
    await mkdir(at("a/b"), { recursive: true });
    await link(join(base, "old/a/b/file"), at("a/b/file"));
  },
  "what is served is gone": () => rename(root, join(base, "old")),
};

for (const [what, happen] of Object.entries(HAPPENINGS))
  test(`it is gone to again when ${what}`, async () => {
    const files = new SmallFiles(root, clock);
    await tick();
    await read(files, "a/b/file");
    assert.equal(await find(files, "a/b/file"), "bytes");
    await tick();
    await happen();
    assert.equal(await find(files, "a/b/file"), undefined);
  });

test("a file beyond a link is read, and not kept", async () => {
  const files = new SmallFiles(root, clock);
  await symlink("a/b", at("links"));
  await symlink("b/file", at("a/link"));
  for (const path of ["links/file", "a/link"]) {
    assert.equal((await read(files, path))?.bytes.toString(), "bytes");
    assert.equal(await find(files, path), undefined);
  }
});

test("whatever happens, what is found is what the whole way leads to", async () => {
  const paths = ["f", "g", "a/f", "a/g", "a/b/f", "b/f", "b/g", "b/b/f"];
  const places = ["a", "b", "a/b", "b/b", ...paths];
  const place = fc.constantFrom(...places);
  const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => {});
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant("ask" as const), fc.constantFrom(...paths), place) },
    fc.tuple(fc.constantFrom("write", "rename", "link", "symlink", "remove", "exchange"), place, place),
  );
  const found = { again: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await rm(root, { recursive: true });
      await mkdir(at("a/b"), { recursive: true });
      for (const path of ["f", "a/f", "a/b/f"]) await writeFile(at(path), path);
      await tick();
      const files = new SmallFiles(root, clock);
      for (const path of paths) await read(files, path);
      for (const [index, [what, one, other]] of steps.entries()) {
        if (what === "write") await quietly(writeFile(at(one), String(index)));
        else if (what === "rename") await quietly(rename(at(one), at(other)));
        else if (what === "link") await quietly(link(at(one), at(other)));
        else if (what === "symlink") await quietly(symlink(at(one), at(other)));
        else if (what === "remove") await quietly(rm(at(one), { recursive: true }));
        else if (what === "exchange") {
          await quietly(rename(at(one), join(base, "aside")));
          await quietly(rename(at(other), at(one)));
          await quietly(rename(join(base, "aside"), at(other)));
          await rm(join(base, "aside"), { recursive: true, force: true });
        } else await read(files, one);
        await tick();
        for (const path of paths) {
          const kept = await find(files, path);
          if (kept === undefined) continue;
          found.again++;
          assert.equal(kept, (await read(new SmallFiles(root, clock), path))?.bytes.toString());
          assert.equal(kept, await readFile(at(path), "utf8"));
        }
      }
    }),
    { numRuns: 15 },
  );
  assert.ok(found.again > 0);
});

test("so many bytes and files are kept, those that were read last", async () => {
  const files = new SmallFiles(root, clock);
  const size = LIMITS.gatewayCachedFileBytes;
  const most = LIMITS.gatewayCachedBytes / size;
  const names = Array.from({ length: most + 1 }, (_, i) => `f${i}`);
  for (const name of names) await writeFile(at(name), Buffer.alloc(size));
  await writeFile(at("larger"), Buffer.alloc(size + 1));
  for (const name of names.slice(0, -1)) await read(files, name);
  assert.equal((await files.find(namesOf("f0")))?.bytes.length, size);
  // Read again, it takes no more.
  await read(files, "f1");
  assert.notEqual(await files.find(namesOf("f0")), undefined);
  await read(files, names.at(-1)!);
  assert.equal(await files.find(namesOf("f0")), undefined);
  assert.notEqual(await files.find(namesOf("f1")), undefined);
  assert.equal(await read(files, "larger"), undefined);
  assert.equal(await files.find(namesOf("larger")), undefined);

  const empty = new SmallFiles(root, clock);
  await writeFile(at("f0"), "");
  const found = await openBelow(root, namesOf("f0"));
  assert.ok(found?.kind === "file");
  const file = await ServedFile.of(found);
  const { way } = found;
  // The paths don't matter: all are this one.
  const namesAt = (i: number): Buffer[] => (i === 0 ? namesOf("f0") : namesOf(`x${i}`));
  for (let i = 0; i <= LIMITS.gatewayCachedFiles; i++) {
    if (i === LIMITS.gatewayCachedFiles) assert.notEqual(await empty.find(namesOf("f0")), undefined);
    await empty.read(file, { names: namesAt(i), way, begunMs: clock.nowMs() });
  }
  assert.equal(await empty.find(namesOf("f0")), undefined);
  await file.release();
});
