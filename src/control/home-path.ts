// Which directory is the home when none is named.

import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** Absolute: what was given, else COVEY_HOME, else "covey" where the platform keeps a user's data. */
export function homePath(given: string | undefined): string {
  const named = given ?? process.env["COVEY_HOME"];
  if (named !== undefined && named !== "") return resolve(named);
  const data = process.env["XDG_DATA_HOME"];
  if (data !== undefined && isAbsolute(data)) return join(data, "covey");
  return process.platform === "darwin"
    ? join(homedir(), "Library", "Application Support", "covey")
    : join(homedir(), ".local", "share", "covey");
}
