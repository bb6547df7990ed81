// Runs test files, each in a process of its own, and shows: a line for each file; of a file that failed each failure in full and what
// it printed; what was skipped, and why; at the end the sums, in the words of node's own runner.

import { relative } from "node:path";
import { run, type EventData } from "node:test";
import { inspect } from "node:util";

/** What the runner counts, in the order of its summary, and the word that it shows. */
const COUNTS = [
  ["tests", "tests"],
  ["suites", "suites"],
  ["passed", "pass"],
  ["failed", "fail"],
  ["cancelled", "cancelled"],
  ["skipped", "skipped"],
  ["todo", "todo"],
] as const;

type Counts = Readonly<Record<(typeof COUNTS)[number][0], number>>;

interface FileResult {
  readonly counts: Counts;
  readonly passed: boolean;
  readonly text: string;
}

export interface TestRun {
  /** Files that run side by side. */
  readonly atOnce: number;
  /** What one file may take, in ms. */
  readonly fileMs: number;
  /** Once it aborts, what runs is ended and counts as cancelled. */
  readonly signal: AbortSignal;
}

/** Resolves to whether there were tests and all of them passed. */
export async function runTests(files: readonly string[], options: TestRun): Promise<boolean> {
  const startedAt = performance.now();
  const results: FileResult[] = [];
  const queue = files.values();
  const worker = async (): Promise<void> => {
    for (const file of queue) {
      const result = await runFile(file, options);
      results.push(result);
      console.log(result.text);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, worker));

  const failing = results.filter(({ passed }) => !passed);
  for (const { text } of failing) console.log(text.slice(0, text.indexOf("\n")));
  for (const [count, word] of COUNTS) console.log(`ℹ ${word} ${results.reduce((sum, { counts }) => sum + counts[count], 0)}`);
  console.log(`ℹ duration_ms ${Math.round(performance.now() - startedAt)}`);
  return results.length > 0 && failing.length === 0;
}

async function runFile(file: string, { fileMs, signal }: TestRun): Promise<FileResult> {
  const startedAt = performance.now();
  const failures: string[] = [];
  const skipped: string[] = [];
  const running = new Set<string>();
  let printed = "";
  let counts: Counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
  let passed = false;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(fileMs)]);
  for await (const event of run({ files: [file], signal: limit }) as AsyncIterable<RunEvent>) {
    if (event.type === "test:stdout" || event.type === "test:stderr") printed += event.data.message;
    if (event.type === "test:dequeue" && event.data.name !== file) running.add(event.data.name);
    if (event.type === "test:complete") running.delete(event.data.name);
    if (event.type === "test:pass" && event.data.skip) skipped.push(`  skipped: ${event.data.name}: ${event.data.skip}`);
    if (event.type === "test:fail") failures.push(...describe(event.data, running, fileMs));
    if (event.type === "test:summary" && event.data.file === undefined) ({ counts, success: passed } = event.data);
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const head = `${passed ? "✔" : "✖"} ${relative(process.cwd(), file)} (${counts.tests} tests, ${seconds} s)`;
  const said = passed || printed === "" ? [] : [indent(`it printed:\n${printed.trimEnd()}`)];
  return { counts, passed, text: [head, ...skipped, ...failures, ...said].join("\n") };
}

/** Nothing for a test that failed only because one inside it did, which has been told. */
function describe(
  { name, line, todo, details: { error } }: EventData.TestFail,
  running: ReadonlySet<string>,
  fileMs: number,
): readonly string[] {
  const kind = "failureType" in error ? error.failureType : undefined;
  if (kind === "subtestsFailed" || todo) return [];
  if (kind === "testAborted") {
    const at = running.size > 0 ? `in "${[...running].at(-1)}"` : "after its last test, which left something behind";
    return [`  ✖ stopped, at the latest after ${fileMs / 1000} s, ${at}`];
  }
  const cause: unknown = error.cause ?? error;
  return [indent(`✖ ${name} (line ${line ?? "?"})\n${indent(inspect(cause, { colors: process.stdout.isTTY }))}`)];
}

const indent = (text: string): string => text.replaceAll(/^/gm, "  ");

/** The events of run() that are of use here; the stream itself is not typed. */
type RunEvent =
  | { readonly type: "test:stdout"; readonly data: EventData.TestStdout }
  | { readonly type: "test:stderr"; readonly data: EventData.TestStderr }
  | { readonly type: "test:dequeue"; readonly data: EventData.TestDequeue }
  | { readonly type: "test:complete"; readonly data: EventData.TestComplete }
  | { readonly type: "test:pass"; readonly data: EventData.TestPass }
  | { readonly type: "test:fail"; readonly data: EventData.TestFail }
  | { readonly type: "test:summary"; readonly data: EventData.TestSummary & { readonly counts: Counts } };
