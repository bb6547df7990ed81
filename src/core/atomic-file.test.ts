import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { createFile, replaceFile, sweepTemporaries } from "./atomic-file.ts";

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "covey-atomic-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("a replaced file has the new bytes, is private whatever the umask, and nothing stays beside it", async (t) => {
  const dir = await directory(t);
  const path = join(dir, "file");
  for (const umask of [0, 0o777]) {
    const before = process.umask(umask);
    try {
      await replaceFile(path, `umask ${umask}`);
    } finally {
      process.umask(before);
    }
    assert.equal(await readFile(path, "utf8"), `umask ${umask}`);
    assert.equal((await stat(path)).mode & 0o7777, 0o600);
  }
  assert.deepEqual(await readdir(dir), ["file"]);
});

test("replacing a link replaces the link, not what it leads to", async (t) => {
  const dir = await directory(t);
  await writeFile(join(dir, "elsewhere"), "untouched");
  await symlink("elsewhere", join(dir, "file"));
  await replaceFile(join(dir, "file"), "new");
  assert.equal(await readFile(join(dir, "elsewhere"), "utf8"), "untouched");
  assert.equal(await readFile(join(dir, "file"), "utf8"), "new");
});

test("of many who create one file at once, one does, and its bytes stay", async (t) => {
  const dir = await directory(t);
  const path = join(dir, "file");
  const created = await Promise.all(Array.from({ length: 20 }, (_, i) => createFile(path, `by ${i}`)));
  assert.equal(created.filter(Boolean).length, 1);
  assert.equal(await readFile(path, "utf8"), `by ${created.indexOf(true)}`);
  assert.equal(await createFile(path, "late"), false);
  assert.deepEqual(await readdir(dir), ["file"]);
});

test("a file is not created through a dangling link", async (t) => {
  const dir = await directory(t);
  await symlink("elsewhere", join(dir, "file"));
  assert.equal(await createFile(join(dir, "file"), "x"), false);
  assert.deepEqual(await readdir(dir), ["file"]);
});

test("a failure is reported and leaves nothing behind", async (t) => {
  const dir = await directory(t);
  await mkdir(join(dir, "file"));
  await assert.rejects(replaceFile(join(dir, "file"), "x"), { code: "io", message: /can't write .*file/ });
  await assert.rejects(replaceFile(join(dir, "none", "file"), "x"), { code: "not-found" });
  await assert.rejects(createFile(join(dir, "none", "file"), "x"), { code: "not-found" });
  assert.deepEqual(await readdir(dir), ["file"]);
});

test("sweeping takes the temporaries of one file and nothing else", async (t) => {
  const dir = await directory(t);
  const stay = [".file.0123456789abcdeg.tmp", ".file.tmp", ".other.0123456789abcdef.tmp", "file", "file.0123456789abcdef.tmp"];
  for (const name of [...stay, ".file.0123456789abcdef.tmp"]) await writeFile(join(dir, name), "");
  await sweepTemporaries(join(dir, "file"));
  assert.deepEqual((await readdir(dir)).toSorted(), stay);
});
