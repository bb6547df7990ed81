// A directory that somebody wants to receive into.

import { constants } from "node:fs";
import { access, realpath, stat, statfs } from "node:fs/promises";
import { isAbsolute } from "node:path";

import { CoveyError, fromPlatform } from "../../../core/errors.ts";

const HINT = "Name a directory that is there, and that you may write to.";

/** The directory behind any links in its path. Rejects with `bad-argument` for what can't take a file. */
export async function checkedDirectory(into: string): Promise<string> {
  const bad = (problem: string): CoveyError =>
    new CoveyError("bad-argument", `can't receive into ${JSON.stringify(into)}: ${problem}`, {
      hint: HINT,
    });
  if (!isAbsolute(into)) throw bad("the path is not absolute");
  try {
    const directory = await realpath(into);
    if (!(await stat(directory)).isDirectory()) throw bad("it is not a directory");
    await access(directory, constants.W_OK | constants.X_OK);
    return directory;
  } catch (error) {
    const { message } = fromPlatform(error, `receive into ${JSON.stringify(into)}`);
    throw error instanceof CoveyError ? error : new CoveyError("bad-argument", message, { hint: HINT, cause: error });
  }
}

/** Rejects with `no-space` when so many bytes do not fit. */
export async function checkRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory).catch((error: unknown) => {
    throw fromPlatform(error, `look for room in ${JSON.stringify(directory)}`);
  });
  if (bavail * bsize >= bytes) return;
  throw new CoveyError("no-space", `there is no room for it in ${JSON.stringify(directory)}`, {
    hint: "Free some space, or receive it into another directory.",
  });
}
