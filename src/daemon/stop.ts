// How a command stops the daemon of a home, whatever its version, and also when it no longer answers.

import { sleep } from "../core/async.ts";
import { CoveyError, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import { homePath } from "../control/home-path.ts";
import { lockHolder } from "../control/lock.ts";
import { homeAt } from "../identity/home-names.ts";

const POLL_MS = 20;
const SLACK_MS = 1000;

/** Resolves once the home is free: to the pid that was stopped, or undefined when none ran. Rejects with `home-busy` or `timeout`. */
export async function stopDaemon({
  home: given,
  signal,
}: { readonly home?: string; readonly signal?: AbortSignal } = {}): Promise<number | undefined> {
  const home = homeAt(homePath(given));
  const holder = lockHolder(home);
  if (holder === undefined) return undefined;
  if (holder === "unknown" || holder.kind === "program") {
    throw new CoveyError("home-busy", `a program, not the daemon, runs the peer of ${printable(home.dir)}`, {
      hint: holder === "unknown" ? "End that program." : `End that program (process ${holder.pid}).`,
    });
  }
  try {
    process.kill(holder.pid, "SIGTERM");
  } catch (error) {
    // It may have ended by itself just now: then the home is free.
    if (lockHolder(home) !== undefined) throw fromPlatform(error, `stop process ${holder.pid}`);
  }
  // The lock, not the process: an ended process that nobody waits for still has its number.
  for (let waited = 0; waited < LIMITS.stopMs + SLACK_MS; waited += POLL_MS) {
    if (lockHolder(home) === undefined) return holder.pid;
    await sleep(POLL_MS, signal);
  }
  throw new CoveyError("timeout", `process ${holder.pid} did not stop`, {
    hint: `\`kill -9 ${holder.pid}\` ends it; nothing acknowledged is lost.`,
  });
}
