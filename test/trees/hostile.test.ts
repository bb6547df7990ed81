// What a peer may say in packs, and what stands in the way: nothing gets out of the staging directory.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { type Item, type Lab, listed, lying, names, openLab, packOf, partOf, signal, stagedTree } from "./kit.ts";

interface Canary extends Lab {
  /** Fails when anything beside the target directory has changed. */
  check(): void;
}

/** A tree beside the target, and links to it where a peer could guess them. */
function openCanary(): Canary {
  const lab = openLab();
  const canary = join(lab.dir, "canary");
  mkdirSync(join(canary, "d"), { recursive: true });
  writeFileSync(join(canary, "d", "f"), "theirs");
  writeFileSync(join(lab.into, "x"), "theirs");
  const before = [listed(canary), listed(lab.into), readdirSync(lab.dir)];
  return {
    ...lab,
    check: () => assert.deepEqual([listed(canary), listed(lab.into), readdirSync(lab.dir)], before),
  };
}

const deep = (levels: number): Item[] =>
  Array.from(
    { length: levels },
    (_, i) =>
      [
        Array(i + 1)
          .fill("d")
          .join("/"),
      ] as const,
  );

const REFUSED: Record<string, readonly Item[]> = {
  "no name": [["", "x"]],
  "a dot": [["."]],
  "two dots": [[".."]],
  "out of the root": [["../canary/d/new", "x"]],
  "out of a directory": [["a"], ["a/../../../canary/d/new", "x"]],
  "two dots at the end": [["a"], ["a/.."]],
  absolute: [["/tmp/covey-new", "x"]],
  "an empty name": [["a"], ["a//b", "x"]],
  "a slash at the end": [["a"], ["a/", "x"]],
  NUL: [["a\0b", "x"]],
  "256 bytes": [["é".repeat(128), "x"]],
  "65 levels": deep(65),
  "a file in a file": [
    ["a", "x"],
    ["a/b", "x"],
  ],
  "a directory in a large file": [["a", 5], ["a/b"]],
  "in no directory": [["a/b", "x"]],
  "in a directory that was left": [["a"], ["b"], ["a/c", "x"]],
  "through a link": [["a"], ["a/d"], ["a/l", "->", "d"], ["a/l/x", "x"]],
  "through a link that leads out": [["a"], ["a/l", "->", "../../canary/d"], ["a/l/x", "x"]],
  "twice the same": [
    ["a", "x"],
    ["a", "y"],
  ],
  "a directory twice": [["a"], ["a"]],
  "a file in the place of a directory": [["a"], ["a", "x"]],
  "in the place of a note": [["a", "note", "special"], ["a"]],
  descending: [
    ["b", "x"],
    ["a", "x"],
  ],
  'wrong about "."': [["a"], ["a.b", "x"], ["a/b", "x"]],
};
for (const [why, items] of Object.entries(REFUSED)) {
  test(`refused: ${why}`, async () => {
    await using lab = openCanary();
    const staging = await lab.create();
    await assert.rejects(staging.write(packOf(items)), { code: "protocol" });
    // And for good, until it is opened again.
    await assert.rejects(staging.write(packOf([["zzz", "x"]])), { code: "protocol" });
    await assert.rejects(staging.place(lab.into, { conflict: "overwrite", signal }), { code: "protocol" });
    const made = new Set(items.map(([path]) => path));
    for (const name of names(stagedTree(staging))) assert.ok(made.has(name.replace(/\/$/, "")), name);
    lab.check();
    await staging.close();
    const again = await lab.writer.reopen(staging.id, { after: undefined, large: [] }, { signal });
    assert.deepEqual(names(stagedTree(again!)), []);
    await again!.close();
    await lab.writer.remove(staging.id);
    lab.check();
  });
}

test("the order holds from one pack to the next, and after it was opened again", async () => {
  await using lab = openCanary();
  const staging = await lab.create();
  await staging.write(packOf([["b", "x"]]));
  await staging.sync();
  await staging.close();
  const again = await lab.writer.reopen(staging.id, { after: "b", large: [] }, { signal });
  await assert.rejects(again!.write(packOf([["a", "x"]])), { code: "protocol" });
  lab.check();
});

test("bytes that are not what their hash names are not written", async () => {
  await using lab = openCanary();
  const staging = await lab.create();
  await assert.rejects(staging.write(lying("a")), { code: "integrity" });
  assert.deepEqual(names(stagedTree(staging)), []);
});

test("a cut pack is refused, whatever it says of sizes", async () => {
  await using lab = openCanary();
  const pack = packOf([["a", "some bytes"]]);
  for (let length = 1; length < pack.length; length += 7) {
    const staging = await lab.create();
    await assert.rejects(staging.write(Buffer.from(pack.subarray(0, length))), { code: "protocol" }, String(length));
    await staging.close();
  }
});

test("links that lead out are noted, and not made", async () => {
  await using lab = openCanary();
  const staging = await lab.create();
  const outside: Item[] = [
    ["a", "->", "x"],
    ["d"],
    ["d/abs", "->", "/etc"],
    ["d/later", "->", "e/../../../canary"],
    ["d/up", "->", ".."],
  ];
  const { notes } = await staging.write(packOf([...outside, ["d/zin", "->", "x"]]));
  assert.deepEqual(
    notes.map(({ path, code }) => `${path} ${code}`),
    ["a link-outside", "d/abs link-outside", "d/later link-outside", "d/up link-outside"],
  );
  assert.deepEqual(names(stagedTree(staging)), ["d/", "d/zin"]);
});

test("64 levels, the longest names, and a link as long as a path: all come, or are noted", async () => {
  await using lab = openLab();
  const staging = await lab.create();
  const long = "é".repeat(127);
  const { notes } = await staging.write(packOf([...deep(64), ["z"], ["z/l", "->", "t".repeat(4096)], [`${long}y`, "x"]]));
  assert.deepEqual(notes, [{ path: "z/l", code: "name-impossible" }]);
  await staging.sync();
  const { paths } = await staging.place(lab.into, { conflict: "rename", signal });
  assert.equal(paths.length, 3);
  assert.equal(names(lab.into).filter((name) => name.startsWith("d/")).length, 64);
});

test("a thousand directories and files: handles stay few", async () => {
  await using lab = openLab();
  const staging = await lab.create();
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, readdirSync("/proc/self/fd").length)), 5);
  try {
    for (let pack = 0; pack < 5; pack++) {
      const items: Item[] = [];
      for (let n = 0; n < 100; n++) {
        const name = String(pack * 100 + n).padStart(6, "0");
        items.push([name], [`${name}/f`, ""]);
      }
      await staging.write(packOf(items));
    }
    await staging.sync();
  } finally {
    clearInterval(watch);
  }
  assert.ok(most > 0 && most < LIMITS.treeUnflushed + 100, `${most} handles`);
  assert.equal(names(stagedTree(staging)).length, 1000);
});

test("what a crash left under the name, be it a link, is replaced by a new directory", async () => {
  await using lab = openCanary();
  const path = join(lab.into, ".covey-key.part");
  symlinkSync(join(lab.dir, "canary"), path);
  const staging = await lab.create();
  await staging.write(packOf([["l", "x"]]));
  await staging.close();
  symlinkSync(join(lab.dir, "canary"), join(stagedTree(staging), "out"));
  mkdirSync(join(stagedTree(staging), "closed"), { mode: 0o000 });
  writeFileSync(Buffer.from(`${stagedTree(staging)}/\xff`, "latin1"), "not UTF-8");
  const again = await lab.create();
  assert.deepEqual(readdirSync(stagedTree(again)), []);
  lab.check();
  await lab.writer.remove({ ...again.id, inode: "1" });
  assert.ok(readdirSync(lab.into).includes(".covey-key.part"), "another one is not removed");
  await again.close();
  await lab.writer.remove(again.id);
  assert.deepEqual(readdirSync(lab.into), ["x"]);
  lab.check();
});

test("aborted calls throw the signal's reason, and the directory can be opened again", async () => {
  await using lab = openLab();
  const staging = await lab.create();
  await staging.write(packOf([["d"], ...Array.from({ length: 500 }, (_, i) => [`d/${1000 + i}`, "x"] as const)]));
  mkdirSync(join(lab.into, "d"));
  const abort = new AbortController();
  const placing = staging.place(lab.into, { conflict: "skip", signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(placing, { message: "enough" });
  await assert.rejects(staging.write(Buffer.alloc(0)), { code: "closed" });
  await assert.rejects(lab.writer.create(partOf(lab.into), { signal: abort.signal }), { message: "enough" });
  const again = await lab.writer.reopen(staging.id, { after: "d/1499", large: [] }, { signal });
  await again!.place(lab.into, { conflict: "skip", signal });
  assert.equal(names(lab.into).length, 501);
});
