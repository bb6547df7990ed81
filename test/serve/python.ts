// Programs as beginners write them after a socket tutorial, in Python: test/serve/tutorials/. They know nothing of covey.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { type Ran, type RunOptions, type Running, startProgram } from "../cli/command.ts";

// What is called python3 may be a script that looks for the right one, each time.
const found = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" });

/** Why none of them can run; false when they can. */
export const noPython = found.status === 0 ? false : "there is no python3";

export const startPython = (script: string, args: readonly string[], options: RunOptions = {}): Running =>
  // Without what is installed beside it: that is most of its start.
  startProgram(found.stdout.trim(), ["-S", join(import.meta.dirname, "tutorials", script), ...args], {
    ...options,
    env: { ...options.env, PYTHONUNBUFFERED: "1" },
  });

/** `lines`: what is typed into it. */
export const runPython = (script: string, args: readonly string[], lines: readonly string[] = []): Promise<Ran> =>
  startPython(script, args, { stdin: lines.map((line) => `${line}\n`).join("") }).ended;

export interface PythonServer extends AsyncDisposable {
  readonly port: number;
  /** What it has said. */
  out(): string;
}

/** One that says on which port it listens. */
export async function startPythonServer(script: string, args: readonly string[] = []): Promise<PythonServer> {
  const program = startPython(script, args);
  await program.until(/Listening on port \d+\n/);
  return {
    port: Number(/port (\d+)/.exec(program.out())![1]),
    out: () => program.out(),
    async [Symbol.asyncDispose]() {
      program.kill("SIGKILL");
      await program.ended;
    },
  };
}
