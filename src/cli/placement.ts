// Where what comes from elsewhere is put.

import { mkdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";

import { Option } from "commander";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import type { Placement } from "../control/covey.ts";
import { parsePath } from "./grammar.ts";

export interface ConflictOption {
  readonly conflict: NonNullable<Placement["conflict"]>;
}

export const conflictOption = (): Option =>
  new Option("--conflict <how>", "where a name is taken: rename, skip or overwrite")
    .choices(["rename", "skip", "overwrite"])
    .default("rename");

/**
 * What -o names: a directory that is there, or will be ("new/", which is made), takes it under its own name; else it is what it is to be
 * called.
 */
export async function parseTarget(output: string): Promise<{ readonly into: string; readonly as?: string }> {
  const path = parsePath(output);
  if (output.endsWith("/")) await makeDirectory(path);
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory() === true) return { into: path };
  // A device, say, which some would expect to be written to.
  if (there?.isFile() === false)
    throw new CoveyError("bad-argument", `${JSON.stringify(output)} is neither a file nor a directory`, {
      hint: "`-o -` writes to stdout, which may lead anywhere.",
    });
  return { into: dirname(path), as: basename(path) };
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw fromPlatform(error, `make the directory ${path}`);
  }
}
