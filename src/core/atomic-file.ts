// Small files that are whole or not there, whatever happens while they are written:
//
//  1. write a temporary beside the file: 0600 whatever the umask, never through a link
//  2. flush it
//  3. rename it over the file, or link it to where no file may be yet
//  4. flush the directory
//
// A kill between 1 and 3 leaves a temporary behind; `sweepTemporaries` removes those of one file.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { toHex } from "./bytes.ts";
import { fromPlatform } from "./errors.ts";

const TEMPORARY = /^\.(?<name>.+)\.[0-9a-f]{16}\.tmp$/;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** The file has these bytes, durably, when it resolves; until then it has the old ones or these. */
export async function replaceFile(path: string, bytes: Uint8Array | string): Promise<void> {
  try {
    await throughTemporary(path, bytes, (temporary) => rename(temporary, path));
  } catch (error) {
    throw fromPlatform(error, `write ${path}`);
  }
}

/** Creates the file, durably; resolves to false, and changes nothing, when somebody else did already. */
export async function createFile(path: string, bytes: Uint8Array | string): Promise<boolean> {
  try {
    await throughTemporary(path, bytes, (temporary) => link(temporary, path));
    return true;
  } catch (error) {
    if (wasCreatedMeanwhile(error)) return false;
    throw fromPlatform(error, `create ${path}`);
  }
}

/** Removes what kills left of writes to this file. Only for who alone writes it, or once it exists and is written by `createFile`. */
export async function sweepTemporaries(path: string): Promise<void> {
  try {
    const directory = dirname(path);
    for (const entry of await readdir(directory)) {
      if (TEMPORARY.exec(entry)?.groups?.name === basename(path)) await rm(join(directory, entry), { force: true });
    }
  } catch (error) {
    throw fromPlatform(error, `tidy up beside ${path}`);
  }
}

/** Makes names that were added to or removed from a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
}

async function throughTemporary(
  path: string,
  bytes: Uint8Array | string,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${toHex(randomBytes(8))}.tmp`);
  try {
    await writeDurably(temporary, bytes);
    await place(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
}

async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  await using file = await open(path, NEW_FILE, 0o600);
  await file.chmod(0o600);
  await file.writeFile(bytes);
  await file.sync();
}

/** EEXIST: the file is there. ENOENT: another process found the file there and swept our temporary. */
const wasCreatedMeanwhile = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "EEXIST" || (error.code === "ENOENT" && "syscall" in error && error.syscall === "link"));
