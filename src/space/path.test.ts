import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ByteReader } from "../core/bytes.ts";
import { CoveyError } from "../core/errors.ts";
import { checkPath, componentsOf, encodePath, endOfPrefix, pathOf, pathText, rawComponentsOf, readPath } from "./path.ts";
import type { Path } from "./contract.ts";

const parsed = (bytes: Uint8Array): Path => {
  const reader = new ByteReader(bytes, "a path");
  const path = readPath(reader);
  reader.end();
  return path;
};

const component = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .map((text) => text.normalize("NFC").replaceAll("\0", "0"))
  .filter((text) => Buffer.byteLength(text) <= 255 && text.length > 0);

test("a path comes back from its signed form and from its sort key", () => {
  fc.assert(
    fc.property(fc.array(component, { maxLength: 10 }), (parts) => {
      const path = pathOf("data", ...parts);
      checkPath(path);
      assert.deepEqual(componentsOf(path), ["data", ...parts]);
      assert.deepEqual(parsed(encodePath(path)), path);
    }),
  );
});

test("paths are ordered component by component", () => {
  const bytes = fc.uint8Array({ min: 1, minLength: 1, maxLength: 4 });
  const parts = fc.array(bytes, { maxLength: 4 });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const first = a.findIndex((part, i) => b[i] === undefined || Buffer.compare(part, b[i]) !== 0);
      const expected = first < 0 ? a.length - b.length : b[first] === undefined ? 1 : Buffer.compare(a[first]!, b[first]);
      assert.equal(Math.sign(Buffer.compare(pathOf("file", ...a), pathOf("file", ...b))), Math.sign(expected));
    }),
  );
});

test("a prefix ends at a component", () => {
  const prefix = pathOf("data", "to");
  const end = endOfPrefix(prefix)!;
  const isWithin = (path: Path): boolean => Buffer.compare(path, prefix) >= 0 && Buffer.compare(path, end) < 0;
  assert.ok(isWithin(prefix));
  assert.ok(isWithin(pathOf("data", "to", "\u{10ffff}")));
  assert.ok(!isWithin(pathOf("data", "today")));
  assert.equal(endOfPrefix(pathOf()), undefined);
});

test("limits, names and spellings are kept to", () => {
  const refused = (code: string, ...parts: (string | Uint8Array)[]): void =>
    assert.throws(() => pathOf(...parts), { code }, parts.map(String).join("/").slice(0, 40));
  pathOf("data", "x".repeat(255));
  refused("limit", "data", "x".repeat(256));
  pathOf("data", ...Array<string>(63).fill("x"));
  refused("limit", "data", ...Array<string>(64).fill("x"));
  pathOf("data", ...Array<string>(16).fill("x".repeat(255)), "x".repeat(12));
  refused("limit", "data", ...Array<string>(16).fill("x".repeat(255)), "x".repeat(13));
  refused("bad-argument", "data", "");
  refused("bad-argument", "data", "a\0b");
  refused("bad-argument", "data", "e\u0301");
  refused("bad-argument", "data", "\ud800");
  refused("bad-argument", "data", Uint8Array.of(0xff));
  refused("bad-argument", "Data");
  refused("bad-argument", "../x");
  refused("bad-argument", "");
  pathOf("file", Uint8Array.of(0xff), "e\u0301");
  assert.throws(() => componentsOf(pathOf("file", Uint8Array.of(0xff))), { code: "bad-argument" });
  for (const bytes of [[], [100], [100, 0, 0], [0]]) {
    assert.throws(() => checkPath(Uint8Array.from(bytes) as Path), { code: "bad-argument" });
  }
  const sortKey = (...parts: readonly string[]): Path =>
    Buffer.from(parts.map((part) => `${part}\0`).join("")) as Uint8Array as Path;
  for (const [code, ...parts] of [
    ["bad-argument", "Data", "x"],
    ["bad-argument", "data", "", "x"],
    ["bad-argument", "data", "e\u0301"],
    ["limit", "data", "x".repeat(256)],
    ["limit", "data", ...Array<string>(64).fill("x")],
  ] as const) {
    assert.throws(() => checkPath(sortKey(...parts)), { code });
  }
  checkPath(sortKey("data", ...Array<string>(15).fill("x".repeat(255))));
});

test("a path is shown without anything that moves a cursor", () => {
  assert.equal(pathText(pathOf("file", "a\u001b[2J", "b")), "file/a\\u{1b}[2J/b");
});

test("bytes from elsewhere are one canonical path or a protocol error", () => {
  let paths = 0;
  const likely = fc
    .array(fc.oneof(fc.constant("data"), fc.constant("file"), component, fc.constant("")), { maxLength: 4 })
    .map((parts) => {
      const bytes = parts.map((part) => Buffer.from(part));
      return Buffer.concat([Uint8Array.of(parts.length), ...bytes.flatMap((part) => [Uint8Array.of(part.length), part])]);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), likely), (bytes) => {
      try {
        const path = parsed(bytes);
        assert.deepEqual(encodePath(path), Buffer.from(bytes));
        assert.ok(rawComponentsOf(path).length > 0);
        paths++;
      } catch (error) {
        assert.ok(error instanceof CoveyError && error.code === "protocol", String(error));
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(paths > 0);
});
