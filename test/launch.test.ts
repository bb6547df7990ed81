// How covey is started: from a clone by its launcher, from a task, and from the package as npm publishes it.

import assert from "node:assert/strict";
import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "covey-launch-"));
after(() => rmSync(folder, { recursive: true }));

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const run = (program: string, args: readonly string[]): SpawnSyncReturns<string> =>
  spawnSync(program, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

test("the launcher works from any directory, through links, and passes on arguments and the exit status", () => {
  symlinkSync(join(root, "covey"), join(folder, "first"));
  symlinkSync("first", join(folder, "second"));
  for (const program of [join(root, "covey"), join(folder, "second"), "./second"]) {
    const { status, stdout } = run(program, ["--version"]);
    assert.deepEqual({ status, stdout }, { status: 0, stdout: `${manifest.version}\n` });
  }
  const wrong = run("./second", ["no such command"]);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /no such command/);
});

test("a task that does not exist is refused, and the others are named", () => {
  const { status, stderr } = run(process.execPath, [join(root, "tools", "run.mjs"), "tset"]);
  assert.equal(status, 2);
  assert.match(stderr, /^covey: no task "tset"; there are: .*\btest\b.*\n$/);
});

test("a task is ended by the signal that ends its runner, and the runner ends as the task did", async () => {
  // The demo stops in order: what it started and wrote is gone before it ends.
  const child = spawn(process.execPath, [join(root, "tools", "run.mjs"), "demo"], { stdio: ["ignore", "pipe", "inherit"] });
  await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  assert.equal(child.exitCode, null);
  child.kill("SIGTERM");
  const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  assert.deepEqual([status, signal], [128 + 15, null]);
});

test("the package has all that it runs on, and an old Node says what is needed", async (t) => {
  const packed = run("npm", ["pack", root, "--ignore-scripts", "--silent", "--pack-destination", folder]);
  assert.equal(packed.status, 0, packed.stderr);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  assert.equal(run("tar", ["-xzf", tarball!]).status, 0);
  symlinkSync(join(root, "node_modules"), join(folder, "package", "node_modules"));
  const bin = join(folder, "package", "bin", "covey.cjs");

  await t.test("the command", () => {
    const { status, stdout, stderr } = run(process.execPath, [bin, "--version"]);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${manifest.version}\n`, stderr: "" });
  });

  await t.test("the library", () => {
    const source =
      'import { connect, open, CoveyError } from "covey"; console.log(typeof open, typeof connect, typeof CoveyError)';
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
      cwd: join(folder, "package"),
      encoding: "utf8",
    });
    assert.deepEqual({ stdout, stderr }, { stdout: "function function function\n", stderr: "" });
  });

  const old = oldNode();
  await t.test("on an old Node", { skip: old === undefined && "no Node before 24 on this machine" }, () => {
    const { status, stdout, stderr } = run(old!, [bin, "--version"]);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: "" });
    assert.match(stderr, /^covey: needs Node 24 or later, and this is Node \d+\.\d+\.\d+: see \S+\n$/);
  });
});

function oldNode(): string | undefined {
  const found = (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory, "node"));
  return found.find((node) => existsSync(node) && Number.parseInt(run(node, ["-p", "process.versions.node"]).stdout, 10) < 24);
}
