// A staging tree and what is in its place already become one, name by name, both sides through open directories.
//
//   not there        it moves, whole
//   two directories  the same, one level down
//   the same kind    what is there stays, or is replaced by one rename
//   another kind     what is there stays: also a link to a directory in the place of a directory
//
// What can't be put where it belongs is noted, and the rest goes on.

import { renameSync, type Stats, unlinkSync } from "node:fs";

import type { Conflict, TreeNoteCode } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { parentOf } from "../paths.ts";
import { fromBytes, namesIn } from "./clear.ts";
import { platformCode, writeFailure } from "./failure.ts";
import type { Flusher } from "./flusher.ts";
import type { Pace } from "./pace.ts";
import { isPlaceholder, isSameFile, isSameLink, look, placeNew } from "./place-new.ts";

/** Of a directory that was there already: no right to change it, or another file system is mounted there. */
const UNWRITABLE: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS", "EXDEV", "EBUSY"]);

interface Merging {
  readonly conflict: Exclude<Conflict, "rename">;
  /** It was begun before. */
  readonly again: boolean;
  readonly flusher: Flusher;
  readonly pace: Pace;
  note(path: string, code: TreeNoteCode): void;
}

/** `path`: what notes call it. False when it stays where it is, which is noted. */
export async function merge(
  [from, name]: readonly [Directory, string],
  [to, target]: readonly [Directory, string],
  path: string,
  merging: Merging,
): Promise<boolean> {
  await merging.pace.step();
  try {
    const ours = from.at(name);
    const theirs = to.at(target);
    for (;;) {
      const stat = look(ours);
      if (stat === undefined) return true;
      const there = look(theirs);
      if (there === undefined || (merging.again && isPlaceholder(there))) {
        if (placeNew(ours, theirs, merging.again)) return true;
        // Taken in this moment: what is it?
        if (there === undefined) continue;
      }
      if (stat.isDirectory() && there.isDirectory()) {
        await mergeDirectories(from.list(name), () => to.list(target), path, merging);
        return true;
      }
      const note = meet(ours, theirs, stat, there, merging.conflict);
      if (note !== undefined) merging.note(path, note);
      return note === undefined;
    }
  } catch (error) {
    // At the top, that is in the way of everything.
    if (parentOf(path) === "" || parentOf(parentOf(path)) === "" || !UNWRITABLE.has(platformCode(error)))
      throw writeFailure(error, `put "${path}" in its place`);
    merging.note(path, "unwritable");
    return false;
  }
}

async function mergeDirectories(from: Directory, open: () => Directory, path: string, merging: Merging): Promise<void> {
  try {
    const to = open();
    try {
      for (const bytes of namesIn(from)) {
        const name = fromBytes(bytes);
        if (merging.flusher.isFull) await merging.flusher.room();
        await merge([from, name], [to, name], `${path}/${name}`, merging);
      }
    } catch (error) {
      to.close();
      throw error;
    }
    merging.flusher.add(to.fd);
  } finally {
    from.close();
  }
}

/** Of two that are not both directories. */
function meet(ours: string, theirs: string, stat: Stats, there: Stats, conflict: Conflict): TreeNoteCode | undefined {
  const areFiles = stat.isFile() && there.isFile();
  const areLinks = stat.isSymbolicLink() && there.isSymbolicLink();
  if (!areFiles && !areLinks) return "other-kind";
  // Placed before, and killed then.
  if (areFiles ? isSameFile(ours, theirs) : isSameLink(ours, theirs)) unlinkSync(ours);
  else if (conflict === "skip") return "exists";
  else renameSync(ours, theirs);
  return undefined;
}
