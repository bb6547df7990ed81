// What is in a directory that is served: files and directories, and links to such that are served too.

import type { BigIntStats } from "node:fs";
import { lstat, opendir } from "node:fs/promises";

import { isOwnPart } from "../../blob/tree/names.ts";
import { forEachAtOnce } from "../../core/async.ts";
import { LIMITS } from "../../core/limits.ts";
import { type FoundDirectory, inside, isHome, openBelow } from "./open-below.ts";

export interface Listed {
  readonly name: Buffer;
  readonly kind: "directory" | "file";
  readonly size: number;
  readonly mtimeMs: number;
}

export interface Listing {
  /** In the order of their names' bytes. */
  readonly entries: readonly Listed[];
  /** Names behind these: there are too many. */
  readonly more: number;
}

/** Names that are looked at together. */
const AT_ONCE = 16;

/** `path`: the names that lead to it from the root. Throws what Node throws, and the signal's reason. */
export async function listDirectory(
  root: string,
  path: readonly Buffer[],
  directory: FoundDirectory,
  signal: AbortSignal,
): Promise<Listing> {
  const { names, more } = await firstNames(directory, signal);
  const found = new Map<Buffer, Listed>();
  await forEachAtOnce(names, AT_ONCE, async (name) => {
    signal.throwIfAborted();
    const stat = await statOf(root, path, directory, name);
    if (stat === undefined) return;
    const kind = stat.isDirectory() ? "directory" : "file";
    found.set(name, { name, kind, size: stat.isFile() ? Number(stat.size) : 0, mtimeMs: Number(stat.mtimeMs) });
  });
  return { entries: names.map((name) => found.get(name)).filter((entry) => entry !== undefined), more };
}

/** In order; never more than twice LIMITS.gatewayListed of them in memory. */
async function firstNames(directory: FoundDirectory, signal: AbortSignal): Promise<{ names: readonly Buffer[]; more: number }> {
  const most = LIMITS.gatewayListed;
  let names: string[] = [];
  let count = 0;
  // One character for each byte, so that every name is one.
  for await (const { name } of await opendir(directory.at.toString(), { encoding: "latin1", bufferSize: 1024 })) {
    signal.throwIfAborted();
    if (isOwnPart(name)) continue;
    count++;
    if (names.push(name) >= 2 * most) names = names.toSorted().slice(0, most);
  }
  names = names.toSorted().slice(0, most);
  return { names: names.map((name) => Buffer.from(name, "latin1")), more: count - names.length };
}

/** undefined: it is not served, or gone by now. */
async function statOf(
  root: string,
  path: readonly Buffer[],
  directory: FoundDirectory,
  name: Buffer,
): Promise<BigIntStats | undefined> {
  const at = inside(directory.at, name);
  const stat = await lstat(at, { bigint: true }).catch(() => undefined);
  if (stat?.isDirectory() === true) return (await isHome(at)) ? undefined : stat;
  if (stat?.isSymbolicLink() !== true) return stat?.isFile() === true ? stat : undefined;
  const found = await openBelow(root, [...path, name]);
  if (found === undefined) return undefined;
  try {
    return await found.handle.stat({ bigint: true });
  } finally {
    await found.handle.close();
  }
}
