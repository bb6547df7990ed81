import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { openLogFile } from "./log-file.ts";

async function temporary() {
  const dir = await mkdtemp(join(tmpdir(), "covey-log-"));
  return { log: join(dir, "log"), [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
}

test("however much is logged, two files of the limit are what it takes, and the newest lines are there", async () => {
  await using at = await temporary();
  const file = openLogFile(at.log, 1000);
  for (let i = 0; i < 1000; i++) file.write(`line ${i}\n`);
  const sizes = await Promise.all([at.log, `${at.log}.1`].map(async (path) => (await stat(path)).size));
  assert.ok(
    sizes.every((size) => size < 1020),
    String(sizes),
  );
  const kept = (await readFile(`${at.log}.1`, "utf8")) + (await readFile(at.log, "utf8"));
  assert.match(kept, /line 998\nline 999\n$/);
  assert.equal((await stat(at.log)).mode & 0o777, 0o600);
});

test("a log that was removed, or can't be set aside, does not stop anybody", async () => {
  await using at = await temporary();
  const file = openLogFile(at.log, 10);
  file.write("more than ten bytes\n");
  await rm(at.log);
  file.write("lost with it\n");
  file.write("the next\n");
});

test("on a full disk, lines are lost and nothing else", { skip: platform() !== "linux" && "there is no /dev/full" }, () => {
  const file = openLogFile("/dev/full", 1000);
  file.write("no room for this\n");
});
