// The types as a program gets them that has installed covey: the published declarations, checked by tsc under other people's options.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { emitDeclarations } from "../tools/api.ts";

const root = join(import.meta.dirname, "..");
/** A program of this checkout as one that has covey installed. */
const asInstalled = (path: string): string =>
  readFileSync(join(root, path), "utf8")
    .replace(/"(\.\.\/)+src\/index\.ts"/, '"covey"')
    .replace(/"(\.\.\/)+src\/testing\/index\.ts"/, '"covey/testing"');
const program = asInstalled("test/types/program.ts");
const base = {
  module: "nodenext",
  target: "es2024",
  lib: ["es2024", "esnext.disposable", "esnext.array"],
  types: ["node"],
  noEmit: true,
};

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "covey-types-"));
  const installed = join(folder, "node_modules", "covey");
  mkdirSync(installed, { recursive: true });
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  emitDeclarations(join(installed, "dist"));
  for (const name of ["@types", "valibot"]) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});

after(() => rmSync(folder, { recursive: true, force: true }));

for (const options of [
  { strict: true, skipLibCheck: false },
  {
    strict: true,
    skipLibCheck: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
  },
]) {
  test(`types are inferred, and wrong use is refused, with ${Object.keys(options).join(", ")}`, () => {
    assert.equal(check(program, options), "");
  });
}

for (const example of globSync("examples/**/*.ts", { cwd: root })) {
  test(`${example} compiles where covey is installed`, () => {
    assert.equal(check(asInstalled(example), { strict: true, skipLibCheck: true, noUncheckedIndexedAccess: true }), "");
  });
}

test("what is wrong here is found", () => {
  const found = check(program.replace("is<Message>()(await peer.message", "is<string>()(await peer.message"), { strict: true });
  assert.match(found, /^program\.ts\(\d+,\d+\): error TS2345/);
  assert.match(check('import { hostPeer } from "covey";\n', { strict: true }), /has no exported member/);
  assert.match(check('import "covey/control/open.ts";\n', { strict: true }), /Cannot find module|side-effect import/);
});

/** What tsc says of it. */
function check(source: string, options: Readonly<Record<string, boolean>>): string {
  writeFileSync(join(folder, "program.ts"), source);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...base, ...options }, files: ["program.ts"] }),
  );
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "-p", folder, "--pretty", "false"];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  return stdout + stderr;
}
