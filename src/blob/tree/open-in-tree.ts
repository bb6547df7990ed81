// One file of a tree by its path, for reading it by blocks: reached through open directories, as in a walk.

import { type FileHandle, lstat, open, realpath } from "node:fs/promises";

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import type { OpenInTree } from "./contract.ts";
import { isCoveyHomeAt } from "./covey-home.ts";
import { goneElsewhere, HAS_HANDLES, isElsewhere, namesOf, READ, SEARCH, within } from "./directory.ts";
import { isMissing, notInTree, stepsTo } from "./steps.ts";

/** Only a regular file. Also throws `protocol` for what is no path. */
export const openInTree: OpenInTree = async (roots, path) => {
  const { parents, name } = stepsTo(roots, path);
  let way: Way | undefined;
  try {
    way = await begin(parents[0]!);
    await assertNoHome(way);
    for (const parent of parents.slice(1)) {
      way = await goOn(way, parent);
      await assertNoHome(way);
    }
    const file = await openWithin(way, name, READ);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw new CoveyError("bad-argument", "this is not a regular file");
  } catch (error) {
    throw isMissing(error) ? notInTree(error) : fromPlatform(error, "read the file");
  } finally {
    await way?.directory.close();
  }
};

/** An open directory, and where it was found. */
interface Way {
  readonly directory: FileHandle;
  readonly at: string;
}

async function begin(path: string): Promise<Way> {
  if (!HAS_HANDLES) {
    if ((await realpath(path)) !== path) throw goneElsewhere();
    return { directory: await open(path, SEARCH), at: path };
  }
  let way: Way = { directory: await open("/", SEARCH), at: "" };
  for (const name of namesOf(path)) way = await goOn(way, name);
  return way;
}

async function assertNoHome({ directory, at }: Way): Promise<void> {
  if (await isCoveyHomeAt((name) => within(directory.fd, at, name))) throw notInTree();
}

/** The way so far ends, whether it goes on or not. */
async function goOn(way: Way, name: string): Promise<Way> {
  try {
    return { directory: await openWithin(way, name, SEARCH), at: `${way.at}/${name}` };
  } finally {
    await way.directory.close();
  }
}

async function openWithin({ directory, at }: Way, name: string, flags: number): Promise<FileHandle> {
  const opened = await open(within(directory.fd, at, name), flags);
  if (HAS_HANDLES) return opened;
  try {
    if (!isElsewhere(await lstat(at, { bigint: true }), await directory.stat({ bigint: true }))) return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
  await opened.close();
  throw goneElsewhere();
}
