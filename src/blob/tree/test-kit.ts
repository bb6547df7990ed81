// For tests of trees: a directory for one test, a walk at once, and other processes.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { TreeRoot, WalkOptions } from "./contract.ts";
import { readPack, type TreeRecord } from "./pack.ts";
import { comparePaths } from "./paths.ts";
import { TreeWalker } from "./reader.ts";
import { TreeScan } from "./scan.ts";

/** A directory of this test's own, by its resolved path. */
export function temporary(): Disposable & { readonly path: string; readonly at: (...names: readonly string[]) => string } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "covey-tree-")));
  return {
    path,
    at: (...names) => join(path, ...names),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** All records of a walk, which are in order. */
export function walkAll(roots: readonly TreeRoot[], options: Partial<WalkOptions> = {}): TreeRecord[] {
  const walker = new TreeWalker(roots, { path: "", content: true, deep: true, ...options });
  const records: TreeRecord[] = [];
  try {
    for (let pack = walker.next(); pack !== undefined; pack = walker.next()) records.push(...readPack(pack));
  } finally {
    walker.close();
  }
  for (const [i, { path }] of records.entries()) {
    if (i > 0) assert.ok(comparePaths(records[i - 1]!.path, path) < 0, `${records[i - 1]!.path} comes before ${path}`);
  }
  return records;
}

/** One line for each record: "file a/b", "note a/c special". */
export const linesOf = (records: readonly TreeRecord[]): string[] =>
  records.map((record) => {
    const more = record.type === "note" ? ` ${record.code}` : record.type === "link" ? ` ${record.target}` : "";
    return `${record.type} ${record.path}${more}`;
  });

export function scanAll(roots: readonly TreeRoot[]) {
  const scan = new TreeScan(roots);
  for (;;) {
    const summary = scan.step();
    if (summary !== undefined) return summary;
  }
}

/** Goes down step by step, so that no path is longer than what a system call takes. */
export function nest(dir: string, names: readonly string[], file?: string): void {
  const script =
    'const fs = require("fs"); for (const name of process.argv.slice(2)) { fs.mkdirSync(name); process.chdir(name); }';
  const last = file === undefined ? "" : `fs.writeFileSync(${JSON.stringify(file)}, "deep");`;
  execFileSync(process.execPath, ["-e", script + last, "x", ...names], { cwd: dir });
}

/** A process that runs this code, ended with the test. Resolves once it has said something. */
export async function startScript(
  code: string,
  ...args: readonly string[]
): Promise<AsyncDisposable & { readonly child: ChildProcess }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", code, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), exited]);
  assert.equal(child.exitCode, null);
  return {
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
