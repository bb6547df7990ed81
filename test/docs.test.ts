// The documents say what the sources say: errors and limits both ways, every command line in them, every link, the README's program.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { ERROR_KINDS } from "../src/core/errors.ts";
import { limitsPage } from "../tools/limits.ts";
import { checkCommandLine, commandLinesOf } from "./docs/command-lines.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root }).toSorted();

test("docs/errors.md has every code, and none besides, as core/errors.ts has it", () => {
  const documented = [...read("docs/errors.md").matchAll(/^\| `([a-z-]+)` \| (\d+) \| (yes|no) \| (.+?) \| (.+?) \|$/gm)];
  const rows = documented.map(([, code, exit, retry, means]) => [
    code,
    { exit: Number(exit), retryable: retry === "yes", means },
  ]);
  assert.deepEqual(Object.fromEntries(rows), ERROR_KINDS);
  assert.equal(rows.length, Object.keys(ERROR_KINDS).length);
});

test("docs/limits.md is what core/limits.ts makes it; `node tools/run.mjs limits` writes it", () => {
  assert.equal(read("docs/limits.md"), limitsPage());
});

test("every link to a file leads to one", () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)]
      .filter(([, target]) => !existsSync(join(root, dirname(page), target!)))
      .map(([, target]) => `${page}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

for (const page of pages) {
  const lines = commandLinesOf(read(page));
  if (lines.length > 0) {
    test(`the ${lines.length} command lines in ${page} name commands and options that exist`, async () => {
      for (const line of lines) assert.equal(await checkCommandLine(line), undefined, line.text);
    });
  }
}

test("a command line that does not exist is found", async () => {
  const wrong = (text: string): Promise<string | undefined> => checkCommandLine({ text, whole: true });
  assert.match((await wrong("./covey sned FILE laptop:")) ?? "", /no command "sned"/);
  assert.match((await wrong("./covey data put laptop:todo 1")) ?? "", /no command "put"/);
  assert.match((await wrong("./covey send --fast FILE laptop:")) ?? "", /no option "--fast"/);
  assert.match((await wrong("./covey data set laptop:todo")) ?? "", /arguments/);
  assert.match((await wrong("./covey status now")) ?? "", /arguments/);
});

test("the README's program is examples/two-peers.ts, and does what it says", () => {
  const example = read("examples/two-peers.ts");
  const block = /```ts\n(.*?)```/s.exec(read("README.md"))?.[1];
  assert.equal(block, example.replace("../src/index.ts", "covey"));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["examples/two-peers.ts"], { cwd: root, encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status, 0);
  const promised = [...example.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, line]) => line);
  assert.ok(promised.length > 0);
  assert.deepEqual(stdout.trimEnd().split("\n"), promised);
});
