// Names and paths at the borders of what can be told.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { linesOf, nest, temporary, walkAll } from "./test-kit.ts";

test("every name of one byte, and the longest ones", () => {
  using dir = temporary();
  const expected: string[] = [];
  mkdirSync(dir.at("r"));
  const put = (name: Buffer): void => writeFileSync(Buffer.concat([Buffer.from(`${dir.at("r")}/`), name]), name);
  for (let byte = 1; byte < 256; byte++) {
    if (byte === 0x2f || byte === 0x2e) continue;
    put(Buffer.from([byte]));
    if (byte < 0x80) expected.push(`file r/${String.fromCharCode(byte)}`);
    else expected.push(`note r/\\x${byte.toString(16)} not-utf8`);
  }
  for (const name of ["x".repeat(255), "€".repeat(85), "..."]) {
    put(Buffer.from(name));
    expected.push(`file r/${name}`);
  }
  const long = Buffer.concat([Buffer.alloc(254, 0x79), Buffer.from([0xff])]);
  put(long);
  expected.push(`note r/${"y".repeat(254)}\\ not-utf8`);
  const records = walkAll([{ name: "r", path: dir.at("r") }]);
  assert.deepEqual(linesOf(records).toSorted(), ["directory r", ...expected].toSorted());
  for (const record of records) {
    if (record.type === "file") assert.equal(record.content!.bytes.toString(), record.path.slice(2));
  }
});

test("names that are shown alike are one note, and never stand for a file", () => {
  using dir = temporary();
  mkdirSync(dir.at("r"));
  const put = (...bytes: readonly number[]): void =>
    writeFileSync(Buffer.concat([Buffer.from(`${dir.at("r")}/`), Buffer.from(bytes)]), "x");
  put(0x5c, 0x78, 0x66, 0x66);
  put(0xff);
  put(0xfe);
  put(0xe2, 0x82);
  const roots = [{ name: "r", path: dir.at("r") }];
  const expected = ["directory r", "note r/\\xe2\\x82 not-utf8", "note r/\\xfe not-utf8", "file r/\\xff"];
  assert.deepEqual(linesOf(walkAll(roots)), expected);
  for (const [i, { path }] of walkAll(roots).entries())
    assert.deepEqual(linesOf(walkAll(roots, { after: path })), expected.slice(i + 1));
});

test("64 levels come along, the 65th is noted", () => {
  using dir = temporary();
  nest(dir.path, ["r", ...Array<string>(62).fill("d")], "f");
  const roots = [{ name: "r", path: dir.at("r") }];
  const deepest = walkAll(roots).at(-1)!;
  assert.equal(deepest.type, "file");
  assert.equal(deepest.path.split("/").length, 64);
  using deeper = temporary();
  nest(deeper.path, ["r", ...Array<string>(63).fill("d")], "f");
  const records = walkAll([{ name: "r", path: deeper.at("r") }]);
  assert.equal(records.length, 64);
  assert.equal(linesOf(records).at(-1), `note r${"/d".repeat(63)} too-deep`);
  using empty = temporary();
  nest(empty.path, ["r", ...Array<string>(63).fill("d")]);
  assert.equal(linesOf(walkAll([{ name: "r", path: empty.at("r") }])).at(-1), `directory r${"/d".repeat(63)}`);
});

test("paths of 4,096 bytes come along, longer ones are noted", () => {
  using dir = temporary();
  const names = ["r", ...Array<string>(15).fill("n".repeat(255))];
  nest(dir.path, names, "f".repeat(254));
  nest(dir.path, ["s", ...names.slice(1)], "g".repeat(255));
  const roots = ["r", "s"].map((name) => ({ name, path: dir.at(name) }));
  const [fits, cut] = [walkAll([roots[0]!]).at(-1)!, walkAll([roots[1]!]).at(-1)!];
  assert.equal(Buffer.byteLength(fits.path), 4096);
  assert.equal(fits.type === "file" && fits.content!.bytes.toString(), "deep");
  assert.equal(Buffer.byteLength(cut.path), 4096);
  assert.equal(cut.type === "note" && cut.code, "too-deep");
  assert.deepEqual(walkAll(roots, { after: fits.path })[0]!.path, "s");
  // No room even for the shortest name.
  using full = temporary();
  nest(full.path, ["rr", ...Array<string>(15).fill("n".repeat(255)), "d".repeat(252)], "f");
  assert.match(linesOf(walkAll([{ name: "rr", path: full.at("rr") }])).at(-1)!, /^note .*d too-deep$/);
});
