import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readlinkSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Directory } from "./directory.ts";
import { temporary } from "./test-kit.ts";

const isRefused = (error: NodeJS.ErrnoException): boolean => ["ELOOP", "ENOTDIR", "ENOENT"].includes(error.code!);

test("no step goes through a link", () => {
  using dir = temporary();
  mkdirSync(dir.at("real/inner"), { recursive: true });
  writeFileSync(dir.at("real/file"), "");
  symlinkSync("real", dir.at("link"));
  symlinkSync("real/file", dir.at("file-link"));
  const before = readdirSync("/proc/self/fd").length;
  const directory = Directory.open(dir.path);
  for (const step of ["search", "list"] as const) {
    assert.throws(() => directory[step]("link"), isRefused);
    assert.throws(() => directory[step]("file-link"), isRefused);
    assert.throws(() => directory[step]("no"), isRefused);
    directory[step]("real").close();
  }
  assert.throws(() => directory.openToRead("file-link"), isRefused);
  for (const path of ["link", "link/inner", "real/file", "no/inner"])
    assert.throws(() => Directory.open(dir.at(path)), isRefused, path);
  directory.close();
  assert.equal(readdirSync("/proc/self/fd").length, before);
});

test("an open directory is the same one, wherever it goes", () => {
  using dir = temporary();
  mkdirSync(dir.at("mine/inner"), { recursive: true });
  mkdirSync(dir.at("other"));
  writeFileSync(dir.at("mine/inner/file"), "");
  const directory = Directory.open(dir.at("mine/inner"));
  renameSync(dir.at("mine"), dir.at("moved"));
  symlinkSync("other", dir.at("mine"));
  assert.equal(readlinkSync(directory.itself), dir.at("moved/inner"));
  assert.equal(statSync(directory.at("file")).ino, statSync(dir.at("moved/inner/file")).ino);
  const entries = directory.entries();
  assert.equal(entries.readSync()!.name, "file");
  entries.closeSync();
  directory.close();
});
