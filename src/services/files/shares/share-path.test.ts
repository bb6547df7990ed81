import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../core/limits.ts";
import { parseSharePath } from "./share-path.ts";

test("a path in a share begins with its name, and one slash at its end is as good as none", () => {
  assert.deepEqual(parseSharePath("dist"), { share: "dist", path: "dist" });
  assert.deepEqual(parseSharePath("dist/"), { share: "dist", path: "dist" });
  assert.deepEqual(parseSharePath("dist/a b/..c/.d"), { share: "dist", path: "dist/a b/..c/.d" });
});

test("whatever could lead elsewhere, or nowhere, is no path", () => {
  const paths = [
    ...["", "/", "//", "/x", "../x", "..", ".", "./a", "a/..", "a/../../x", "a//b", "a//", "a/./b", "a\0b", "a/\ud83d"],
    "n".repeat(256),
    Array.from({ length: LIMITS.treeDepth + 1 }, () => "a").join("/"),
    Array.from({ length: 10_000 }, () => "..").join("/"),
    Array.from({ length: 30 }, () => "n".repeat(200)).join("/"),
  ];
  for (const path of paths)
    assert.throws(() => parseSharePath(path), { code: "bad-argument" }, JSON.stringify(path.slice(0, 80)));
});
