// Another process of the same user puts a link to a canary tree in the place of directories, and takes it away again, as fast as it can,
// while trees are written and placed: nothing of the canary is ever changed, or read. What is written may fail; it ends.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { startScript } from "../../src/blob/tree/test-kit.ts";
import { CoveyError } from "../../src/core/errors.ts";
import { type Item, type Lab, listed, openLab, packOf, partOf, signal, stagedTree } from "../trees/kit.ts";

const LASTS_MS = 3000;
/** Where nothing waits for a disk, there are more meetings. */
const FAST = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Its arguments: the canary, and the directories that it swaps, which may not be there. */
const SWAPPER = `
import { renameSync, symlinkSync, unlinkSync } from "node:fs";
const [canary, ...paths] = process.argv.slice(1);
const attempt = (work) => { try { work(); return true; } catch { return false; } };
console.log("ready");
for (;;) {
  for (const path of paths) {
    if (!attempt(() => renameSync(path, path + ".away"))) continue;
    attempt(() => symlinkSync(canary, path));
    attempt(() => unlinkSync(path));
    attempt(() => renameSync(path + ".away", path));
  }
}`;

/** Whatever is in a tree has the names that a canary has, so that a link leads somewhere. */
const ITEMS: readonly Item[] = [
  ["d"],
  ["d/d"],
  ["d/d/d"],
  ...Array.from({ length: 20 }, (_, i) => [`d/d/d/f${100 + i}`, "ours"] as const),
  ["d/d/e", "ours"],
];

function plantCanary(lab: Lab): { readonly path: string; check(): void } {
  const path = join(lab.dir, "canary");
  mkdirSync(join(path, "d", "d"), { recursive: true });
  const files = ["f100", "d/f100", "d/d/f100", "d/e"].map((name) => join(path, name));
  for (const file of files) writeFileSync(file, "theirs");
  const all = [...files, path, join(path, "d"), join(path, "d/d")];
  const age = (): void => {
    for (const one of all) utimesSync(one, 1e9, 1.1e9);
  };
  const wasRead = (): string[] => all.filter((one) => statSync(one).atimeMs !== 1e12);
  age();
  const before = listed(path);
  // What is read the first time after a change says so in its time of access: seen here, or the check would see nothing.
  assert.deepEqual(wasRead(), all);
  age();
  return {
    path,
    check: () => {
      assert.deepEqual(wasRead(), []);
      assert.deepEqual(listed(path), before);
    },
  };
}

interface Outcomes {
  done: number;
  failed: number;
}

/** Again and again; says how often it was done, and how often it failed. */
async function forAWhile(work: () => Promise<void>): Promise<Outcomes> {
  const outcomes = { done: 0, failed: 0 };
  const end = performance.now() + LASTS_MS;
  while (performance.now() < end) {
    try {
      await work();
      outcomes.done++;
    } catch (error) {
      assert.ok(error instanceof CoveyError, String(error));
      outcomes.failed++;
    }
  }
  assert.ok(outcomes.failed > 0, "the other one was never in the way");
  return outcomes;
}

const PLACES = ["d", "d/d", "d/d/d"];

test("directories of the staging tree become links while packs are written, it is opened again, placed and removed", async (t) => {
  await using lab = openLab(FAST);
  const canary = plantCanary(lab);
  const tree = join(partOf(lab.into), "tree");
  {
    await using _swapper = await startScript(SWAPPER, canary.path, ...PLACES.map((place) => join(tree, place)));
    const outcomes = await forAWhile(async () => {
      const staging = await lab.create();
      assert.equal(stagedTree(staging), tree);
      try {
        for (const item of ITEMS) await staging.write(packOf([item]));
        await staging.sync();
      } finally {
        await staging.close();
      }
      const again = await lab.writer.reopen(staging.id, { after: "d/d/d", large: [] }, { signal });
      if (again === undefined) throw new CoveyError("io", "not what it was");
      try {
        await again.write(packOf([["d/d/d/f100", "ours"]]));
        const { paths } = await again.place(lab.into, { conflict: "rename", signal });
        for (const path of paths) rmSync(path, { recursive: true, force: true });
      } finally {
        await again.close();
      }
      await lab.writer.remove(staging.id);
    });
    t.diagnostic(`${outcomes.done} times done, ${outcomes.failed} times failed`);
  }
  canary.check();
});

for (const conflict of ["skip", "overwrite"] as const) {
  test(`directories of the target become links while a tree is merged into them (${conflict})`, async (t) => {
    await using lab = openLab(FAST);
    const canary = plantCanary(lab);
    for (const place of PLACES) mkdirSync(join(lab.into, place));
    for (let i = 0; i < 20; i++) writeFileSync(join(lab.into, `d/d/d/f${100 + i}`), "theirs");
    {
      await using _swapper = await startScript(SWAPPER, canary.path, ...PLACES.map((place) => join(lab.into, place)));
      const outcomes = await forAWhile(async () => {
        const staging = await lab.create();
        try {
          await staging.write(packOf(ITEMS));
          const { notes } = await staging.place(lab.into, { conflict, signal });
          if (notes.first.some(({ code }) => code === "other-kind")) throw new CoveyError("io", "a link was in the way");
        } finally {
          await staging.close();
        }
        await lab.writer.remove(staging.id);
      });
      t.diagnostic(`${outcomes.done} times done, ${outcomes.failed} times failed`);
    }
    canary.check();
    assert.ok(readdirSync(lab.into).length > 0);
    if (conflict === "skip") assert.ok(["ours", "theirs"].includes(readFileSync(join(lab.into, "d/d/d/f119"), "utf8")));
  });
}
