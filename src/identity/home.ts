// The directory that holds everything of one peer: made private, or refused, and the one place for the names in it.

import { lstat, mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import { syncDirectory } from "../core/atomic-file.ts";
import { fromPlatform } from "../core/errors.ts";
import { homeAt } from "./home-names.ts";
import { checkOwnedAndClosed, unsafe } from "./private-file.ts";

/** Absolute paths. */
export interface Home {
  readonly dir: string;
  /** The identity key, key.ts. */
  readonly key: string;
  /** The paired peers, peer-book.ts. */
  readonly peers: string;
  /** The port that it keeps. */
  readonly port: string;
  /** The SQLite database of the spaces. */
  readonly database: string;
  /** Held by the process that runs the peer. */
  readonly lock: string;
  /** The control socket; at most 107 bytes on Linux, 103 on macOS. */
  readonly socket: string;
  readonly config: string;
  readonly log: string;
  /** A directory for the state of transfers. */
  readonly transfers: string;
}

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
