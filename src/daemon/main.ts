// The process of a daemon that a command started: tells its parent when it is ready or why it can't be, then runs until a signal.

import { parseArgs } from "node:util";

import { CoveyError, fromPlatform, type ErrorJson } from "../core/errors.ts";
import type { ConfigChange } from "./config.ts";
import { runUntilSignal } from "./signals.ts";
import { startHere } from "./run.ts";

/** The one message to the parent. */
export type StartMessage = { readonly ready: true } | { readonly error: ErrorJson };

process.title = "covey";
try {
  const { values } = parseArgs({ options: { home: { type: "string" }, change: { type: "string" } } });
  if (values.home === undefined)
    throw new CoveyError("bad-argument", "--home is missing", { hint: "`covey up` starts the daemon." });
  const change = JSON.parse(values.change ?? "{}") as ConfigChange;
  const daemon = await startHere({ home: values.home, change, logTo: "file" });
  await tellParent({ ready: true });
  process.exit(await runUntilSignal(daemon));
} catch (error) {
  const problem = fromPlatform(error, "start the daemon");
  await tellParent({ error: problem.toJSON() });
  process.exit(problem.exitCode);
}

/** The parent may be gone by then; that stops nothing. */
function tellParent(message: StartMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (process.send === undefined) {
    if ("error" in message) process.stderr.write(`covey: ${message.error.message}\n`);
    return Promise.resolve();
  }
  process.on("error", () => {});
  process.send(message, undefined, undefined, () => {
    if (process.connected) process.disconnect();
    resolve();
  });
  return promise;
}
