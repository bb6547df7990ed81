// A staging directory that was left and is opened again: the walk goes on behind the cursor, and nothing tells afterwards.

import assert from "node:assert/strict";
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import fc from "fast-check";

import type { CoveyError } from "../../src/core/errors.ts";
import type { LargeFile, Staging } from "../../src/blob/tree/contract.ts";
import { comparePaths, parentOf } from "../../src/blob/tree/paths.ts";
import { TreeThread } from "../../src/blob/tree/tree-thread.ts";
import { createTreeWriter } from "../../src/blob/tree/tree-writer.ts";
import { type Item, type Lab, listed, MTIME_MS, names, openLab, packOf, signal, stagedTree } from "./kit.ts";

/** Random trees in canonical order, parents first. */
const trees = fc
  .array(
    fc.tuple(fc.array(fc.constantFrom("a", "a.b", "b", "e\u0301", "\u00e9", "zz"), { minLength: 1, maxLength: 4 }), fc.nat(3)),
    {
      maxLength: 25,
    },
  )
  .map((wishes): Item[] => {
    const items = new Map<string, Item>();
    for (const [parts, kind] of wishes) {
      const path = parts.join("/");
      let isFree = !items.has(path);
      for (let at = parentOf(path); at !== ""; at = parentOf(at)) isFree &&= (items.get(at)?.length ?? 1) === 1;
      if (!isFree) continue;
      for (let at = parentOf(path); at !== ""; at = parentOf(at)) items.set(at, [at]);
      if (kind === 0) items.set(path, [path]);
      else if (kind === 1) items.set(path, [path, `content of ${path}`]);
      else if (kind === 2) items.set(path, [path, 7]);
      else items.set(path, parts.length > 1 ? [path, "->", "x"] : [path, "note", "special"]);
    }
    return [...items.values()].toSorted(([a], [b]) => comparePaths(a, b));
  });

async function finish(lab: Lab, staging: Staging, waiting: Iterable<LargeFile>): Promise<string[]> {
  for (const file of waiting) {
    const handle = await staging.openLarge(file.path);
    await handle.write(Buffer.from("7 bytes"), 0, 7, 0);
    await handle.close();
    await staging.finishLarge(file);
  }
  await staging.place(lab.into, { conflict: "rename", signal });
  const result = listed(lab.into);
  await staging.close();
  await lab.writer.remove(staging.id);
  rmSync(lab.into, { recursive: true });
  mkdirSync(lab.into);
  return result;
}

test("cut anywhere after any sync, a tree comes out the same, times and all", async () => {
  await using lab = openLab();
  const cut = fc.record({ at: fc.nat(), synced: fc.nat(), finished: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(trees, cut, async (items, { at, synced, finished }) => {
      const each = items.map((item, i) => [item, MTIME_MS + i * 1000] as const);
      const whole = await lab.create();
      const all: LargeFile[] = [];
      for (const [item, time] of each) all.push(...(await whole.write(packOf([item], time))).large);
      const expected = await finish(lab, whole, all);

      const staging = await lab.create();
      const last = items.length === 0 ? 0 : at % (items.length + 1);
      const cursor = { after: undefined as string | undefined, large: new Map<string, LargeFile>(), next: 0 };
      const saved = last === 0 ? 0 : synced % (last + 1);
      for (const [i, [item, time]] of each.slice(0, last).entries()) {
        const { after, large } = await staging.write(packOf([item], time));
        if (i >= saved) continue;
        await staging.sync();
        cursor.after = after;
        for (const file of large) cursor.large.set(file.path, file);
        cursor.next = i + 1;
      }
      const [first] = cursor.large.values();
      if (finished && first !== undefined) {
        await staging.finishLarge(first);
        cursor.large.delete(first.path);
      }
      await staging.close();

      const again = await lab.writer.reopen(staging.id, { after: cursor.after, large: [...cursor.large.values()] }, { signal });
      assert.ok(again !== undefined && !again.isPlacing);
      const there = names(stagedTree(again)).map((name) => name.replace(/\/$/, ""));
      const due = items.slice(0, cursor.next).flatMap(([path, does]) => (does === "note" ? [] : [path]));
      assert.deepEqual(there.toSorted(comparePaths), due);
      for (const [item, time] of each.slice(cursor.next)) {
        for (const file of (await again.write(packOf([item], time))).large) cursor.large.set(file.path, file);
      }
      if (finished && first !== undefined) cursor.large.set(first.path, first);
      assert.deepEqual(await finish(lab, again, cursor.large.values()), expected);
    }),
    { numRuns: 15 },
  );
});

test("what was a file, a link or a note at the cursor and is a directory by now stays as it came, and is noted once", async () => {
  await using lab = openLab();
  const last: Record<string, Item> = {
    file: ["d/x", "ours"],
    large: ["d/x", 5],
    link: ["d/x", "->", "y"],
    note: ["d/x", "note", "vanished"],
  };
  for (const [what, item] of Object.entries(last)) {
    const staging = await lab.create();
    const { large } = await staging.write(packOf([["d"], item]));
    await staging.sync();
    await staging.close();
    const before = names(stagedTree(staging));
    const again = (await lab.writer.reopen(staging.id, { after: "d/x", large }, { signal }))!;
    const { files, notes } = await again.write(packOf([["d/x/a", "x"], ["d/x/b"], ["d/x/b/c", "x"]]));
    assert.deepEqual([files, notes], [0, [{ path: "d/x", code: "changed" }]], what);
    await again.sync();
    await again.close();
    // And amid it.
    const third = (await lab.writer.reopen(staging.id, { after: "d/x/b/c", large }, { signal }))!;
    const rest = await third.write(packOf([["d/x/b/d", "x"], ["d/y", "x"], ["e"]]));
    assert.deepEqual([rest.files, rest.notes], [1, []], what);
    assert.deepEqual(names(stagedTree(third)), [...before, "d/y", "e/"]);
    await third.close();
  }
});

test("large files: found, finished, dropped for good, brought back when lost", async () => {
  await using lab = openLab();
  const staging = await lab.create();
  const { large } = await staging.write(packOf([["d"], ["d/big", 5_000_000], ["d/gone", 5], ["e"]]));
  assert.equal(statSync(join(stagedTree(staging), "d/big")).blocks, 0);
  await assert.rejects(staging.openLarge("d/none"), { code: "not-found" });
  await assert.rejects(staging.openLarge("d"), { code: "not-found" });
  await assert.rejects(staging.openLarge("../../x"), { code: "not-found" });
  await staging.dropLarge("d/gone");
  await staging.dropLarge("d/gone");
  await staging.sync();
  const tree = stagedTree(staging);
  assert.equal(Math.floor(statSync(join(tree, "d")).mtimeMs), MTIME_MS);
  await staging.close();
  unlinkSync(join(tree, "d/big"));
  const again = (await lab.writer.reopen(staging.id, { after: "e", large: large.slice(0, 1) }, { signal }))!;
  assert.deepEqual(names(tree), ["d/", "d/big", "e/"]);
  truncateSync(join(tree, "d/big"), 4);
  await assert.rejects(again.finishLarge(large[0]!), { code: "io" });
});

test("what is not what it was is not opened, and a link in its place is not followed", async () => {
  await using lab = openLab();
  const staging = await lab.create();
  await staging.write(packOf([["d"], ["d/e"], ["d/e/f", "x"]]));
  await staging.sync();
  await staging.close();
  const at = { after: "d/e/f", large: [] };
  const { id } = staging;
  assert.equal(await lab.writer.reopen({ ...id, inode: "1" }, at, { signal }), undefined);
  assert.equal(await lab.writer.reopen({ ...id, path: `${id.path}x` }, at, { signal }), undefined);
  const canary = join(lab.dir, "canary");
  mkdirSync(join(canary, "e"), { recursive: true });
  writeFileSync(join(canary, "e", "z"), "theirs");
  renameSync(join(stagedTree(staging), "d"), join(lab.dir, "d"));
  symlinkSync(canary, join(stagedTree(staging), "d"));
  assert.equal(await lab.writer.reopen(id, at, { signal }), undefined);
  unlinkSync(join(stagedTree(staging), "d"));
  assert.equal(await lab.writer.reopen(id, at, { signal }), undefined);
  renameSync(id.path, `${id.path}.moved`);
  symlinkSync(canary, id.path);
  assert.equal(await lab.writer.reopen(id, at, { signal }), undefined);
  await lab.writer.remove(id);
  assert.deepEqual(names(canary), ["e/", "e/z"]);
});

test("half a tree that is being removed is never taken for a whole one", async () => {
  // A busy machine may let the removal come to its end before it can be stopped in its midst.
  for (let tries = 0; !(await isStoppedInRemoval()); tries++) assert.ok(tries < 20, "it was never stopped in its midst");
});

/** Enough that removing them takes a while. */
const FILES = 3000;

async function isStoppedInRemoval(): Promise<boolean> {
  await using lab = openLab();
  const staging = await lab.create();
  await staging.write(packOf(Array.from({ length: FILES }, (_, i) => [`f${10_000 + i}`, "x"] as const)));
  await staging.sync();
  await staging.close();
  const removing = lab.writer.remove(staging.id).then(
    () => "removed",
    (error: unknown) => (error as CoveyError).code,
  );
  const tree = stagedTree(staging);
  while (countOf(tree) === FILES) await setImmediate();
  await lab.writer.close();
  const outcome = await removing;
  const later = createTreeWriter(new TreeThread());
  assert.equal(await later.reopen(staging.id, { after: `f${10_000 + FILES - 1}`, large: [] }, { signal }), undefined);
  await later.remove(staging.id);
  assert.deepEqual(readdirSync(lab.into), []);
  await later.close();
  return outcome === "closed";
}

/** 0 when it is gone. */
function countOf(directory: string): number {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0;
  }
}

test("a second opening waits until the first one is closed", async () => {
  await using lab = openLab();
  const staging = await lab.create();
  const items = Array.from({ length: 200 }, (_, i) => [`f${1000 + i}`, "x"] as const);
  const writing = staging.write(packOf(items));
  const abort = new AbortController();
  const placing = staging.place(lab.into, { conflict: "rename", signal: abort.signal });
  await writing;
  abort.abort();
  const again = lab.writer.reopen(staging.id, { after: "f1199", large: [] }, { signal });
  await assert.rejects(placing, { name: "AbortError" });
  await (await again)!.place(lab.into, { conflict: "rename", signal });
  assert.equal(names(lab.into).length, 200);
});
