// The directory that holds everything of one peer: made private, or refused. The names in it: home-names.ts.

import { lstat, mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import { syncDirectory } from "../core/atomic-file.ts";
import { fromPlatform } from "../core/errors.ts";
import { type Home, homeAt } from "./home-names.ts";
import { checkOwnedAndClosed, unsafe } from "./private-file.ts";

/** Makes the directory 0700 when it is not there. Rejects with `home-unsafe` when others could read or change what is in it. */
export async function openHome(dir: string): Promise<Home> {
  const home = homeAt(dir);
  try {
    await makePrivate(home.dir);
    const stats = await lstat(home.dir);
    if (stats.isSymbolicLink()) throw unsafe(home.dir, "is a symbolic link", "Give the directory that it leads to with --home.");
    if (!stats.isDirectory())
      throw unsafe(home.dir, "is not a directory", "Move away what is there, or choose another home with --home.");
    checkOwnedAndClosed(home.dir, stats, 0o700);
    return home;
  } catch (error) {
    throw fromPlatform(error, `open the home ${home.dir}`);
  }
}

async function makePrivate(dir: string): Promise<void> {
  const parent = dirname(dir);
  const first = await mkdir(parent, { recursive: true });
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    throw error;
  }
  // A key that is durable in a directory that is not would be lost with it.
  for (let made = dir; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === first || first === undefined || made === dirname(made)) return;
  }
}
