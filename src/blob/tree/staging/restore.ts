// A staging tree of an earlier run, put back to where a walk can go on:
//
//   1. down the path of the cursor: what is behind it in each directory is removed, but for large files that wait
//   2. those directories stay open, with the times that they are to get
//   3. a large file that was lost on the way is there again, empty

import { mkdirSync, rmdirSync } from "node:fs";

import type { LargeFile } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { comparePaths, parentOf } from "../paths.ts";
import { fromBytes, namesIn, removeEntry, toBytes } from "./clear.ts";
import { isNotThere } from "./failure.ts";
import { bringBackLarge } from "./large-files.ts";
import type { Pace } from "./pace.ts";
import { closeInner, type Level, notedWhenImpossible, type Position } from "./pack-writer.ts";

/** HFS+ keeps other compositions of characters than it was given. */
const COMPOSES = process.platform === "darwin";

export interface Cursor {
  readonly after: string;
  readonly large: readonly LargeFile[];
}

/** undefined, and whatever was opened is closed, when the tree is not what it was. */
export async function restore(
  roots: Directory,
  { after, large }: Cursor,
  times: ReadonlyMap<string, number>,
  pace: Pace,
): Promise<Position | undefined> {
  const kept = pathsBehind(after, large);
  const levels: Level[] = [{ path: "", directory: roots, mtimeMs: 0 }];
  try {
    const skipped = await descend(levels, after, times, kept, pace);
    if (skipped !== "damaged" && large.every((file) => bringBackLarge(roots, file)))
      return { levels, after, skipped: skipped?.path, kept };
  } catch (error) {
    closeInner(levels);
    throw error;
  }
  closeInner(levels);
  return undefined;
}

function pathsBehind(after: string, large: readonly LargeFile[]): Set<string> {
  const kept = new Set<string>();
  for (const { path } of large) for (let at = path; at !== "" && comparePaths(at, after) > 0; at = parentOf(at)) kept.add(at);
  return kept;
}

/** Opens the directories on the way; answers with the one that could not be made then, and can't be made now. */
async function descend(
  levels: Level[],
  after: string,
  times: ReadonlyMap<string, number>,
  kept: ReadonlySet<string>,
  pace: Pace,
): Promise<{ readonly path: string } | "damaged" | undefined> {
  const names = after === "" ? [] : after.split("/");
  for (const [depth, name] of names.entries()) {
    const { path: parentPath, directory: parent } = levels.at(-1)!;
    const path = parentPath === "" ? name : `${parentPath}/${name}`;
    const isThere = await removeBehind(parent, parentPath, name, kept, pace);
    const isLast = depth === names.length - 1;
    if (!isThere) {
      if (!canBeMade(parent.at(name))) return { path };
      // The last was a note; a directory on the way must be there.
      return isLast ? undefined : "damaged";
    }
    const directory = openIfDirectory(parent, name);
    if (directory === undefined) return isLast ? undefined : "damaged";
    levels.push({ path, directory, mtimeMs: times.get(path) ?? Number(directory.stat().mtimeMs) });
  }
  const { directory, path } = levels.at(-1)!;
  await removeBehind(directory, path, "", kept, pace);
  return undefined;
}

/** What is behind `name` goes. Whether `name` itself is there, exactly: where two names are one, it may be the other's. */
async function removeBehind(
  directory: Directory,
  path: string,
  name: string,
  kept: ReadonlySet<string>,
  pace: Pace,
): Promise<boolean> {
  const bytes = toBytes(name);
  let isThere = false;
  for (const entry of namesIn(directory)) {
    const entryName = fromBytes(entry);
    if (entry === bytes || (COMPOSES && entryName.normalize() === name.normalize())) isThere = true;
    else if (entry > bytes)
      await removeUnlessKept(directory, entry, path === "" ? entryName : `${path}/${entryName}`, kept, pace);
  }
  return isThere;
}

async function removeUnlessKept(
  parent: Directory,
  entry: string,
  path: string,
  kept: ReadonlySet<string>,
  pace: Pace,
): Promise<void> {
  if (!kept.has(path)) return removeEntry(parent, entry, pace);
  const directory = openIfDirectory(parent, fromBytes(entry));
  if (directory === undefined) return;
  try {
    await removeBehind(directory, path, "", kept, pace);
  } finally {
    directory.close();
  }
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
