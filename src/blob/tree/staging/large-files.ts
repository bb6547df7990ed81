// Large files in a staging tree: by their paths, each directory on the way opened.

import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, unlinkSync } from "node:fs";

import { CoveyError } from "../../../core/errors.ts";
import type { LargeFile } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { parentOf } from "../paths.ts";
import { isNotThere } from "./failure.ts";
import { newFile } from "./pack-writer.ts";
import { setTime } from "./times.ts";

const WRITE = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** undefined when there is no such directory, or something else in its place. The caller closes it. */
function openDirectory(roots: Directory, path: string): Directory | undefined {
  let directory = roots.list(".");
  for (const name of path === "" ? [] : path.split("/")) {
    const parent = directory;
    try {
      directory = parent.list(name);
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw error;
    } finally {
      parent.close();
    }
  }
  return directory;
}

/** Where the file can be opened, for as long as its directory is. */
export function locateLarge(roots: Directory, path: string): { readonly directory: Directory; readonly at: string } {
  const directory = openDirectory(roots, parentOf(path));
  if (directory !== undefined) {
    const at = directory.at(nameOf(path));
    if (lstatSync(at, { throwIfNoEntry: false })?.isFile()) return { directory, at };
    directory.close();
  }
  throw new CoveyError("not-found", `"${path}" does not wait for its blocks`);
}

/** Its time is set; answers with a handle that is to be flushed. */
export function completeLarge(roots: Directory, { path, size, mtimeMs }: LargeFile): number {
  const { directory, at } = locateLarge(roots, path);
  let fd: number;
  try {
    fd = openSync(at, WRITE);
  } finally {
    directory.close();
  }
  try {
    if (fstatSync(fd).size !== size) throw new CoveyError("io", `"${path}" has not the size that it should have`);
    setTime(fd, mtimeMs);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Answers with the directory that it is gone from, which is to be flushed; undefined when it was not there. */
export function dropLarge(roots: Directory, path: string): Directory | undefined {
  const directory = openDirectory(roots, parentOf(path));
  if (directory === undefined) return undefined;
  try {
    keepingTime(directory, () => unlinkSync(directory.at(nameOf(path))));
    return directory;
  } catch (error) {
    directory.close();
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** There again, if it was lost. False when something else is in its place. */
export function bringBackLarge(roots: Directory, { path, size, executable }: LargeFile): boolean {
  const directory = openDirectory(roots, parentOf(path));
  if (directory === undefined) return false;
  try {
    const at = directory.at(nameOf(path));
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat !== undefined) return stat.isFile() && stat.size === size;
    keepingTime(directory, () => {
      const fd = newFile(at, executable);
      try {
        ftruncateSync(fd, size);
      } finally {
        closeSync(fd);
      }
    });
    return true;
  } finally {
    directory.close();
  }
}

/** The directory may have been left: it has its time already. */
function keepingTime(directory: Directory, change: () => void): void {
  const { mtimeMs } = fstatSync(directory.fd);
  change();
  setTime(directory.fd, Math.floor(mtimeMs));
}
