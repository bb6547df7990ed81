// What ends a daemon: being asked to, which stops it in order, or a fault in itself, which ends it at once.

import { once } from "node:events";

import type { RunningDaemon } from "./run.ts";

/** sysexits.h, EX_SOFTWARE. */
const EXIT_FAULT = 70;
const EXIT_TERMINATED = 128 + 15;

/** SIGTERM, SIGINT and SIGHUP ask it to stop; a second one ends it at once. Resolves to the status for the process to exit with. */
export async function runUntilSignal(daemon: RunningDaemon): Promise<number> {
  const asked = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked.signal.aborted) process.exit(EXIT_TERMINATED);
    asked.abort(signal);
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, onSignal);
  return runUntil(asked.signal, daemon);
}

/** The same with the asking left to the caller. */
export async function runUntil(asked: AbortSignal, daemon: RunningDaemon): Promise<number> {
  exitOnFault(daemon);
  if (!asked.aborted) await once(asked, "abort");
  daemon.log.info({ why: String(asked.reason) }, "stops");
  try {
    await daemon.stop();
    return 0;
  } catch (error) {
    daemon.log.error({ error: String(error) }, "did not stop in order");
    return 1;
  }
}

/** After a fault nothing here is known to be as it should: what was acknowledged is on disk, so the process ends. */
function exitOnFault({ log, failed }: RunningDaemon): void {
  const end = (what: string, error: unknown): void => {
    log.error({ fatal: true, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, what);
    process.exit(EXIT_FAULT);
  };
  process.on("uncaughtException", (error) => end("uncaught exception", error));
  process.on("unhandledRejection", (error) => end("unhandled rejection", error));
  void failed.then((error) => end("it can't go on", error));
}
