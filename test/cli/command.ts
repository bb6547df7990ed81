// Runs the command line as a user does: a process, its exit status, what it said where.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { createProgram } from "../../src/cli/program.ts";
import { CoveyError } from "../../src/core/errors.ts";

export const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly pid: number;
  /** What stdout has so far. */
  out(): string;
  err(): string;
  /** Resolves when stdout or stderr has it; rejects when the process ended without. */
  until(text: string | RegExp): Promise<void>;
  write(text: string): void;
  /** Of its stdin. */
  end(): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ran>;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

// What would decide for a test: where the peer is, whether there are colours (Node looks at all of these), that this is a test of Node's.
const NOT_INHERITED = [
  "COVEY_HOME",
  "NO_COLOR",
  "NODE_DISABLE_COLORS",
  "FORCE_COLOR",
  "CI",
  "TMUX",
  "COLORTERM",
  "NODE_TEST_CONTEXT",
];

const environment = (env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_INHERITED.includes(name))),
  ...env,
});

export const start = (argv: readonly string[], options: RunOptions = {}): Running =>
  startProgram(process.execPath, [MAIN, ...argv], options);

/** The same for any program. */
export function startProgram(program: string, argv: readonly string[], { stdin, env, cwd }: RunOptions = {}): Running {
  return follow(spawn(program, argv, { env: environment(env), cwd, stdio: ["pipe", "pipe", "pipe"] }), stdin);
}

/** Why there is no pseudo-terminal to test on; false when there is one. */
export const noTerminal =
  spawnSync("script", ["--version"]).error === undefined ? false : "there is no script(1) to make a pseudo-terminal with";

/** The same on a pseudo-terminal of so many columns, with util-linux's script. */
export function startOnTerminal(argv: readonly string[], columns: number, env: NodeJS.ProcessEnv = {}): Running {
  const quoted = [process.execPath, MAIN, ...argv].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const child = spawn("script", ["-qefc", `stty columns ${columns} rows 60; exec ${quoted}`, "/dev/null"], {
    env: environment({ TERM: "xterm-256color", ...env }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  return follow(child, undefined);
}

// Far beyond anything that a busy machine needs: what was never said is to be a failure with a reason.
const PATIENCE_MS = 60_000;

const running = new Set<ReturnType<typeof spawn>>();

/** For the end of a test file: a test that failed may have left what it started. */
export function endAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

function follow(child: ReturnType<typeof spawn>, stdin: string | undefined): Running {
  running.add(child);
  child.once("close", () => running.delete(child));
  let out = "";
  let err = "";
  let wake = (): void => {};
  child.stdout!.setEncoding("utf8").on("data", (part: string) => ((out += part), wake()));
  child.stderr!.setEncoding("utf8").on("data", (part: string) => ((err += part), wake()));
  child.stdin!.on("error", () => {});
  if (stdin !== undefined) child.stdin!.end(stdin);
  let over = false;
  const ended = (once(child, "close") as Promise<[number | null]>).then(([status]) => {
    over = true;
    wake();
    return { status, out, err };
  });
  return {
    pid: child.pid!,
    out: () => out,
    err: () => err,
    async until(text) {
      const has = (): boolean => (typeof text === "string" ? (out + err).includes(text) : text.test(out + err));
      let patient = true;
      const timer = setTimeout(() => ((patient = false), wake()), PATIENCE_MS);
      while (!has() && patient && !over) await new Promise<void>((resolve) => (wake = resolve));
      clearTimeout(timer);
      if (!has()) throw new Error(`it ${over ? "ended" : "goes on"} without ${String(text)}:\n${out}\n${err}`);
    },
    write: (text) => void child.stdin!.write(text),
    end: () => void child.stdin!.end(),
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

export const run = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  start(argv, { stdin: "", ...options }).ended;

/** Why a command line is refused, in this process: many of them cost nothing then. What it suggests is for the usual home. */
export async function refusal(argv: readonly string[]): Promise<CoveyError> {
  const { program } = await createProgram(argv, new AbortController().signal);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CoveyError) return error;
    throw error;
  }
  throw new Error(`it was not refused: ${argv.join(" ")}`);
}
