// What ends a daemon: a first SIGTERM, SIGINT or SIGHUP stops it in order, a second one at once, and so does a fault in itself.

import { once } from "node:events";

import type { Logger } from "../core/log.ts";
import type { RunningDaemon } from "./run.ts";

/** sysexits.h, EX_SOFTWARE. */
const EXIT_FAULT = 70;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const EXIT_SIGNALLED = 128 + 15;

/** Resolves, once it has stopped, to the status for the process to exit with. */
export async function runUntilSignal(daemon: RunningDaemon): Promise<number> {
  exitOnFault(daemon.log);
  const asked = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    daemon.log.info({ signal }, asked.signal.aborted ? "stops at once" : "stops");
    if (asked.signal.aborted) process.exit(EXIT_SIGNALLED);
    asked.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  await once(asked.signal, "abort");
  try {
    await daemon.stop();
    return 0;
  } catch (error) {
    daemon.log.error({ error: String(error) }, "did not stop in order");
    return 1;
  }
}

/** After a fault nothing here is known to be as it should: what was acknowledged is on disk, so the process ends. */
function exitOnFault(log: Logger): void {
  const end = (what: string, error: unknown): void => {
    log.error({ fatal: true, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, what);
    process.exit(EXIT_FAULT);
  };
  process.on("uncaughtException", (error) => end("uncaught exception", error));
  process.on("unhandledRejection", (error) => end("unhandled rejection", error));
}
