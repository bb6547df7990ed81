// For tests of trees between two peers: one with everything in it that a tree can have, and a list of all that is in a directory.

import { randomBytes } from "node:crypto";
import { chmod, lstat, lutimes, mkdir, readdir, readFile, readlink, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { LIMITS } from "../../src/core/limits.ts";
import { b3, type Lab, nextOffer } from "./peers.ts";

const MiB = LIMITS.blockBytes;

/** One line for each thing below the directory: what it is, its mode and time, what is in it. Times of links do not count. */
export async function listing(dir: string, below = ""): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await readdir(join(dir, below))).sort()) {
    const path = join(below, name);
    const full = join(dir, path);
    const stat = await lstat(full);
    const when = Math.floor(stat.mtimeMs);
    if (stat.isSymbolicLink()) lines.push(`link ${path} -> ${await readlink(full)}`);
    else if (stat.isDirectory()) lines.push(`directory ${path} ${when}`, ...(await listing(dir, path)));
    else lines.push(`file ${path} ${(stat.mode & 0o777).toString(8)} ${when} ${stat.size} ${b3(await readFile(full))}`);
  }
  return lines;
}

/** Files of so many bytes, a few hundred to a directory. */
export async function fill(dir: string, count: number, bytes: number): Promise<void> {
  for (let at = 0; at < count; at += 200) {
    const into = join(dir, `d${at}`);
    await mkdir(into, { recursive: true });
    const names = Array.from({ length: Math.min(200, count - at) }, (_, i) => join(into, `f${i}`));
    await Promise.all(names.map((name) => writeFile(name, randomBytes(bytes))));
  }
}

/** Empty directories and files, times, modes, names of all kinds, links that stay inside, small files and large ones. */
export async function makeMixedTree(dir: string, { small = 2000, large = 3 } = {}): Promise<void> {
  await mkdir(join(dir, "empty", "deeper"), { recursive: true });
  await mkdir(join(dir, "a"));
  await writeFile(join(dir, "a", "b"), "in a directory");
  await writeFile(join(dir, "a.b"), "behind it in canonical order, though '.' comes before '/'");
  await writeFile(join(dir, "nothing"), "");
  await writeFile(join(dir, "run"), "#!/bin/sh\n");
  await chmod(join(dir, "run"), 0o755);
  const names = [
    "日本語.txt",
    "e\u0301",
    "émoji 👩‍💻",
    "مرحبا",
    ".hidden",
    ".git",
    "CON",
    "a:b",
    "back\\slash",
    "\x1b[31mred",
    " ",
    "-rf",
    "\u{10000}",
    "\uffee",
  ];
  await mkdir(join(dir, "names"));
  for (const name of names) await writeFile(join(dir, "names", name), name);
  await fill(join(dir, "small"), small, 700);
  for (let i = 0; i < large; i++) await writeFile(join(dir, `large${i}`), randomBytes(3 * MiB + i * 1_000_003));
  await chmod(join(dir, "large0"), 0o755);
  await symlink("b", join(dir, "a", "link"));
  await symlink("../large0", join(dir, "a", "up"));
  await symlink("nowhere", join(dir, "dangling"));
  await lutimes(join(dir, "dangling"), 1, 1);
  await utimes(join(dir, "nothing"), new Date(1_000_000_000_000), new Date(1_000_000_000_123));
  for (const name of ["large1", "a", "empty/deeper", "empty", "small/d0", "names"])
    await utimes(join(dir, name), 1, new Date(1_200_000_000_456));
}

/** Sends the paths and agrees over there; resolves to the offer's id. */
export async function sendAndAccept(lab: Lab, paths: readonly string[], into = lab.into): Promise<string> {
  const { offer } = await lab.a.files.send(lab.b.id, paths);
  await nextOffer(lab.b);
  await lab.b.files.accept(offer.id, { into });
  return offer.id;
}
