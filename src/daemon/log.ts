// The daemon's log: JSON lines in the home, or on stderr in the foreground.

import { type DestinationStream, pino } from "pino";

import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import type { Home } from "../identity/home-names.ts";
import { openLogFile } from "./log-file.ts";

const STDERR = 2;
const LEVELS = ["debug", "info", "warn", "error", "silent"];

/** COVEY_LOG sets the level: debug, info (default), warn, error, silent. Each line is written before the call returns. */
export function openLog(home: Home, to: "file" | "stderr"): Logger {
  const asked = process.env["COVEY_LOG"] ?? "";
  const options = {
    level: LEVELS.includes(asked) ? asked : "info",
    base: { pid: process.pid },
    redact: { paths: ["ticket", "secret", "text", "*.ticket", "*.secret", "*.text"], censor: "(not logged)" },
  };
  const log = pino(options, to === "file" ? openLogFile(home.log, LIMITS.logBytes) : toStderr());
  return {
    debug: (facts, text) => log.debug(facts, text),
    info: (facts, text) => log.info(facts, text),
    warn: (facts, text) => log.warn(facts, text),
    error: (facts, text) => log.error(facts, text),
  };
}

function toStderr(): DestinationStream {
  const stderr = pino.destination({ dest: STDERR, sync: true });
  // It may lead to a full disk, too.
  stderr.on("error", () => {});
  return stderr;
}
