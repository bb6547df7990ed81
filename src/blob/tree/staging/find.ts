// Staging directories by their paths: made, found again by what they are, and removed.

import { fsyncSync, lstatSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { basename, dirname } from "node:path";

import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import type { StagingId } from "../contract.ts";
import { Directory } from "../directory.ts";
import { removeAll, removeEntry, toBytes } from "./clear.ts";
import { isNotThere, platformCode } from "./failure.ts";
import type { Pace } from "./pace.ts";

const PRIVATE = 0o700;
/** What is in a staging directory; state.ts has the rest. */
export const TREE = "tree";
const REMOVED = "removed";

/** The user's choice, links on the way and all. Throws `not-found`, `io`. */
export function openChosen(path: string): Directory {
  try {
    const directory = Directory.open(realpathSync(path));
    try {
      return directory.list(".");
    } finally {
      directory.close();
    }
  } catch (error) {
    if (platformCode(error) === "ENOTDIR") throw new CoveyError("not-found", `${path} is no directory`, { cause: error });
    throw fromPlatform(error, `open the directory ${path}`);
  }
}

/** New; whatever was left there is removed. */
export async function makeStaging(
  path: string,
  pace: Pace,
): Promise<{ readonly staging: Directory; readonly parent: Directory }> {
  const parent = openChosen(dirname(path));
  try {
    const name = basename(path);
    await removeEntry(parent, toBytes(name), pace);
    mkdirSync(parent.at(name), PRIVATE);
    return { staging: parent.list(name), parent };
  } catch (error) {
    parent.close();
    throw error;
  }
}

/** undefined when it is not there, or is another one. */
export function findStaging({ path, device, inode }: StagingId): Directory | undefined {
  let staging: Directory;
  try {
    const parent = Directory.open(realpathSync(dirname(path)));
    try {
      staging = parent.list(basename(path));
    } finally {
      parent.close();
    }
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
  const { dev, ino } = staging.stat();
  if (String(dev) === device && String(ino) === inode) return staging;
  staging.close();
  return undefined;
}

export function idOf(path: string, staging: Directory): StagingId {
  const { dev, ino } = staging.stat();
  return { path, device: String(dev), inode: String(ino) };
}

export async function removeStaging(id: StagingId, pace: Pace): Promise<void> {
  const staging = findStaging(id);
  if (staging === undefined) return;
  try {
    // Killed amid it, half a tree must not be taken for a whole one.
    if (lstatSync(staging.at(TREE), { throwIfNoEntry: false }) !== undefined) {
      await removeEntry(staging, toBytes(REMOVED), pace);
      renameSync(staging.at(TREE), staging.at(REMOVED));
      fsyncSync(staging.fd);
    }
    await removeAll(staging, pace);
  } finally {
    staging.close();
  }
  const parent = openChosen(dirname(id.path));
  try {
    await removeEntry(parent, toBytes(basename(id.path)), pace);
  } finally {
    parent.close();
  }
}
