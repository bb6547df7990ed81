// Files and directories that nobody but this user may read or change; anything else is `home-unsafe`, with the command that mends it.

import { constants, type Stats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { printable } from "../core/text.ts";

// O_NONBLOCK: opening a FIFO must not wait for a writer.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The text of a regular file of this user's, 0600 or tighter and reached through no link; undefined when there is none. */
export async function readPrivateFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    await using file = await open(path, READ);
    return await readChecked(path, file, maxBytes);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw unsafe(path, "is a symbolic link", `Put the file itself there, not a link to it.`);
    if (code === "ENXIO") throw notAFile(path);
    throw fromPlatform(error, `read ${path}`);
  }
}

async function readChecked(path: string, file: FileHandle, maxBytes: number): Promise<string> {
  const stats = await file.stat();
  if (!stats.isFile()) throw notAFile(path);
  checkOwnedAndClosed(path, stats, 0o600);
  const bytes = Buffer.alloc(maxBytes + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    if (bytesRead === 0) return bytes.toString("utf8", 0, length);
    length += bytesRead;
    if (length > maxBytes) throw new CoveyError("integrity", `${path} is longer than such a file can be`);
  }
}

/** Throws unless this user owns it and no permission beyond `loosest` is given. */
export function checkOwnedAndClosed(path: string, stats: Stats, loosest: 0o600 | 0o700): void {
  const user = process.geteuid!();
  if (stats.uid !== user) {
    const hint = `Run as the user with id ${stats.uid}, or choose another home with --home.`;
    throw unsafe(path, `belongs to the user with id ${stats.uid}, not to the one who runs this (${user})`, hint);
  }
  const mode = stats.mode & 0o7777;
  if ((mode & 0o777 & ~loosest) === 0) return;
  const whom = (mode & 0o077) === 0 ? "has more permissions than it needs" : "can be read or changed by other users";
  throw unsafe(path, `${whom} (mode ${mode.toString(8)})`, `Run: chmod ${loosest.toString(8)} ${shellQuoted(path)}`);
}

export const unsafe = (path: string, problem: string, hint: string): CoveyError =>
  new CoveyError("home-unsafe", printable(`${path} ${problem}`), { hint: printable(hint) });

const notAFile = (path: string): CoveyError => unsafe(path, "is not a regular file", "Move away what is there, and try again.");

const shellQuoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
