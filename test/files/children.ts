// Starts and kills child.ts.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { Transfer } from "../../src/services/files/contract.ts";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));

export interface Child extends AsyncDisposable {
  readonly pid: number;
  transfers(): Promise<Transfer[]>;
  /** Resolves when it is done, or the child has ended. */
  ask(what: "pause" | "resume"): Promise<void>;
  /** Resolves when it has ended, by whatever. */
  readonly exited: Promise<unknown>;
  kill(): Promise<void>;
}

/** Resolves when the peer of the directory is up. `inside`: a command that runs what follows it. */
export async function startChild(args: readonly string[], inside: readonly string[] = []): Promise<Child> {
  const [command, ...rest] = [...inside, process.execPath, CHILD, ...args] as [string, ...string[]];
  const child: ChildProcess = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.value !== "up") throw new Error(`the child said ${String(first.value)}`);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    pid: child.pid!,
    exited,
    async transfers() {
      child.stdin!.write("\n");
      return JSON.parse(String((await lines.next()).value)) as Transfer[];
    },
    async ask(what) {
      child.stdin!.write(`${what}\n`);
      await lines.next();
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
