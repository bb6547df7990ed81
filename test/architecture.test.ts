// The sources keep to ARCHITECTURE.md, and every rule that says so can fail.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { violations } from "./architecture/rules.ts";
import { readTable } from "./architecture/table.ts";

const root = join(import.meta.dirname, "..");
const table = readTable(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"));
const src = join(root, "src");
const files = globSync("**/*.ts", { cwd: src }).toSorted();
const sources = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]));

test("the sources keep to the import table and the rules", () => {
  assert.deepEqual(violations(sources, table), []);
});

test("the table has a row for every folder, and no row for what is not there", () => {
  const folders = new Set(files.map((file) => (file.includes("/") ? file.slice(0, file.indexOf("/")) : file)));
  const places = table.rows.map(({ place }) => place.replace("/*", ""));
  assert.deepEqual(places.toSorted(), [...folders].toSorted());
});

test("the table has a row for every module from outside, and no row for one that nobody imports", () => {
  const all = [...sources].filter(([file]) => !file.endsWith(".test.ts")).map(([, text]) => text);
  const unused = table.modules.filter(({ module }) => !all.some((text) => text.includes(`"${module}"`)));
  assert.deepEqual(unused, []);
});

const core: readonly [string, string] = ["core/a.ts", "export const a = 1;"];
const breaches: readonly {
  readonly rule: string;
  readonly files: readonly (readonly [string, string])[];
  readonly says: RegExp;
}[] = [
  {
    rule: "an import upwards",
    files: [
      ["core/b.ts", 'import { s } from "../session/s.ts";'],
      ["session/s.ts", "export const s = 1;"],
    ],
    says: /^core\/b\.ts: may not import session\/s\.ts$/,
  },
  {
    rule: "a type imported upwards",
    files: [
      ["core/b.ts", 'import type { S } from "../session/s.ts";'],
      ["session/s.ts", "export type S = 1;"],
    ],
    says: /^core\/b\.ts: may not import types of session\/s\.ts$/,
  },
  {
    rule: "a type inside a type",
    files: [
      ["core/b.ts", 'export type B = import("../session/s.ts").S;'],
      ["session/s.ts", "export type S = 1;"],
    ],
    says: /^core\/b\.ts: may not import types of session\/s\.ts$/,
  },
  {
    rule: "a value where the table has types only",
    files: [
      ["cli/c.ts", 'import { make } from "../services/data/data.ts";'],
      ["services/data/data.ts", "export const make = 1;"],
    ],
    says: /^cli\/c\.ts: may not import services\/data\/data\.ts$/,
  },
  {
    rule: "a dynamic import",
    files: [
      ["core/b.ts", 'export const b = () => import("../session/s.ts");'],
      ["session/s.ts", "export const s = 1;"],
    ],
    says: /^core\/b\.ts: may not import session\/s\.ts$/,
  },
  {
    rule: "a computed import",
    files: [["core/b.ts", "export const b = (name: string) => import(name);"]],
    says: /^core\/b\.ts: a computed import$/,
  },
  {
    rule: "a file named by its URL",
    files: [
      ["core/b.ts", "export const b = (kind: string) => new URL(`../session/worker.${kind}`, import.meta.url);"],
      ["session/worker.ts", "export const s = 1;"],
    ],
    says: /^core\/b\.ts: may not import session\/worker\.ts$/,
  },
  {
    rule: "one service importing another",
    files: [
      ["services/data/d.ts", 'import type { M } from "../messages/contract.ts";'],
      ["services/messages/contract.ts", "export type M = 1;"],
    ],
    says: /^services\/data\/d\.ts: may not import types of services\/messages\/contract\.ts$/,
  },
  {
    rule: "a confined module",
    files: [["services/data/d.ts", 'import { connect } from "node:net";\nexport const d = connect;']],
    says: /^services\/data\/d\.ts: may not import node:net$/,
  },
  {
    rule: "a module that is not in the table",
    files: [["core/b.ts", 'import "left-pad";']],
    says: /^core\/b\.ts: may not import left-pad$/,
  },
  {
    rule: "an import of what is not there",
    files: [["core/b.ts", 'import "./gone.ts";']],
    says: /^core\/b\.ts: imports core\/gone\.ts, which is not among the sources$/,
  },
  {
    rule: "a test imported by what is no test",
    files: [
      ["core/b.ts", 'import "./test-kit.ts";'],
      ["core/test-kit.ts", "export const b = 1;"],
    ],
    says: /^core\/b\.ts: imports core\/test-kit\.ts, which is for tests$/,
  },
  {
    rule: "a folder without a row",
    files: [["misc/b.ts", 'import { a } from "../core/a.ts";\nexport const b = a;'], core],
    says: /^misc\/b\.ts: its folder is not in the table$/,
  },
  {
    rule: "a cycle",
    files: [
      ["core/c.ts", 'import "./b.ts";'],
      ["core/b.ts", 'export const b = () => import("./c.ts");'],
    ],
    says: /^cycle: core\/b\.ts core\/c\.ts core\/b\.ts$/,
  },
  {
    rule: "a cycle closed by a type",
    files: [
      ["core/c.ts", 'import { b } from "./b.ts";\nexport type C = typeof b;'],
      ["core/b.ts", 'import type { C } from "./c.ts";\nexport const b = (c: C) => c;'],
    ],
    says: /^cycle: core\/b\.ts core\/c\.ts core\/b\.ts$/,
  },
  {
    rule: "a cycle of types alone",
    files: [
      ["core/d.ts", 'import type { B } from "./b.ts";\nexport type D = B;'],
      ["core/c.ts", 'export type C = import("./d.ts").D;'],
      ["core/b.ts", 'import { type C } from "./c.ts";\nexport type B = C;'],
    ],
    says: /^cycle: core\/b\.ts core\/c\.ts core\/d\.ts core\/b\.ts$/,
  },
  {
    rule: "a file of more than 400 lines",
    files: [["core/b.ts", "export const b = 1;\n" + "//\n".repeat(400)]],
    says: /^core\/b\.ts: 401 lines/,
  },
  { rule: "a barrel", files: [core, ["core/b.ts", 'export * from "./a.ts";']], says: /^core\/b\.ts: passes on/ },
  { rule: "a name passed on", files: [core, ["core/b.ts", 'export { a } from "./a.ts";']], says: /^core\/b\.ts: passes on/ },
  {
    rule: "a name passed on in two steps",
    files: [core, ["core/b.ts", 'import { a } from "./a.ts";\nexport { a as b };']],
    says: /^core\/b\.ts: passes on/,
  },
  { rule: "an index of a folder", files: [["core/index.ts", "export const b = 1;"]], says: /^core\/index\.ts: an index/ },
  { rule: "a default export", files: [["core/b.ts", "export default 1;"]], says: /^core\/b\.ts: a default export$/ },
  {
    rule: "a default export by name",
    files: [["core/b.ts", "const b = 1;\nexport { b as default };"]],
    says: /^core\/b\.ts: a default export$/,
  },
];

for (const { rule, files: given, says } of breaches) {
  test(`${rule} is found`, () => {
    const found = violations(new Map(given), table);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, says);
  });
}

test("what the table permits is not found", () => {
  const fine = new Map([
    core,
    ["core/b.ts", 'import { a } from "./a.ts";\nimport { join } from "node:path";\nexport const b = join(String(a));'],
    [
      "cli/c.ts",
      'import type { D } from "../services/data/contract.ts";\nimport { type E } from "../services/data/contract.ts";\nexport type C = D | E;',
    ],
    ["services/data/contract.ts", 'import { b } from "../../core/b.ts";\nexport type D = typeof b;\nexport type E = D;'],
    ["services/data/d.test.ts", 'import { m } from "../messages/m.ts";\nimport net from "node:net";\nm(net);'],
    ["services/messages/m.ts", "export const m = (value: unknown) => value;"],
    ["index.ts", 'export { b } from "./core/b.ts";'],
  ]);
  assert.deepEqual(violations(fine, table), []);
});
