// What is in a tree, one thing after the other, in canonical order.
//
//   1. begin: at the roots, or at the path asked for, reached through directories only
//   2. skip: what is not behind `after`
//   3. a directory is opened, its names are read and sorted, then it is told, then what is in it
//   4. a link is read and told if it stays inside; a file is told where it is, and not opened
//
// Whatever can't come along is told as a note in its place. Never more handles are open than a path has components, and a few.

import { lstatSync, readlinkSync } from "node:fs";
import { basename, dirname } from "node:path";

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TreeNoteCode, TreeRoot, WalkOptions } from "./contract.ts";
import { attempt, note, type Note } from "./attempt.ts";
import { isCoveyHome } from "./covey-home.ts";
import { Directory } from "./directory.ts";
import { type Kind, listNames, readNames, type SortedNames } from "./names.ts";
import { checkTreePath, comparePaths, linkStaysInside } from "./paths.ts";
import { timeOf } from "./stat.ts";
import { isMissing, nameOf, notInTree, stepsTo } from "./steps.ts";

/** `inside` is open until the next one is asked for. */
export type Thing =
  | { readonly type: "file"; readonly path: string; readonly inside: Directory; readonly name: string }
  | { readonly type: "directory"; readonly path: string; readonly mtimeMs: number }
  | { readonly type: "link"; readonly path: string; readonly target: string }
  | Note;

/** `name` is the one in the file system: a root's differs from what it is called. */
interface Candidate {
  readonly path: string;
  readonly inside: Directory;
  readonly name: string;
  readonly is: Kind | TreeNoteCode;
}

interface Level {
  readonly candidates: Generator<Candidate | Note, undefined>;
  /** The directory that they are in; closed with the level. */
  readonly directory: Directory | undefined;
}

/** Throws `not-found` when `path` is not there or not reached through directories, `bad-argument` for roots of one name, `io`. */
export function* traverse(roots: readonly TreeRoot[], options: Omit<WalkOptions, "content">): Generator<Thing, undefined> {
  const levels: Level[] = [];
  try {
    levels.push({ candidates: options.path === "" ? eachRoot(roots) : onePath(roots, options.path), directory: undefined });
    let { after } = options;
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const { done, value: candidate } = level.candidates.next();
      if (done === true) {
        levels.pop();
        level.directory?.close();
        continue;
      }
      const { path } = candidate;
      if (after !== undefined && comparePaths(path, after) > 0) after = undefined;
      // Told before; what is in it was not, or not all of it.
      const isKnown = after !== undefined && (path === after || after.startsWith(`${path}/`));
      if (after !== undefined && !isKnown) continue;
      const found = "type" in candidate ? candidate : withKind(candidate);
      if ("is" in found && found.is === "directory" && (options.deep || !path.includes("/"))) {
        const entered = enter(found);
        if ("level" in entered) levels.push(entered.level);
        if (!isKnown) yield "level" in entered ? entered.thing : entered;
      } else if (!isKnown) {
        yield "is" in found ? look(found) : found;
      }
    }
  } finally {
    for (const { candidates, directory } of levels) {
      candidates.return(undefined);
      directory?.close();
    }
  }
}

// 1.

function* eachRoot(roots: readonly TreeRoot[]): Generator<Candidate | Note, undefined> {
  let parent: { readonly path: string; readonly directory: Directory } | undefined;
  try {
    for (const root of sortRoots(roots)) {
      // Roots are often neighbours.
      const path = dirname(root.path);
      if (parent?.path !== path) {
        parent?.directory.close();
        parent = undefined;
        const directory = attempt(root.name, () => Directory.open(path));
        if ("type" in directory) {
          yield directory;
          continue;
        }
        parent = { path, directory };
      }
      if (isHome(parent.directory)) {
        yield note(root.name, "private");
        continue;
      }
      yield { path: root.name, inside: parent.directory, name: nameOf(root), is: "unknown" };
    }
  } finally {
    parent?.directory.close();
  }
}

function sortRoots(roots: readonly TreeRoot[]): TreeRoot[] {
  const sorted = roots.toSorted((a, b) => comparePaths(a.name, b.name));
  for (const [i, { name }] of sorted.entries()) {
    checkTreePath(name);
    if (name.includes("/") || name === sorted[i + 1]?.name) {
      throw new CoveyError("bad-argument", `a tree can't have the root "${name}", or not twice`);
    }
  }
  return sorted;
}

function* onePath(roots: readonly TreeRoot[], path: string): Generator<Candidate, undefined> {
  let inside: Directory | undefined;
  try {
    const { parents, name } = stepsTo(roots, path);
    inside = Directory.open(parents[0]!);
    if (isHome(inside)) throw notInTree();
    for (const parent of parents.slice(1)) {
      const child: Directory = inside.search(parent);
      inside.close();
      inside = child;
      if (isHome(inside)) throw notInTree();
    }
    lstatSync(inside.at(name));
    yield { path: basename(path), inside, name, is: "unknown" };
  } catch (error) {
    throw isMissing(error) ? notInTree(error) : fromPlatform(error, "read the files");
  } finally {
    inside?.close();
  }
}

const isHome = (directory: Directory): boolean => isCoveyHome((name) => directory.at(name));

// 3. and 4.

function withKind(candidate: Candidate): Candidate | Note {
  const { path, inside, name } = candidate;
  if (candidate.is !== "unknown") return candidate;
  return attempt(path, () => {
    const stat = lstatSync(inside.at(name));
    const is = stat.isFile() ? "file" : stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "link" : "special";
    return { ...candidate, is };
  });
}

function look({ path, inside, name, is }: Candidate): Thing {
  if (is === "file") return { type: "file", path, inside, name };
  if (is === "link") return attempt(path, () => readLink(path, inside.at(name)));
  if (is !== "directory") return note(path, is === "unknown" ? "special" : is);
  return attempt(path, () => ({ type: "directory", path, mtimeMs: timeOf(lstatSync(inside.at(name), { bigint: true })) }));
}

function readLink(path: string, at: string): Thing {
  const bytes = readlinkSync(at, { encoding: "buffer" });
  const target = bytes.toString();
  if (!Buffer.from(target).equals(bytes)) return note(path, "not-utf8");
  return linkStaysInside(path, target) ? { type: "link", path, target } : note(path, "link-outside");
}

function enter({ path, inside, name }: Candidate): { readonly thing: Thing; readonly level: Level } | Note {
  return attempt(path, () => {
    const directory = inside.list(name);
    try {
      if (isHome(directory)) {
        directory.close();
        return note(path, "private");
      }
      const thing = { type: "directory", path, mtimeMs: timeOf(directory.stat()) } as const;
      const room = Math.min(255, LIMITS.treePathBytes - Buffer.byteLength(path) - 1);
      const hasRoom = room > 0 && path.split("/").length < LIMITS.treeDepth;
      const names = listNames(directory, Math.max(room, 1));
      if (names.length === 0 || hasRoom) return { thing, level: { candidates: each(path, directory, names), directory } };
    } catch (error) {
      directory.close();
      throw error;
    }
    directory.close();
    return note(path, "too-deep");
  });
}

function* each(parent: string, inside: Directory, names: SortedNames): Generator<Candidate, undefined> {
  for (const { name, is } of readNames(names)) yield { path: `${parent}/${name}`, inside, name, is };
}
