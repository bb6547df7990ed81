// The documents say what the sources say: errors and limits both ways, every command line in them, every link, every program.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { ERROR_KINDS } from "../src/core/errors.ts";
import { apiPage } from "../tools/api.ts";
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

test("docs/api.md is what the sources declare; `node tools/run.mjs api` writes it", () => {
  assert.equal(read("docs/api.md"), apiPage());
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

const programs = [
  { page: "README.md", files: ["examples/two-peers.ts"] },
  { page: "docs/library.md", files: ["examples/library.ts", "examples/library-tested.ts"] },
  { page: "docs/streams.md", files: ["examples/streams.ts"] },
];

for (const { page, files } of programs) {
  test(`the code in ${page} is ${files.join(" and ")}, and does what it says`, () => {
    const blocks = [...read(page).matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block!);
    // One that imports begins another program; the others go on with the last.
    const begins = blocks.flatMap((block, at) => (block.startsWith("import ") ? [at] : []));
    const shown = begins.map((begin, at) => blocks.slice(begin, begins[at + 1]).join("\n"));
    const asInstalled = files.map((file) =>
      read(file).replace("../src/index.ts", "covey").replace("../src/testing/index.ts", "covey/testing"),
    );
    assert.deepEqual(shown, asInstalled);
    for (const file of files) assert.deepEqual(linesOf(file), promisedBy(file), file);
  });
}

/** What a program prints, when it succeeds. */
function linesOf(file: string): readonly string[] {
  // With the one a program that has tests would report them to ours; the other comes from node's runner on a terminal.
  const { NODE_TEST_CONTEXT: _, FORCE_COLOR: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: root, encoding: "utf8", env });
  assert.equal(stderr, "");
  assert.equal(status, 0, stdout);
  return stdout
    .replace(/ \([\d.]+ms\)|^ℹ .*\n/gm, "")
    .trimEnd()
    .split("\n");
}

/** The comment behind or below each console.log, and the name of each test. */
function promisedBy(file: string): readonly string[] {
  const said = [...read(file).matchAll(/^(?:.*console\.log\(.*\); )?\/\/ (.+)$|^test\("(.+)", async/gm)];
  return said.map(([, line, name]) => line ?? `✔ ${name}`);
}
