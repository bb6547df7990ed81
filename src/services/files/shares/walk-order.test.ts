import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { comparePaths } from "../../../blob/tree/paths.ts";
import { WalkOrder } from "./walk-order.ts";

type Kind = "file" | "directory";

/** "a/" is a directory. */
function takeAll(root: string, deep: boolean, things: readonly string[]): void {
  const order = new WalkOrder(root, deep);
  for (const thing of things) {
    const type: Kind = thing.endsWith("/") ? "directory" : "file";
    order.take({ type, path: thing.replace(/\/$/, "") });
  }
  order.end();
}

test("a walk in order, with each directory before what is in it, is taken", () => {
  takeAll("a", true, ["a"]);
  takeAll("a", true, ["a/"]);
  takeAll("a", true, ["a/", "a/b/", "a/b/c", "a/b.txt", "a/z/", "a/z/y/", "a/z/y/x", "a/zz"]);
  takeAll("a", false, ["a/", "a/b/", "a/b.txt"]);
});

test("what was not asked for, twice the same, out of order, or in no directory that was told, is not taken", () => {
  const wrong: [deep: boolean, ...things: string[]][] = [
    [true],
    [true, "b"],
    [true, "a/b"],
    [true, "ab/"],
    [true, "a/", "b"],
    [true, "a", "a/b"],
    [true, "a/", "a"],
    [true, "a/", "a/b", "a/b"],
    [true, "a/", "a/c", "a/b"],
    [true, "a/", "a/b.txt", "a/b/", "a/b/c"],
    [true, "a/", "a/b/c"],
    [true, "a/", "a/b", "a/b/c"],
    [true, "a/", "a/b/", "a/c/d"],
    [false, "a/", "a/b/", "a/b/c"],
  ];
  for (const [deep, ...things] of wrong)
    assert.throws(() => takeAll("a", deep, things), { code: "protocol" }, `${things.join(" ")}${deep ? "" : " (not deep)"}`);
});

test("any tree in canonical order is taken, and not with any two of its things exchanged", () => {
  const name = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", ".", "é", "😀", "\uffff", "-") });
  const path = fc.array(
    name.filter((text) => text !== "." && text !== ".."),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(fc.array(path, { maxLength: 20 }), fc.nat(), fc.nat(), (paths, i, j) => {
      const all = new Set(["r"]);
      for (const names of paths) for (let n = 1; n <= names.length; n++) all.add(["r", ...names.slice(0, n)].join("/"));
      const things = [...all].sort(comparePaths).map((at) => `${at}/`);
      takeAll("r", true, things);
      const [a, b] = [i % things.length, j % things.length];
      if (a === b) return;
      [things[a], things[b]] = [things[b]!, things[a]!];
      assert.throws(() => takeAll("r", true, things), { code: "protocol" });
    }),
  );
});
