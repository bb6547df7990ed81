// `node tools/run.mjs TASK [ARGUMENT…]`: makes the checkout ready, then runs the task on the pinned Node.
// Plain JavaScript, for any Node from 20 on.

import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

import { environment, node, root, setUp } from "./setup.mjs";

/** `build`: the task runs dist/, not the sources. */
const tasks = {
  setup: { build: true },
  build: { build: true },
  demo: { build: true, run: ["dist/cli/main.js", "demo"] },
  bench: { build: true, run: ["bench/main.ts"] },
  test: { build: false, run: ["tools/test.ts", "all"] },
  check: { build: false, run: ["tools/test.ts", "quick"] },
  soak: { build: true, run: ["tools/test.ts", "soak"] },
  lint: { build: false, run: ["node_modules/oxlint/bin/oxlint"] },
  format: { build: false, run: ["node_modules/oxfmt/bin/oxfmt"] },
  api: { build: false, run: ["tools/api.ts"] },
  limits: { build: false, run: ["tools/limits.ts"] },
};

const [name = "", ...rest] = process.argv.slice(2);
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
if (task === undefined) fail(`no task "${name}"; there are: ${Object.keys(tasks).join(", ")}`, 2);

try {
  setUp(task);
} catch (error) {
  fail(error.message, 1);
}
if (name === "demo") environment.COVEY_BROWSER ??= packagedBrowser();
if (task.run !== undefined) follow(task.run);

/** "" when there is none: then the demo looks for one itself. */
function packagedBrowser() {
  const { status, stdout } = spawnSync(node, [join(root, "tools", "chromium.ts")], { encoding: "utf8" });
  return status === 0 ? stdout : "";
}

/** The task's end is ours: its exit status, or the signal that ended it. */
function follow([script, ...args]) {
  const child = spawn(node, [join(root, script), ...args, ...rest], { cwd: root, env: environment, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // A terminal has sent its Ctrl-C to the whole group, so to the task as well.
      if (signal === "SIGTERM" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`can't run Node: ${error.message}`, 1));
  child.on("exit", (status, signal) => {
    if (signal === null) process.exit(status);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message, status) {
  process.stderr.write(`covey: ${message}\n`);
  process.exit(status);
}
