// Where a whole tree goes, and what is there already.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { Conflict, Placed } from "../../src/blob/tree/contract.ts";
import { type Item, type Lab, MTIME_MS, names, openLab, packOf, signal } from "./kit.ts";

async function place(lab: Lab, items: readonly Item[], conflict: Conflict, as?: string): Promise<Placed> {
  const staging = await lab.create();
  await staging.write(packOf(items));
  const placed = await staging.place(lab.into, { conflict, signal, ...(as === undefined ? {} : { as }) });
  assert.deepEqual(await staging.place(lab.into, { conflict, signal, ...(as === undefined ? {} : { as }) }), placed);
  await staging.close();
  await lab.writer.remove(staging.id);
  assert.ok(!readdirSync(lab.into).some((name) => name.startsWith(".covey-")));
  return placed;
}

const notes = ({ notes: { first } }: Placed): string[] =>
  first.map(({ path, code, now }) => `${path} ${code}${now === undefined ? "" : ` ${now}`}`);
const TREE: readonly Item[] = [["d"], ["d/a", "ours"], ["d/e"], ["d/e/b", "ours"], ["d/l", "->", "a"], ["f.txt", "ours"]];

test("rename: free names, and nothing of others is touched", async () => {
  await using lab = openLab();
  mkdirSync(join(lab.into, "d"));
  symlinkSync("nowhere", join(lab.into, "d (2)"));
  writeFileSync(join(lab.into, "f.txt"), "theirs");
  const placed = await place(lab, TREE, "rename");
  assert.deepEqual(placed.paths, [join(lab.into, "d (3)"), join(lab.into, "f (2).txt")]);
  assert.deepEqual(notes(placed), ["d renamed d (3)", "f.txt renamed f (2).txt"]);
  assert.deepEqual(readdirSync(join(lab.into, "d")), []);
  assert.equal(readFileSync(join(lab.into, "f.txt"), "utf8"), "theirs");
  assert.deepEqual(names(join(lab.into, "d (3)")), ["a", "e/", "e/b", "l"]);
  assert.equal(lstatSync(join(lab.into, "d (3)")).mode & 0o7777, 0o777 & ~process.umask());
  assert.equal(Math.floor(lstatSync(join(lab.into, "d (3)")).mtimeMs), MTIME_MS);
  assert.equal(Math.floor(lstatSync(join(lab.into, "d (3)/e")).mtimeMs), MTIME_MS);
});

test("names of roots are made safe, those inside are kept", async () => {
  await using lab = openLab();
  const inside: Item[] = [["CON"], ["CON/.git", "x"], ["CON/a:b", "x"], ["CON/con", "x"], ["CON/x\u202ey ", "x"]];
  const placed = await place(lab, [[".ssh"], [".ssh/id", "x"], ...inside, ["_CON", "x"]], "rename");
  assert.deepEqual(notes(placed), [".ssh renamed _ssh", "CON renamed _CON", "_CON renamed _CON (2)"]);
  assert.deepEqual(
    placed.paths,
    ["_ssh", "_CON", "_CON (2)"].map((name) => join(lab.into, name)),
  );
  assert.deepEqual(readdirSync(join(lab.into, "_CON")), [".git", "a:b", "con", "x\u202ey "].sort());
});

test("two roots that are safe under one name stay two, however they are placed", async () => {
  await using lab = openLab();
  const placed = await place(
    lab,
    [
      ["CON", "one"],
      ["_CON", "two"],
    ],
    "overwrite",
  );
  assert.deepEqual(
    placed.paths,
    ["_CON", "_CON (2)"].map((name) => join(lab.into, name)),
  );
  assert.equal(readFileSync(join(lab.into, "_CON"), "utf8"), "one");
});

test("`as` names the only root, and is one name", async () => {
  await using lab = openLab();
  assert.deepEqual((await place(lab, [["d"], ["d/a", "x"]], "rename", "other")).paths, [join(lab.into, "other")]);
  const again = await place(lab, [["d"], ["d/a", "x"]], "rename", "other");
  assert.deepEqual([again.paths, notes(again)], [[join(lab.into, "other (2)")], ["d renamed other (2)"]]);
  for (const [items, as] of [
    [TREE, "x"],
    [[["d"]], "a/b"],
    [[["d"]], ".."],
    [[["d"]], ""],
  ] as const) {
    const staging = await lab.create();
    await staging.write(packOf(items));
    await assert.rejects(staging.place(lab.into, { conflict: "rename", as, signal }), { code: "bad-argument" });
    await staging.close();
  }
});

/** In the target: a file for a file and for a directory, a directory for a file, links to all kinds of things. */
function theirs(lab: Lab): void {
  mkdirSync(join(lab.dir, "canary"));
  writeFileSync(join(lab.dir, "canary", "x"), "theirs");
  for (const path of ["d", "d/same", "d/dir-for-file"]) mkdirSync(join(lab.into, path));
  for (const path of ["d/file", "d/file-for-dir", "d/same/kept"]) writeFileSync(join(lab.into, path), "theirs");
  chmodSync(join(lab.into, "d/same"), 0o750);
  symlinkSync("../../canary", join(lab.into, "d/link-for-dir"));
  symlinkSync("../../canary/x", join(lab.into, "d/link-for-file"));
  symlinkSync("theirs", join(lab.into, "d/link"));
  symlinkSync("same", join(lab.into, "d/link-same"));
  execFileSync("mkfifo", [join(lab.into, "d/pipe")]);
}
const MIXED: readonly Item[] = [
  ["d"],
  ["d/dir-for-file", "ours"],
  ["d/file", "ours"],
  ["d/file-for-dir"],
  ["d/file-for-dir/x", "ours"],
  ["d/link", "->", "file"],
  ["d/link-for-dir"],
  ["d/link-for-dir/x", "ours"],
  ["d/link-for-file", "ours"],
  ["d/link-same", "->", "same"],
  ["d/new"],
  ["d/new/x", "ours"],
  ["d/pipe", "ours"],
  ["d/same"],
  ["d/same/more", "ours"],
];
const OTHER = ["dir-for-file", "file-for-dir", "link-for-dir", "link-for-file", "pipe"].map((name) => `d/${name} other-kind`);

for (const conflict of ["skip", "overwrite"] as const) {
  test(`${conflict}: directories become one, other kinds stay, no link is followed`, async () => {
    await using lab = openLab();
    theirs(lab);
    const placed = await place(lab, MIXED, conflict);
    const exist = conflict === "skip" ? ["d/file exists", "d/link exists"] : [];
    assert.deepEqual(notes(placed).sort(), [...OTHER, ...exist].sort());
    assert.deepEqual(placed.paths, [join(lab.into, "d")]);
    assert.equal(readFileSync(join(lab.into, "d/file"), "utf8"), conflict === "skip" ? "theirs" : "ours");
    assert.equal(readlinkSync(join(lab.into, "d/link")), conflict === "skip" ? "theirs" : "file");
    assert.deepEqual(names(join(lab.into, "d/same")), ["kept", "more"]);
    assert.equal(lstatSync(join(lab.into, "d/same")).mode & 0o777, 0o750);
    assert.equal(readFileSync(join(lab.into, "d/new/x"), "utf8"), "ours");
    assert.equal(readFileSync(join(lab.into, "d/file-for-dir"), "utf8"), "theirs");
    assert.deepEqual(readdirSync(join(lab.dir, "canary")), ["x"]);
    assert.equal(readFileSync(join(lab.dir, "canary/x"), "utf8"), "theirs");
  });
}

test("a root of another kind stays, and has no place", async () => {
  await using lab = openLab();
  mkdirSync(join(lab.dir, "canary"));
  symlinkSync(join(lab.dir, "canary"), join(lab.into, "d"));
  const placed = await place(lab, [["d"], ["d/x", "ours"], ["e"]], "overwrite");
  assert.deepEqual([placed.paths, notes(placed)], [[join(lab.into, "e")], ["d other-kind"]]);
  assert.deepEqual(readdirSync(join(lab.dir, "canary")), []);
});

test("a target that is reached through a link is the user's choice; one that is not there is not-found", async () => {
  await using lab = openLab();
  symlinkSync(lab.into, join(lab.dir, "alias"));
  writeFileSync(join(lab.dir, "file"), "");
  const staging = await lab.create();
  await staging.write(packOf([["f", "x"]]));
  for (const wrong of ["gone", "file"]) {
    await assert.rejects(staging.place(join(lab.dir, wrong), { conflict: "rename", signal }), { code: "not-found" });
  }
  const { paths } = await staging.place(join(lab.dir, "alias"), { conflict: "rename", signal });
  assert.deepEqual(
    paths.map((path) => realpathSync(path)),
    [join(lab.into, "f")],
  );
  await assert.rejects(staging.write(packOf([["g", "x"]])), { code: "conflict" });
});

test("no roots, three hundred roots, and a thousand names that are taken", async () => {
  await using lab = openLab();
  assert.deepEqual(await place(lab, [], "rename"), { paths: [], notes: { count: 0, first: [] } });
  const many = Array.from({ length: 300 }, (_, i) => [`f${1000 + i}`, "x"] as const);
  const placed = await place(lab, many, "rename");
  assert.equal(placed.paths.length, 64);
  assert.equal(readdirSync(lab.into).length, 300);
  rmSync(lab.into, { recursive: true });
  mkdirSync(lab.into);
  writeFileSync(join(lab.into, "x"), "");
  for (let n = 2; n <= 1000; n++) linkSync(join(lab.into, "x"), join(lab.into, `x (${n})`));
  const staging = await lab.create();
  await staging.write(packOf([["x", "ours"]]));
  await assert.rejects(staging.place(lab.into, { conflict: "rename", signal }), { code: "conflict" });
  rmSync(join(lab.into, "x (700)"));
  assert.deepEqual((await staging.place(lab.into, { conflict: "rename", signal })).paths, [join(lab.into, "x (700)")]);
});
