// How a file that is received begins, and how it comes under its name: until it is whole and durable, it has a hidden name of ours.
//
//   1. checkedDirectory: there, and to be written to
//   2. createTemp: exclusively, no link followed, readable by the user only
//   3. placeFree, placeAs: mode, time and bytes are made durable, then it is linked under its name, never over another file unless
//      that was asked for
//   4. removeTemp: the hidden name goes, after the caller has noted the path

import { constants } from "node:fs";
import { access, type FileHandle, link, lstat, open, realpath, rename, stat, statfs, unlink } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import { syncDirectory } from "../core/atomic-file.ts";
import { CoveyError, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { freeNames } from "./names.ts";

// Asking for the umask sets it for a moment: once, before there are files to make in other threads.
// oxlint-disable-next-line typescript/no-deprecated
const UMASK = process.umask();
const PLAIN_MODE = 0o666 & ~UMASK;
const EXECUTABLE_MODE = 0o777 & ~UMASK;

/** What a file keeps of what it was at the sender's. */
export interface FileFacts {
  readonly mtimeMs: number;
  readonly executable: boolean;
}

/** Enough to find the temp file again, and to know that it is the same one. JSON-plain. */
export interface TempFile {
  readonly path: string;
  readonly device: string;
  readonly inode: string;
}

/** A file whose bytes are all written. */
interface Placeable {
  readonly file: FileHandle;
  readonly temp: TempFile;
  /** Runs what makes it durable; the owner notes when that failed. */
  flush(work: () => Promise<void>): Promise<void>;
}

const HINT = "Name a directory that is there, and that you may write to.";

/** The directory behind any links in its path. Rejects with `bad-argument` for what can't take a file. */
export async function checkedDirectory(into: string): Promise<string> {
  const bad = (problem: string): CoveyError =>
    new CoveyError("bad-argument", `can't receive into ${JSON.stringify(into)}: ${problem}`, {
      hint: HINT,
    });
  if (!isAbsolute(into)) throw bad("the path is not absolute");
  try {
    const directory = await realpath(into);
    if (!(await stat(directory)).isDirectory()) throw bad("it is not a directory");
    await access(directory, constants.W_OK | constants.X_OK);
    return directory;
  } catch (error) {
    const { message } = fromPlatform(error, `receive into ${JSON.stringify(into)}`);
    throw error instanceof CoveyError ? error : new CoveyError("bad-argument", message, { hint: HINT, cause: error });
  }
}

/** Where the bytes are until the file is whole. */
export const tempPath = (directory: string, key: string): string => join(directory, `.covey-${key}.part`);

/**
 * `key`: letters and digits that are always the same for the same transfer, so that what a crash left before it was noted is found
 * and replaced. Rejects with `no-space` when `size` bytes do not fit, or `io`.
 */
export async function createTemp(
  directory: string,
  key: string,
  size: number,
): Promise<{ readonly file: FileHandle; readonly temp: TempFile }> {
  await checkSpace(directory, size);
  const path = tempPath(directory, key);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const create = (): Promise<FileHandle> => open(path, flags, 0o600);
  try {
    const file = await create().catch(async (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      await unlink(path);
      return create();
    });
    const stat = await file.stat({ bigint: true });
    return { file, temp: { path, device: String(stat.dev), inode: String(stat.ino) } };
  } catch (error) {
    throw fromPlatform(error, "create a file in the target directory");
  }
}

/**
 * Resolves to its path, under the safe name or the next free one, once the directory is durable too. Called again after a crash, it finds
 * the file where it already was.
 */
export async function placeFree(placeable: Placeable, directory: string, safeName: string, facts: FileFacts): Promise<string> {
  await complete(placeable, facts);
  for (const name of freeNames(safeName)) {
    const path = join(directory, name);
    if (!(await linkTo(placeable.temp, path))) continue;
    try {
      await placeable.flush(() => syncDirectory(directory));
    } catch (error) {
      // What is not acknowledged is not shown either.
      await unlink(path).catch(() => {});
      throw error;
    }
    return path;
  }
  throw new CoveyError("conflict", `${LIMITS.freeNames} names beside "${safeName}" are taken`, {
    hint: "Receive it into another directory.",
  });
}

/** See `Sink.placeAs`. */
export async function placeAs(
  placeable: Placeable,
  directory: string,
  name: string,
  facts: FileFacts,
  { overwrite }: { readonly overwrite: boolean },
): Promise<string | undefined> {
  await complete(placeable, facts);
  const path = join(directory, name);
  if (!(await linkTo(placeable.temp, path))) {
    if (!overwrite) return undefined;
    await replace(placeable.temp, path);
  }
  await placeable.flush(() => syncDirectory(directory));
  return path;
}

/** Removes what is left under the hidden names, if it is still that file. */
export async function removeTemp(temp: TempFile): Promise<void> {
  for (const path of [secondPath(temp.path), temp.path]) {
    const stat = await lstat(path, { bigint: true }).catch(() => undefined);
    if (stat === undefined || String(stat.dev) !== temp.device || String(stat.ino) !== temp.inode) continue;
    await unlink(path).catch(() => {});
  }
}

/** Rejects with `no-space` when `bytes` more do not fit beside what is there. */
export async function checkSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory, { bigint: true }).catch((error: unknown) => {
    throw fromPlatform(error, "look at the target directory");
  });
  if (bavail * bsize >= BigInt(bytes)) return;
  throw new CoveyError("no-space", `the disk has no room for ${bytes} bytes`, {
    hint: "Free some space; the transfer then goes on by itself.",
    details: { neededBytes: bytes, freeBytes: Number(bavail * bsize) },
  });
}

async function complete({ file, flush }: Placeable, { mtimeMs, executable }: FileFacts): Promise<void> {
  // A Date: Node takes a negative number for "now".
  const mtime = new Date(mtimeMs);
  await flush(async () => {
    await file.chmod(executable ? EXECUTABLE_MODE : PLAIN_MODE);
    await file.utimes(mtime, mtime);
    await file.sync();
  });
}

/** By one rename: whoever looks finds the old file or the new one. A link of that name is not followed. */
async function replace(temp: TempFile, path: string): Promise<void> {
  const second = secondPath(temp.path);
  try {
    const found = await lstat(path);
    if (!found.isFile())
      throw new CoveyError("conflict", `${JSON.stringify(path)} is not a file, and is not replaced by one`, {
        hint: "Choose another name or directory for it.",
      });
    await unlink(second).catch(() => {});
    // Of two names, so that the first one is still there after a crash; without hard links, of one.
    const from = await link(temp.path, second).then(
      () => second,
      () => temp.path,
    );
    await rename(from, path);
  } catch (error) {
    await unlink(second).catch(() => {});
    throw fromPlatform(error, "put the file in its place");
  }
}

/** False when the name is taken by another file. */
async function linkTo(temp: TempFile, path: string): Promise<boolean> {
  try {
    await link(temp.path, path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EEXIST") return isAt(temp, path);
    // File systems without hard links: take the name with an empty file of ours, then rename over that one.
    if (code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS") return renameTo(temp, path);
    throw fromPlatform(error, "put the file in its place");
  }
}

async function renameTo(temp: TempFile, path: string): Promise<boolean> {
  try {
    const placeholder = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    await placeholder.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw fromPlatform(error, "put the file in its place");
  }
  try {
    await rename(temp.path, path);
    return true;
  } catch (error) {
    await unlink(path).catch(() => {});
    throw fromPlatform(error, "put the file in its place");
  }
}

async function isAt(temp: TempFile, path: string): Promise<boolean> {
  const stat = await lstat(path, { bigint: true }).catch(() => undefined);
  return stat !== undefined && String(stat.dev) === temp.device && String(stat.ino) === temp.inode;
}

/** Another name for the same file, for the moment in which it replaces one. */
const secondPath = (path: string): string => path.replace(/\.part$/, "-2.part");
