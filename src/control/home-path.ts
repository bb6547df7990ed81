// Which directory is the home when none is named.

import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

import { CoveyError } from "../core/errors.ts";

/** Absolute: what was given, which can't be empty, else COVEY_HOME, else "covey" where the platform keeps a user's data. */
export function homePath(given: string | undefined): string {
  // A path that a program failed to make must not lead to the user's own peer.
  if (given === "") {
    throw new CoveyError("bad-argument", "the home has an empty path", {
      hint: "Name a directory, or leave it out for the user's own.",
    });
  }
  const named = given ?? process.env["COVEY_HOME"];
  if (named !== undefined && named !== "") return resolve(named);
  const data = process.env["XDG_DATA_HOME"];
  if (data !== undefined && isAbsolute(data)) return join(data, "covey");
  return process.platform === "darwin"
    ? join(homedir(), "Library", "Application Support", "covey")
    : join(homedir(), ".local", "share", "covey");
}
