// A question on the terminal, on stderr so that stdout stays the result's.

import { createInterface } from "node:readline/promises";

import { sleep } from "../core/async.ts";

const TYPED_MS = 30;
const CTRL_C = 3;

/** The answer's first letter in lower case, "" for just Enter or the end of the input. Rejects with the signal's reason. */
export async function ask(question: string, signal: AbortSignal): Promise<string> {
  await dropTyped(signal);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<undefined>((resolve) => prompt.once("close", () => resolve(undefined)));
  try {
    // readline takes Ctrl-C for itself while it asks.
    prompt.on("SIGINT", interrupt);
    const answer = await Promise.race([prompt.question(question, { signal }), ended]);
    if (answer === undefined) process.stderr.write("\n");
    return (answer ?? "").trim().slice(0, 1).toLowerCase();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    prompt.close();
  }
}

/** What was typed before the question was there is no answer to it. */
async function dropTyped(signal: AbortSignal): Promise<void> {
  const drop = (typed: Buffer): void => {
    if (typed.includes(CTRL_C)) interrupt();
  };
  process.stdin.setRawMode(true).on("data", drop);
  try {
    await sleep(TYPED_MS, signal);
  } finally {
    process.stdin.off("data", drop).pause().setRawMode(false);
  }
}

const interrupt = (): void => void process.kill(process.pid, "SIGINT");
