// A question on the terminal, on stderr so that stdout stays the result's.

import { createInterface } from "node:readline/promises";

/** The answer's first letter in lower case, "" for just Enter or the end of the input. Rejects with the signal's reason. */
export async function ask(question: string, signal: AbortSignal): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => prompt.once("close", () => resolve("")));
  try {
    // readline takes Ctrl-C for itself while it asks.
    prompt.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    const answer = await Promise.race([prompt.question(question, { signal }), ended]);
    return answer.trim().slice(0, 1).toLowerCase();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    prompt.close();
  }
}
