// `npm test` (all) and `npm run check` (quick: without test/slow and test/soak), in this order: types, lint, format, dead code, the package,
// the tests. A phase that passes is one line; one that fails shows what it said, and the rest still runs.
// `npm run soak [-- MINUTES]`: the tests of test/soak alone, each of which goes on for so long instead of a few seconds.

import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { runTests } from "./run-tests.ts";

interface Phase {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
}

/** For one test file. Nothing takes that long unless it hangs: a test that waits for ever, or a timer or process left behind. */
const FILE_MS = 300_000;

const phases: readonly Phase[] = [
  { name: "types", command: ["node", "node_modules/typescript/bin/tsc", "-p", "."] },
  { name: "lint", command: ["node", "node_modules/oxlint/bin/oxlint", "--format=unix"] },
  { name: "format", command: ["node", "node_modules/oxfmt/bin/oxfmt", "--list-different"] },
  { name: "dead code", command: ["node", "node_modules/knip/bin/knip.js", "--no-progress"] },
  { name: "build", command: ["node", "tools/run.mjs", "build"] },
  { name: "package", command: ["node", "tools/check-package.ts"] },
];

// Tests must not meet the peer of whoever runs them.
delete process.env["COVEY_HOME"];

// A command from sources starts in half the time when their types were stripped once.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "../node_modules/.cache/node");

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const [mode, minutes = "10"] = process.argv.slice(2);
// One more than there are cores: many tests wait for a limit or a pause most of their time.
const atOnce = availableParallelism() + 1;
if (mode === "soak") {
  process.env["COVEY_SOAK_MINUTES"] = minutes;
  const fileMs = FILE_MS + 3 * Number(minutes) * 60_000;
  process.exitCode = (await runTests(globSync("test/soak/*.test.ts").toSorted(), { atOnce, fileMs, signal: stop.signal }))
    ? 0
    : 1;
} else {
  const failed: string[] = [];
  for (const phase of phases) if (!stop.signal.aborted && !(await passes(phase))) failed.push(phase.name);
  if (!(await runTests(testFiles(mode === "all"), { atOnce, fileMs: FILE_MS, signal: stop.signal }))) failed.push("tests");
  if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function testFiles(slow: boolean): readonly string[] {
  const files = globSync(["src/**/*.test.ts", "test/**/*.test.ts"]).toSorted();
  const isSlow = (file: string): boolean => file.startsWith(join("test", "slow")) || file.startsWith(join("test", "soak"));
  return slow ? files : files.filter((file) => !isSlow(file));
}

async function passes({ name, command }: Phase): Promise<boolean> {
  const startedAt = performance.now();
  const { status, output } = await runCommand(command);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${status === 0 ? "✔" : "✖"} ${name} (${seconds} s)`);
  if (status !== 0) console.log(output.trimEnd());
  return status === 0;
}

/** Never rejects: what can't be started has failed, and its output says why. */
function runCommand([program, ...args]: Phase["command"]): Promise<{ status: number; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; output: string }>();
  let output = "";
  const env = { ...process.env, NO_COLOR: "1" };
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], signal: stop.signal });
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.on("error", (error) => resolve({ status: 1, output: error.message }));
  child.on("close", (status) => resolve({ status: status ?? 1, output }));
  return promise;
}
