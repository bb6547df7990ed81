import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { parsePath, splitTarget, withoutToken } from "./target.ts";

const names = (path: string): string[] | undefined => parsePath(path, undefined)?.names.map((name) => name.toString("latin1"));

const PATHS: readonly (readonly [path: string, names: readonly string[] | undefined])[] = [
  ["/", []],
  ["/a", ["a"]],
  ["/a/", ["a"]],
  ["/a/b.txt?x=/../y", ["a", "b.txt"]],
  ["/%41%62", ["Ab"]],
  ["/a%20b", ["a b"]],
  ["/%ff%fe", ["\xff\xfe"]],
  ["/...", ["..."]],
  ["/a..b", ["a..b"]],
  // Decoded once: what is left is a name like any other.
  ["/%252e%252e", ["%2e%2e"]],
  ["/%252f", ["%2f"]],
  // Not the shortest form of "." and "/": bytes of a name, and no more.
  ["/%c0%ae%c0%ae", ["\xc0\xae\xc0\xae"]],
  ["/%c0%af", ["\xc0\xaf"]],
  ["/..%5cx", ["..\\x"]],
  ["/%ef%bc%8e%ef%bc%8e", ["\xef\xbc\x8e\xef\xbc\x8e"]],
  [`/${"x".repeat(255)}`, ["x".repeat(255)]],
  [`/${"x".repeat(256)}`, undefined],
  ["/..", undefined],
  ["/../x", undefined],
  ["/a/../b", undefined],
  ["/.", undefined],
  ["/./a", undefined],
  ["/%2e%2e", undefined],
  ["/%2E%2e/x", undefined],
  ["/.%2e", undefined],
  ["/..%2fx", undefined],
  ["/a%2fb", undefined],
  ["/%2f", undefined],
  ["/a%00", undefined],
  ["//", undefined],
  ["//a", undefined],
  ["/a//b", undefined],
  ["/a//", undefined],
  ["/%", undefined],
  ["/%4", undefined],
  ["/%zz", undefined],
  ["/%u0041", undefined],
  ["/\u0100", undefined],
  ["a", undefined],
  ["", undefined],
  ["*", undefined],
];

for (const [path, expected] of PATHS)
  test(`the path ${JSON.stringify(path.length > 40 ? `${path.length} bytes` : path)}`, () => {
    assert.deepEqual(names(path), expected);
  });

test("a slash at the end is told, and what is behind the question mark", () => {
  const { slash, query, last } = parsePath("/a/%62/?list", undefined)!;
  assert.deepEqual([slash, query, last], [true, "list", "%62"]);
  assert.equal(parsePath("/a", undefined)!.slash, false);
  assert.equal(parsePath("/", undefined)!.slash, true);
});

test("the first name is the token", () => {
  assert.deepEqual(parsePath("/s3cret/a", "s3cret")?.names, [Buffer.from("a")]);
  assert.deepEqual(parsePath("/s3cret", "s3cret"), { names: [], slash: false, last: "s3cret", query: "" });
  assert.deepEqual(parsePath("/%733cret/", "s3cret")?.slash, true);
  for (const path of ["/", "/a", "/s3cre/a", "/s3crett/a", "/S3CRET/a", "/a/s3cret", "/?s3cret"])
    assert.equal(parsePath(path, "s3cret"), undefined, path);
});

test("the token is not told", () => {
  const rows = [
    ["/s3cret/a?x", "/a?x"],
    ["/s3cret", "/"],
    ["/%733cret?x", "/?x"],
    ["/a/b", "/a/b"],
    ["/?s3cret", "/?..."],
    ["/../s3cret/a", "/../.../a"],
  ] as const;
  for (const [path, shown] of rows) assert.equal(withoutToken(path, "s3cret"), shown);
});

test("a target may name its host", () => {
  assert.deepEqual(splitTarget("/a"), { authority: undefined, path: "/a" });
  assert.deepEqual(splitTarget("http://h:1/a?b"), { authority: "h:1", path: "/a?b" });
  assert.deepEqual(splitTarget("HTTP://h"), { authority: "h", path: "/" });
  assert.deepEqual(splitTarget("http://h?b"), { authority: "h", path: "/?b" });
  for (const target of ["https://h/", "http:///a", "http://u@h/a", "ftp://h/", "*", "h:1", ""])
    assert.equal(splitTarget(target), undefined, target);
});

test("whatever the bytes of a name, its encoding leads to it", () => {
  const name = fc.uint8Array({ minLength: 1, maxLength: 255 }).filter((bytes) => {
    const text = Buffer.from(bytes).toString("latin1");
    return !/[\0/]/.test(text) && text !== "." && text !== "..";
  });
  fc.assert(
    fc.property(fc.array(name, { maxLength: 5 }), (parts) => {
      const path = parts.map((part) => `/${[...part].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`);
      assert.deepEqual(
        parsePath(path.join("") || "/", undefined)?.names,
        parts.map((part) => Buffer.from(part)),
      );
    }),
  );
});

test("no path has a name that leads elsewhere", () => {
  const piece = fc.oneof(fc.constantFrom(".", "..", "/", "%2e", "%2f", "%00", "%25", "a", "\\", "?", "%c0%ae"), fc.string());
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      for (const name of parsePath(`/${pieces.join("")}`, undefined)?.names ?? []) {
        assert.ok(name.length > 0 && !name.includes(0) && !name.includes(0x2f), String(name));
        assert.ok(![".", ".."].includes(name.toString("latin1")));
      }
    }),
  );
});
