import assert from "node:assert/strict";
import { basename, join, posix, win32 } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import { printable } from "../core/text.ts";
import { freeNames, safeFileName } from "./names.ts";

test("ordinary names stay as they are", () => {
  for (const name of [
    "a",
    "photo.jpg",
    "Grüße an alle.txt",
    "名前.tar.gz",
    "a:b",
    "no extension",
    "👩‍👩‍👧.png",
    "❤️.png",
    "10%.txt",
    "-rf",
    "~",
    "a..b",
  ])
    assert.equal(safeFileName(name), name);
});

test("names that mean something else are replaced", () => {
  const table: [hostile: string, safe: string][] = [
    ["", "unnamed"],
    ["\u3164\u{e0100}", "__"],
    [".", "_"],
    ["..", "__"],
    ["...", "__"],
    ["../../x", "___.._x"],
    ["/etc/passwd", "_etc_passwd"],
    ["..\\..\\x", "___.._x"],
    ["C:\\x", "C:_x"],
    ["a\0b", "a_b"],
    ["\x1b[2Jx", "_[2Jx"],
    ["a\nb", "a_b"],
    ["x\u202egpj.exe", "x_gpj.exe"],
    [".bashrc", "_bashrc"],
    ["  x  ", "x"],
    ["x. . .", "x"],
    ["   ", "unnamed"],
    ["con", "_con"],
    ["AUX.txt", "_AUX.txt"],
    ["COM¹", "_COM¹"],
    ["console", "console"],
    // One of the three by which a peer's home is known.
    ["lock", "_lock"],
    ["LOCK. ", "_LOCK"],
    ["yarn.lock", "yarn.lock"],
    ["\ud800", "\ufffd"],
  ];
  for (const [hostile, safe] of table) assert.equal(safeFileName(hostile), safe, JSON.stringify(hostile));
});

test("long names are cut between characters and keep their extension", () => {
  const long = safeFileName(`${"é".repeat(4000)}.tar`);
  assert.ok(long.endsWith("é.tar"));
  assert.ok(Buffer.byteLength(long) <= 255);
  assert.ok(Buffer.byteLength(safeFileName(`a.${"x".repeat(4000)}`)) <= 255);
});

test("whatever the peer says, it is one visible component inside the directory", () => {
  const nasty = fc.string({ unit: fc.constantFrom(..."./\\ \0\n\x1b\u202e:CONaux~é😀".split("")), maxLength: 300 });
  fc.assert(
    fc.property(fc.oneof(nasty, fc.string({ unit: "binary", maxLength: 400 })), (name) => {
      const safe = safeFileName(name);
      assert.equal(safeFileName(safe), safe);
      for (const candidate of [safe, [...freeNames(safe)][1]!]) {
        const bytes = Buffer.byteLength(candidate);
        assert.ok(bytes > 0 && bytes <= 255);
        assert.equal(posix.basename(candidate), candidate);
        assert.equal(win32.basename(candidate.replaceAll(":", "_")), candidate.replaceAll(":", "_"));
        assert.equal(join("/dir", candidate), `/dir/${candidate}`);
        assert.ok(!candidate.startsWith(".") && !/[\s.]$/u.test(candidate));
        assert.equal(printable(candidate.replaceAll(/[\u200c\u200d]/g, "")), candidate.replaceAll(/[\u200c\u200d]/g, ""));
      }
    }),
    { numRuns: 2000 },
  );
});

test("free names are distinct and stay short", () => {
  const names = [...freeNames(safeFileName(`${"n".repeat(300)}.txt`))];
  assert.equal(names.length, 1000);
  assert.equal(new Set(names).size, 1000);
  assert.ok(names.every((name) => Buffer.byteLength(name) <= 255 && basename(name) === name && name.endsWith(".txt")));
  assert.deepEqual([...freeNames("a.txt")].slice(0, 3), ["a.txt", "a (2).txt", "a (3).txt"]);
  assert.deepEqual([...freeNames("README")].slice(0, 2), ["README", "README (2)"]);
});
