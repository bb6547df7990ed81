// Two paired daemons of the built program, each in a process of its own, and what they take.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { connect } from "../src/control/connect.ts";
import type { Covey } from "../src/control/covey.ts";

/** The built command line. */
export const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

export interface Daemons extends AsyncDisposable {
  /** They call each other "a" and "b", and take each other's files. */
  readonly a: Covey;
  readonly b: Covey;
  readonly homes: readonly [a: string, b: string];
}

/** `directory`: holds their homes, and is the caller's to remove. */
export async function startDaemons(directory: string): Promise<Daemons> {
  const homes = [join(directory, "a"), join(directory, "b")] as const;
  for (const home of homes) await cli(home, "up", "--listen", "tcp://127.0.0.1:0", "--incoming", join(home, "incoming"));
  const [a, b] = await Promise.all([connect({ home: homes[0] }), connect({ home: homes[1] })]);
  const invitation = await a.invite({ as: "b", mine: true });
  await b.join(invitation.ticket, { as: "a", mine: true });
  await invitation.done;
  return {
    ...{ a, b, homes },
    async [Symbol.asyncDispose]() {
      await Promise.all([a.close(), b.close()]);
      for (const home of homes) await cli(home, "down").catch(() => {});
    },
  };
}

export const cli = (home: string, ...args: string[]): Promise<void> => run([process.execPath, MAIN, "--home", home, ...args]);

/** Rejects unless it ends with 0. */
export async function run([command, ...args]: [string, ...string[]]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}`);
}

/** Of the daemon's process, in MiB: "VmRSS" now, "VmHWM" at most so far. */
export async function memoryMiB(covey: Covey, field: "VmRSS" | "VmHWM"): Promise<number> {
  const { pid } = await covey.status();
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return Number(kib) / 1024;
}

/** User and system time of the daemon's process so far, in seconds. */
export async function cpuSeconds(covey: Covey): Promise<number> {
  const { pid } = await covey.status();
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
