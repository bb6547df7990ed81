// The daemon's log: JSON lines in the home, or on stderr in the foreground.

import { rename, stat } from "node:fs/promises";

import { pino } from "pino";

import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import type { Home } from "../identity/home-names.ts";

const STDERR = 2;
const LEVELS = ["debug", "info", "warn", "error", "silent"];

/** COVEY_LOG sets the level: debug, info (default), warn, error, silent. Each line is written before the call returns. */
export async function openLog(home: Home, to: "file" | "stderr"): Promise<Logger> {
  if (to === "file") await setAside(home.log);
  const asked = process.env["COVEY_LOG"] ?? "";
  const options = {
    level: LEVELS.includes(asked) ? asked : "info",
    base: { pid: process.pid },
    redact: { paths: ["ticket", "secret", "text", "*.ticket", "*.secret", "*.text"], censor: "(not logged)" },
  };
  const dest = to === "file" ? home.log : STDERR;
  const log = pino(options, pino.destination({ dest, mode: 0o600, sync: true }));
  return {
    debug: (facts, text) => log.debug(facts, text),
    info: (facts, text) => log.info(facts, text),
    warn: (facts, text) => log.warn(facts, text),
    error: (facts, text) => log.error(facts, text),
  };
}

async function setAside(path: string): Promise<void> {
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size > LIMITS.logBytes) await rename(path, `${path}.1`);
}
