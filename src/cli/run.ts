// One run of the command line: 1. signals and a closed pipe are watched, 2. the one command that was named is loaded and run, 3. what
// went wrong is said in a line, and becomes the exit status.

import { styleText } from "node:util";

import { CommanderError } from "commander";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { printable } from "../core/text.ts";
import { Interrupted } from "./interrupted.ts";
import { commandLineOf, createProgram } from "./program.ts";
import { jsonLine } from "./json.ts";
import { outputFailed } from "./stdout.ts";
import { homeGiven, suggest } from "./suggest.ts";
import { wrapText } from "./width.ts";

const EXIT_PIPE_CLOSED = 128 + 13;
const EXIT_USAGE = 2;

/** Resolves to the exit status, docs/cli.md. */
export async function run(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const stopWatching = watchSignals(interrupt);
  let called = "covey";
  try {
    for (const argument of argv) checkText(argument);
    const { program, status } = await createProgram(argv, interrupt.signal);
    called = commandLineOf(program, argv);
    await program.parseAsync(argv.length === 0 ? ["--help"] : [...argv], { from: "user" }).catch(unlessShown);
    await flushed();
    return status();
  } catch (error) {
    return report(error, argv, called);
  } finally {
    stopWatching();
  }
}

/** Help and the version end the parsing like an error, once they are shown. */
function unlessShown(error: unknown): void {
  if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
}

/** What was written may still fail, on a full disk say: then the command did. */
function flushed(): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write("", (error) => {
      const why = process.stdout.errored ?? error;
      if (why instanceof Error) reject(outputFailed(why));
      else resolve();
    });
  });
}

/** Bytes that are not UTF-8 have become U+FFFD before anything here could see them: what they were is lost. */
function checkText(argument: string): void {
  if (!argument.includes("\ufffd")) return;
  throw new CoveyError("bad-argument", `${JSON.stringify(argument)} is not UTF-8 text`, {
    hint: "Text can also come from stdin (-). A file needs a name in UTF-8 to be sent.",
  });
}

/** The first Ctrl-C stops what can be gone on with later; the second one quits. */
function watchSignals(interrupt: AbortController): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    const why = new Interrupted(signal);
    if (interrupt.signal.aborted) process.exit(why.exitCode);
    interrupt.abort(why);
  };
  // `covey … | head` has read enough: that is no error, and nobody is left to tell.
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EPIPE") process.exit(EXIT_PIPE_CLOSED);
    if (!interrupt.signal.aborted) interrupt.abort(outputFailed(error));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  process.stdout.on("error", onError);
  process.stderr.on("error", onError);
  return () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, onSignal);
  };
}

function report(error: unknown, argv: readonly string[], called: string): number {
  if (error instanceof Interrupted) return error.exitCode;
  // Help was shown because a command was left out: `covey data`.
  if (error instanceof CommanderError && error.code === "commander.help") return EXIT_USAGE;
  const problem = error instanceof CommanderError ? usageError(error, called) : fromPlatform(error, "do this");
  if (argv.includes("--json")) {
    process.stderr.write(jsonLine(problem));
    return problem.exitCode;
  }
  const columns = process.stderr.isTTY ? process.stderr.columns : Infinity;
  const message = wrapText(`covey: ${printable(problem.message)}`, columns);
  process.stderr.write(`${message.replace("covey:", styleText("red", "covey:", { stream: process.stderr }))}\n`);
  if (problem.hint !== undefined)
    process.stderr.write(`${wrapText(suggest(printable(problem.hint), homeGiven(argv)), columns)}\n`);
  if (problem.code === "internal" && (argv.includes("-v") || argv.includes("--verbose")))
    process.stderr.write(`${printable(String((error as Error).stack))}\n`);
  return problem.exitCode;
}

/** commander's "error: unknown command 'sned'\n(Did you mean send?)". */
function usageError(error: CommanderError, called: string): CoveyError {
  const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  const dashed = error.code === "commander.unknownOption" ? " Behind -- nothing is an option." : "";
  const hint = suggestion?.replace(/^\((.*)\)$/, "$1") ?? `\`${called} --help\` shows how it is used.${dashed}`;
  return new CoveyError("bad-argument", message, { hint });
}
