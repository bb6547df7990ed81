import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { checkTreePath, comparePaths, linkStaysInside, parentOf } from "./paths.ts";

const name = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
    fc.string({
      unit: fc.constantFrom("a", ".", " ", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "é"),
      minLength: 1,
      maxLength: 4,
    }),
  )
  .filter((text) => text.isWellFormed() && !/[/\0]/.test(text) && text !== "." && text !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join("/"));

function byComponents(a: string, b: string): number {
  const [x, y] = [a.split("/"), b.split("/")];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const order = Buffer.compare(Buffer.from(x[i]!), Buffer.from(y[i]!));
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

test("the order is bytewise by component", () => {
  assert.deepEqual(["a.b", "a", "b", "a/b/c", "a/b", "a b", "a\u0001"].toSorted(comparePaths), [
    "a",
    "a/b",
    "a/b/c",
    "a\u0001",
    "a b",
    "a.b",
    "b",
  ]);
  assert.ok(comparePaths("\u{10000}", "\uffff") > 0 && comparePaths("\u{10000}", "\ue000") > 0);
  fc.assert(
    fc.property(path, path, (a, b) => {
      assert.equal(Math.sign(comparePaths(a, b)), Math.sign(byComponents(a, b)));
      assert.ok(comparePaths(a, `${a}/${b}`) < 0);
    }),
  );
});

test("valid paths pass, and their parents", () => {
  fc.assert(
    fc.property(path, (valid) => {
      checkTreePath(valid);
      if (valid.includes("/")) checkTreePath(parentOf(valid));
      else assert.equal(parentOf(valid), "");
    }),
  );
  assert.equal(parentOf("a/b/c"), "a/b");
  for (const valid of [
    "x".repeat(255),
    "é".repeat(127),
    Array(64).fill("d").join("/"),
    "...",
    "a\\b",
    "C:",
    `${"x".repeat(254)}/`.repeat(16) + "x".repeat(16),
  ])
    checkTreePath(valid);
});

test("what can't be a path is a protocol error", () => {
  const long = `${"x".repeat(254)}/`.repeat(16);
  const wrong = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/..",
    "../a",
    "a/./b",
    "a\0b",
    "\ud800",
    "x".repeat(256),
    "é".repeat(128),
  ];
  for (const bad of [...wrong, Array(65).fill("d").join("/"), long + "x".repeat(17)])
    assert.throws(() => checkTreePath(bad), { code: "protocol" }, JSON.stringify(bad.slice(0, 20)));
});

test("links stay inside, or are not sent", () => {
  const inside = [
    ["r/l", "x"],
    ["r/l", "x/y"],
    ["r/l", "."],
    ["r/l", "./x"],
    ["r/l", "x//y/"],
    ["r/l", "..."],
    ["r/l", "..a/b"],
    ["r/a/l", ".."],
    ["r/a/l", "../x"],
    ["r/a/l", "../"],
    ["r/a/b/l", "../../x"],
  ] as const;
  const outside = [
    ["l", "x"],
    ["l", "."],
    ["r/l", ""],
    ["r/l", "/"],
    ["r/l", "/etc/passwd"],
    ["r/l", ".."],
    ["r/l", "../x"],
    ["r/l", "x/.."],
    ["r/l", "x/../y"],
    ["r/l", "./.."],
    ["r/a/l", "../.."],
    ["r/a/l", "../../r"],
    ["r/a/l", "..//../x"],
    ["r/a/l", ".././../x"],
    ["r/l", "a\0b"],
    ["r/l", `${"x".repeat(254)}/`.repeat(17)],
  ] as const;
  for (const [at, target] of inside) assert.equal(linkStaysInside(at, target), true, `${at} -> ${target}`);
  for (const [at, target] of outside) assert.equal(linkStaysInside(at, target), false, `${at} -> ${target.slice(0, 20)}`);
});
