// One file of a tree by its path, for reading it by blocks: reached through open directories, as in a walk.

import { type FileHandle, lstat, open } from "node:fs/promises";

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import type { OpenInTree } from "./contract.ts";
import { HAS_HANDLES, isElsewhere, READ, SEARCH, within } from "./directory.ts";
import { isMissing, notInTree, stepsTo } from "./steps.ts";

/** Only a regular file. Also throws `protocol` for what is no path. */
export const openInTree: OpenInTree = async (roots, path) => {
  const { parents, name } = stepsTo(roots, path);
  const names = [...parents[0]!.split("/").filter((part) => part !== ""), ...parents.slice(1)];
  let at = "";
  let directory: FileHandle | undefined;
  try {
    directory = await open("/", SEARCH);
    for (const part of names) {
      const child: FileHandle = await openWithin(directory, at, part, SEARCH);
      await directory.close();
      directory = child;
      at = `${at}/${part}`;
    }
    const file = await openWithin(directory, at, name, READ);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw new CoveyError("bad-argument", "this is not a regular file");
  } catch (error) {
    throw isMissing(error) ? notInTree(error) : fromPlatform(error, "read the file");
  } finally {
    await directory?.close();
  }
};

async function openWithin(directory: FileHandle, at: string, name: string, flags: number): Promise<FileHandle> {
  const opened = await open(within(directory.fd, at, name), flags);
  if (HAS_HANDLES || at === "") return opened;
  try {
    if (!isElsewhere(await lstat(at, { bigint: true }), await directory.stat({ bigint: true }))) return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
  await opened.close();
  throw notInTree();
}
