// The paths that somebody names, as the roots of one tree.

import { lstat, realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";

import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { freeNames } from "../../../blob/names.ts";
import type { TreeRoot } from "../../../blob/tree/contract.ts";
import { assertOutsideHomes } from "../../../blob/tree/covey-home.ts";
import { comparePaths } from "../../../blob/tree/paths.ts";

/** Paths that are looked up at once. */
const AT_ONCE = 64;

/**
 * What is behind each path, links resolved, under the last name of the path as it was given; of two that are the same the later one gets
 * a number. In canonical order. Rejects with `not-found`, `io`, `limit` (too many of one name), `bad-argument` for a covey home.
 */
export async function rootsOf(paths: readonly string[]): Promise<TreeRoot[]> {
  const taken = new Set<string>();
  const roots: TreeRoot[] = [];
  for (let at = 0; at < paths.length; at += AT_ONCE) {
    const found = await Promise.all(paths.slice(at, at + AT_ONCE).map(behind));
    for (const { called, path } of found) roots.push({ name: freeName(called, taken), path });
  }
  return roots.sort((a, b) => comparePaths(a.name, b.name));
}

export async function isRegularFile(path: string): Promise<boolean> {
  const stat = await lstat(path).catch((error: unknown) => {
    throw fromPlatform(error, `read ${JSON.stringify(path)}`);
  });
  return stat.isFile();
}

async function behind(named: string): Promise<{ called: string; path: string }> {
  const full = resolve(named);
  const path = await realpath(full).catch((error: unknown) => {
    throw fromPlatform(error, `read ${JSON.stringify(full)}`);
  });
  await assertOutsideHomes(path);
  // The file system's own root has no name.
  return { called: basename(full).toWellFormed() || "root", path };
}

function freeName(called: string, taken: Set<string>): string {
  for (const name of freeNames(called)) {
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
  throw new CoveyError("limit", `too many things are called ${JSON.stringify(called)}`, {
    hint: "Send the directory that they are in.",
  });
}
