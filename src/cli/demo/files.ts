// Files of random bytes, made and hashed here so that the demo believes nothing that the daemons say about them.

import { randomFillSync } from "node:crypto";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";

import { toHex } from "../../core/bytes.ts";
import { createHasher } from "../../core/hash.ts";

const MiB = 1024 * 1024;

/** Writes `bytes` (whole MiB) random bytes; resolves to their BLAKE3 in hex. */
export async function makeFile(path: string, bytes: number): Promise<string> {
  const hasher = createHasher();
  const block = Buffer.allocUnsafe(MiB);
  await using file = await open(path, "wx", 0o600);
  for (let written = 0; written < bytes; written += MiB) {
    randomFillSync(block);
    hasher.update(block);
    await file.write(block);
  }
  return toHex(hasher.digest());
}

/** The BLAKE3 of a file in hex. */
export async function hashFile(path: string): Promise<string> {
  const hasher = createHasher();
  const block = Buffer.allocUnsafe(MiB);
  await using file = await open(path, "r");
  for (;;) {
    const { bytesRead } = await file.read(block, 0, MiB);
    if (bytesRead === 0) return toHex(hasher.digest());
    hasher.update(block.subarray(0, bytesRead));
  }
}

/** A line for each thing in a directory: its path, kind, whether it can be executed, time, and content or target. */
export async function listTree(directory: string): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await readdir(directory, { recursive: true })).toSorted())
    lines.push(`${name} ${await describe(join(directory, name))}`);
  return lines;
}

async function describe(path: string): Promise<string> {
  const stat = await lstat(path);
  if (stat.isSymbolicLink()) return `-> ${await readlink(path)}`;
  const time = Math.floor(stat.mtimeMs);
  if (stat.isDirectory()) return `directory ${time}`;
  return `${(stat.mode & 0o100) !== 0 ? "x" : "-"} ${time} ${await hashFile(path)}`;
}
