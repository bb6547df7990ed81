// How a command starts the daemon of a home: 1. a process of its own is made, 2. it says that it is ready, or why it can't be, 3. it is
// let go, or ended when it is not waited for any more. Of two commands at once one wins the home's lock, and the other one waits until
// the winner's daemon answers.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import { sleep, untilAborted, withDeadline } from "../core/async.ts";
import { CoveyError, errorFromJson, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import { connect } from "../control/connect.ts";
import { homePath } from "../control/home-path.ts";
import { openHome } from "../identity/home.ts";
import type { Home } from "../identity/home-names.ts";
import type { ConfigChange } from "./config.ts";
import { cleanEnvironment } from "./environment.ts";
import type { StartMessage } from "./main.ts";

export interface StartOptions {
  /** Default: COVEY_HOME, or the user's. */
  readonly home?: string;
  /** Kept for later starts. */
  readonly change?: ConfigChange;
  readonly signal?: AbortSignal;
}

// Beside the sources or beside the build, whichever this is.
const MAIN = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const POLL_MS = 20;

/** Resolves when the home's daemon answers: to true when this call started it. Rejects with the reason why it can't start, or `timeout`. */
export async function startDaemon({ home: given, change = {}, signal }: StartOptions = {}): Promise<boolean> {
  const home = await openHome(homePath(given));
  const child = await spawnDaemon(home, change);
  try {
    await withDeadline(untilAborted(ready(child, home), signal), LIMITS.startMs, "starting the daemon");
    return true;
  } catch (error) {
    await ended(child);
    if (!(error instanceof CoveyError && error.code === "home-busy" && error.details["kind"] !== "program")) throw error;
    await othersDaemon(home, error, signal);
    return false;
  } finally {
    letGo(child);
  }
}

async function spawnDaemon(home: Home, change: ConfigChange): Promise<ChildProcess> {
  // What Node itself says of a crash belongs into the log; nothing else is written there from outside the logger.
  await using log = await open(home.log, APPEND, 0o600).catch((error: unknown) => {
    throw fromPlatform(error, `write to ${printable(home.log)}`);
  });
  // For the reason that run.ts gives, and from the beginning: what is young stays as small as V8 has it at first.
  const flags = ["--max-semi-space-size=1"];
  return spawn(process.execPath, [...flags, MAIN, "--home", home.dir, "--change", JSON.stringify(change)], {
    cwd: home.dir,
    detached: true,
    env: cleanEnvironment(process.env),
    stdio: ["ignore", log.fd, log.fd, "ipc"],
  });
}

function ready(child: ChildProcess, home: Home): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("message", (message: StartMessage) => {
    if ("ready" in message) resolve();
    else reject(errorFromJson(message.error));
  });
  child.once("error", (error) => reject(fromPlatform(error, "start the daemon")));
  child.once("exit", (code, by) => {
    const how = by ?? `status ${code}`;
    reject(
      new CoveyError("daemon-down", `the daemon ended (${how}) before it was ready`, {
        hint: `${printable(home.log)} tells why.`,
      }),
    );
  });
  return promise;
}

/** One that is given up while it starts is not left to become a daemon after all. */
async function ended(child: ChildProcess): Promise<void> {
  // No pid: it was never there.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill();
  const last = setTimeout(() => child.kill("SIGKILL"), LIMITS.stopMs);
  await exited.finally(() => clearTimeout(last));
}

/** Its process lives on by itself. */
function letGo(child: ChildProcess): void {
  child.removeAllListeners();
  child.on("error", () => {});
  if (child.connected) child.disconnect();
  child.unref();
}

/** Another command's daemon holds the home; it may be about to be ready. */
async function othersDaemon(home: Home, busy: CoveyError, signal: AbortSignal | undefined): Promise<void> {
  for (let waited = 0; waited < LIMITS.startMs; waited += POLL_MS) {
    try {
      await using _ = await connect({ home: home.dir, ...(signal === undefined ? {} : { signal }) });
      return;
    } catch (error) {
      if (!(error instanceof CoveyError && error.code === "daemon-down")) throw error;
      await sleep(POLL_MS, signal);
    }
  }
  throw busy;
}
