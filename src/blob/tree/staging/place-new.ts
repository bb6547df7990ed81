// One thing of a staging tree under a name that nobody has, exclusively. Whatever is there stays.
//
// A kill between two calls leaves both names, or a placeholder; done again, it is taken for what it is.

import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
} from "node:fs";

import { platformCode } from "./failure.ts";
import { newFile } from "./pack-writer.ts";

/** An empty directory with such rights is nobody's: its owner can't list it. */
const PLACEHOLDER = 0o1300;
const RIGHTS = 0o1777;

/** What is there is no empty directory. */
const IN_USE: ReadonlySet<string> = new Set(["ENOTEMPTY", "EEXIST", "ENOTDIR"]);

/** What has this name itself, be it a link. */
export const look = (at: string): Stats | undefined => lstatSync(at, { throwIfNoEntry: false });

export const isPlaceholder = (stat: Stats): boolean => stat.isDirectory() && (stat.mode & RIGHTS) === PLACEHOLDER;

/** False, and nothing has changed, when the name is taken. `again`: it may have been tried before, and killed. */
export function placeNew(from: string, to: string, again: boolean): boolean {
  const stat = lstatSync(from);
  if (stat.isDirectory()) return placeDirectory(from, to, again);
  if (stat.isSymbolicLink()) return placeLink(from, to);
  return placeFile(from, to);
}

/** Renaming replaces an empty directory, and no other: with one of ours in between, no name of others' is replaced. */
function placeDirectory(from: string, to: string, again: boolean): boolean {
  try {
    mkdirSync(to, PLACEHOLDER);
  } catch (error) {
    if (platformCode(error) !== "EEXIST") throw error;
    const stat = look(to);
    if (!again || stat === undefined || !isPlaceholder(stat)) return false;
  }
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    const isTaken = IN_USE.has(platformCode(error));
    try {
      rmdirSync(to);
    } catch (inTheWay) {
      // Somebody has put something into it, or in its place.
      if (isTaken && IN_USE.has(platformCode(inTheWay))) return false;
      throw error;
    }
    if (!isTaken) throw error;
    // It was empty, and ours: this file system replaces no directory at all.
    renameSync(from, to);
    return true;
  }
}

function placeLink(from: string, to: string): boolean {
  const target = readlinkSync(from);
  try {
    symlinkSync(target, to);
  } catch (error) {
    if (platformCode(error) !== "EEXIST") throw error;
    if (!isSameLink(from, to)) return false;
  }
  unlinkSync(from);
  return true;
}

function placeFile(from: string, to: string): boolean {
  try {
    linkSync(from, to);
  } catch (error) {
    const code = platformCode(error);
    if (code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS") return placeWithoutLink(from, to);
    if (code !== "EEXIST") throw error;
    if (!isSameFile(from, to)) return false;
  }
  unlinkSync(from);
  return true;
}

/** File systems without hard links: an empty file of ours takes the name. It is what a kill leaves here. */
function placeWithoutLink(from: string, to: string): boolean {
  try {
    closeSync(newFile(to, false));
  } catch (error) {
    if (platformCode(error) === "EEXIST") return false;
    throw error;
  }
  renameSync(from, to);
  return true;
}

export function isSameFile(a: string, b: string): boolean {
  const [x, y] = [a, b].map((at) => lstatSync(at, { bigint: true, throwIfNoEntry: false }));
  return x !== undefined && y !== undefined && x.isFile() && x.dev === y.dev && x.ino === y.ino;
}

export const isSameLink = (a: string, b: string): boolean =>
  look(b)?.isSymbolicLink() === true && readlinkSync(a) === readlinkSync(b);
