// A staging tree of an earlier run, put back to where a walk can go on:
//
//   1. down the path of the cursor: what is behind it in each directory is removed
//   2. those directories stay open, with the times that they are to get; what was no directory stays out of it
//   3. a large file that was lost on the way is there again, empty

import { mkdirSync, rmdirSync } from "node:fs";

import type { LargeFile } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { fromBytes, namesIn, removeEntry, toBytes } from "./clear.ts";
import { isNotThere } from "./failure.ts";
import { bringBackLarge } from "./large-files.ts";
import type { Pace } from "./pace.ts";
import { closeInner, type Level, notedWhenImpossible, type Position, type Skipped } from "./pack-writer.ts";

/** HFS+ keeps other compositions of characters than it was given. */
const COMPOSES = process.platform === "darwin";

export interface Cursor {
  readonly after: string;
  readonly large: readonly LargeFile[];
}

/** `times`: of the directories that were open. undefined, and whatever was opened is closed, when the tree is not what it was. */
export async function restore(
  roots: Directory,
  { after, large }: Cursor,
  times: ReadonlyMap<string, number>,
  pace: Pace,
): Promise<Position | undefined> {
  const levels: Level[] = [{ path: "", directory: roots, mtimeMs: 0 }];
  try {
    const skipped = await descend(levels, after, times, pace);
    if (skipped !== "damaged" && large.every((file) => bringBackLarge(roots, file))) return { levels, after, skipped };
  } catch (error) {
    closeInner(levels);
    throw error;
  }
  closeInner(levels);
  return undefined;
}

/** Opens the directories on the way; answers with what is no directory here: the walk may go on in it nevertheless. */
async function descend(
  levels: Level[],
  after: string,
  times: ReadonlyMap<string, number>,
  pace: Pace,
): Promise<Skipped | "damaged" | undefined> {
  for (const name of after === "" ? [] : after.split("/")) {
    const { path: parentPath, directory: parent } = levels.at(-1)!;
    const path = parentPath === "" ? name : `${parentPath}/${name}`;
    const isThere = await removeBehind(parent, name, pace);
    const directory = isThere ? openIfDirectory(parent, name) : undefined;
    if (directory === undefined) {
      if (times.has(path)) return "damaged";
      // On the way further down, it was noted; so was a directory that could not be made.
      return { path, isNoted: path !== after || (!isThere && !canBeMade(parent.at(name))) };
    }
    levels.push({ path, directory, mtimeMs: times.get(path) ?? Number(directory.stat().mtimeMs) });
  }
  await removeBehind(levels.at(-1)!.directory, "", pace);
  return undefined;
}

/** What is behind `name` goes. Whether `name` itself is there, exactly: where two names are one, it may be the other's. */
async function removeBehind(directory: Directory, name: string, pace: Pace): Promise<boolean> {
  const bytes = toBytes(name);
  let isThere = false;
  for (const entry of namesIn(directory)) {
    if (entry === bytes || (COMPOSES && fromBytes(entry).normalize() === name.normalize())) isThere = true;
    else if (entry > bytes) await removeEntry(directory, entry, pace);
  }
  return isThere;
}

function openIfDirectory(parent: Directory, name: string): Directory | undefined {
  try {
    return parent.list(name);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

function canBeMade(at: string): boolean {
  if (notedWhenImpossible(() => mkdirSync(at)) !== undefined) return false;
  rmdirSync(at);
  return true;
}
