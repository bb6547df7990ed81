// What was typed wrongly, told before any peer is asked; and hints that fit what was typed.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { run } from "./command.ts";

test("the hint names the command that was meant, subcommand and all", async () => {
  const table: readonly (readonly [argv: readonly string[], hint: string])[] = [
    [["data", "set", "k"], "`covey data set --help`"],
    [["--home", "data", "peer", "rm"], "`covey peer rm --help`"],
    [["data", "x-y-z"], "`covey data --help`"],
    [["x-y-z"], "`covey --help`"],
  ];
  for (const [argv, hint] of table) {
    const { status, err } = await run(argv);
    assert.equal(status, 2, argv.join(" "));
    assert.ok(err.includes(`\n${hint} shows`), err);
  }
});

test("bytes that are not UTF-8 are refused, not sent as something else", async () => {
  const { status, err } = await run(["msg", "desk", "caf\ufffd"]);
  assert.equal(status, 2);
  assert.match(err, /is not UTF-8 text\n.*stdin/);
});

test("hints about data: where the key was looked for, and what has room for more", async () => {
  const home = await mkdtemp(join(tmpdir(), "covey-usage-"));
  try {
    const get = (key: string) => run(["--once", "--home", home, "data", "get", key]);
    assert.match((await get("todo")).err, /nothing at "todo"\n`covey --home \S+ data ls` lists/);
    const tooLong = await run(["--once", "--home", home, "data", "set", "todo", "-"], { stdin: "a".repeat(65_539) });
    assert.match(tooLong.err, /stdin has more than 65536 bytes\n`covey --home \S+ send/);
    assert.match((await get("self:todo")).err, /nothing at "self:todo"\n`covey --home \S+ data ls self:` lists/);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
