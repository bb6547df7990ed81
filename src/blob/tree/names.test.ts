import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";

import { Directory } from "./directory.ts";
import { type Listed, listNames, readNames } from "./names.ts";
import { checkTreePath, comparePaths } from "./paths.ts";
import { temporary } from "./test-kit.ts";

function list(path: string, room: number): Listed[] {
  const directory = Directory.open(path);
  try {
    return [...readNames(listNames(directory, room))];
  } finally {
    directory.close();
  }
}

test("names of any bytes, in whatever room: valid, in order, each once", () => {
  const byte = fc.oneof(fc.constantFrom(0x2e, 0x5c, 0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xff), fc.integer({ min: 1, max: 255 }));
  const name = fc
    .array(
      byte.filter((each) => each !== 0x2f),
      { minLength: 1, maxLength: 9 },
    )
    .map((bytes) => Buffer.from(bytes))
    .filter((bytes) => bytes.toString() !== "." && bytes.toString() !== "..");
  fc.assert(
    fc.property(fc.array(name, { maxLength: 12 }), fc.integer({ min: 1, max: 12 }), (names, room) => {
      using dir = temporary();
      for (const bytes of names) writeFileSync(Buffer.concat([Buffer.from(`${dir.path}/`), bytes]), "");
      const listed = list(dir.path, room);
      for (const [i, { name: shown }] of listed.entries()) {
        checkTreePath(shown);
        assert.ok(Buffer.byteLength(shown) <= room);
        if (i > 0) assert.ok(comparePaths(listed[i - 1]!.name, shown) < 0);
      }
      // Exactly those that can be named as they are.
      const files = listed.filter(({ is }) => is === "file").map((each) => each.name);
      const named = names.filter((bytes) => Buffer.from(bytes.toString()).equals(bytes) && bytes.length <= room).map(String);
      assert.deepEqual(files.toSorted(), [...new Set(named)].toSorted());
    }),
    { numRuns: 150 },
  );
});

test("the kinds are told", () => {
  using dir = temporary();
  writeFileSync(dir.at("f"), "");
  mkdirSync(dir.at("d"));
  symlinkSync("f", dir.at("l"));
  assert.deepEqual(list(dir.path, 255), [
    { name: "d", is: "directory" },
    { name: "f", is: "file" },
    { name: "l", is: "link" },
  ]);
  assert.deepEqual(
    list("/dev", 255).find(({ name }) => name === "null"),
    { name: "null", is: "special" },
  );
});
