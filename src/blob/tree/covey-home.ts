// The home of a peer, this one's or another one's: its key and its database leave it for nobody, whatever directory around it is sent or
// shared. It is known by what is in it (identity/home-names.ts), so that no home has to be told of, and none is forgotten.

import { lstatSync } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";

import { CoveyError } from "../../core/errors.ts";

/** The rarest first: mostly it is missing, and that is all there is to look at. */
const NAMES = ["key.pem", "store.db", "lock"];

/** `at`: where a system call finds a name in the directory. */
export function isCoveyHome(at: (name: string) => string): boolean {
  try {
    return NAMES.every((name) => lstatSync(at(name), { throwIfNoEntry: false })?.isFile() === true);
  } catch {
    // What can't be looked at can't be read either.
    return false;
  }
}

export async function isCoveyHomeAt(at: (name: string) => string | Buffer): Promise<boolean> {
  for (const name of NAMES) if (!(await isFile(at(name)))) return false;
  return true;
}

/** Rejects with `bad-argument` for a home, and for what is in one. `path` is absolute. */
export async function assertOutsideHomes(path: string): Promise<void> {
  for (let directory = await realpath(path); ; directory = dirname(directory)) {
    if (await isCoveyHomeAt((name) => join(directory, name)))
      throw new CoveyError("bad-argument", `${JSON.stringify(path)} is in the home of a covey peer, with its key`, {
        hint: "What is in there stays there: whoever has the key is that device to all others.",
      });
    if (directory === dirname(directory)) return;
  }
}

const isFile = (path: string | Buffer): Promise<boolean> =>
  lstat(path).then(
    (stat) => stat.isFile(),
    () => false,
  );
