// Makes the checkout ready, in this order: 1. the pinned Node, 2. the packages, 3. (for a task that runs the build) dist/.
// Plain JavaScript, for any Node from 20 on: it runs before the pinned one is there. Says one line for each thing that it does.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const runtime = join(root, "tools", "runtime");
const bin = join(runtime, "node_modules", ".bin");
/** The Node that everything runs on: npm links it to the package of this platform. */
export const node = join(bin, "node");
/** The environment of every task: `node` is the pinned one, in child processes too. */
export const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };

const dist = join(root, "dist");
/** Its time is that of the sources that dist/ was built from; the launcher `covey` looks at it too. */
const stamp = join(dist, ".built");
const inputs = [
  "src",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "tools/runtime/package-lock.json",
];

const say = (text) => process.stderr.write(`covey: ${text}\n`);

/** Throws an Error with one line for the user. */
export function setUp({ build }) {
  const ready = () => hasNode() && hasPackages(root) && !(build && isStale());
  if (ready()) return;
  withLock(() => {
    if (!hasNode()) installNode();
    if (!hasPackages(root)) {
      say("installing the packages of package-lock.json");
      install(root, environment);
    }
    if (build && isStale()) compile();
  });
}

// 1. the pinned Node

const hasNode = () => hasPackages(runtime) && existsSync(node);

function installNode() {
  say("installing the Node that this checkout is pinned to (tools/runtime)");
  install(runtime, process.env);
  // A platform without a package of its own (macOS), or one where that package doesn't run (musl).
  if (existsSync(node) && spawnSync(node, ["--version"]).status === 0) return;
  if (Number.parseInt(process.versions.node, 10) < 24) {
    throw new Error(
      `there is no pinned Node for ${process.platform} ${process.arch}: install Node 24 or later, then run this again`,
    );
  }
  say(`no pinned Node for this platform, using Node ${process.versions.node} of the system`);
  mkdirSync(bin, { recursive: true });
  rmSync(node, { force: true });
  symlinkSync(process.execPath, node);
  // npm leaves no list where it had nothing to install.
  const list = join(runtime, "node_modules", ".package-lock.json");
  if (!existsSync(list)) writeFileSync(list, '{ "packages": {} }\n');
}

// 2. the packages

/**
 * Whether node_modules holds what the lock file says, platforms' packages aside. npm writes its own list last, so a killed installation
 * has none.
 */
function hasPackages(folder) {
  const wanted = readJson(join(folder, "package-lock.json"))?.packages ?? {};
  const present = readJson(join(folder, "node_modules", ".package-lock.json"))?.packages;
  if (present === undefined) return false;
  const isThere = ([path, { integrity, optional }]) =>
    path === "" || (path in present ? present[path].integrity === integrity : optional === true);
  const isWanted = ([path, { optional }]) => path in wanted || optional === true;
  return Object.entries(wanted).every(isThere) && Object.entries(present).every(isWanted);
}

/** Not `npm ci`: it refuses the lock file where a registry lacks the optional packages of other platforms. What it holds for, we check. */
function install(folder, env) {
  const args = [
    "install",
    "--no-save",
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const { status, error, stdout, stderr } = spawnSync("npm", args, { cwd: folder, env, encoding: "utf8" });
  if (error !== undefined) throw new Error(`can't run npm: ${error.message}`);
  if (status === 0 && (folder === runtime || hasPackages(folder))) return;
  process.stderr.write(stdout + stderr);
  throw new Error(
    status === 0
      ? `package-lock.json in ${folder} does not say what package.json does: \`npm install\` there writes it anew`
      : `npm install failed in ${folder}: see above, then run this again`,
  );
}

// 3. dist/

function isStale() {
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs;
  return built === undefined || inputs.some((input) => newestMs(join(root, input)) > built);
}

/** A folder's own time counts: it tells that a file was removed. */
function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return path.endsWith(".test.ts") ? 0 : stat.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stat.mtimeMs);
}

/** Built beside and moved into place, so that a kill leaves the old build or none, and files that have no source are gone. */
function compile() {
  say("building dist/");
  const startedAt = new Date();
  const fresh = `${dist}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const args = [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.build.json", "--outDir", fresh];
  const { status, stdout, stderr } = spawnSync(node, args, { cwd: root, env: environment, encoding: "utf8" });
  if (status !== 0) {
    process.stderr.write(stdout + stderr);
    rmSync(fresh, { recursive: true, force: true });
    throw new Error("the sources don't compile: see above");
  }
  const old = `${dist}.old`;
  rmSync(old, { recursive: true, force: true });
  writeFileSync(join(fresh, ".built"), "");
  utimesSync(join(fresh, ".built"), startedAt, startedAt);
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
}

// one at a time

/** Two commands at once in a fresh clone: the second waits for the first. */
function withLock(work) {
  const lock = join(runtime, ".lock");
  for (let waited = false; !tryLock(lock); waited = true) {
    if (!waited) say(`waiting for process ${readText(lock)}, which sets up this checkout (tools/runtime/.lock)`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** A lock whose process is gone is taken over. */
function tryLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (isRunning(Number(readText(lock) ?? 0))) return false;
  rmSync(lock, { force: true });
  return tryLock(lock);
}

function isRunning(pid) {
  if (pid === 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function readJson(path) {
  const text = readText(path);
  return text === undefined ? undefined : JSON.parse(text);
}
