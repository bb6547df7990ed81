// The way to one thing in a tree.

import { basename, dirname } from "node:path";

import { CoveyError } from "../../core/errors.ts";
import type { TreeRoot } from "./contract.ts";
import { isOwnPart } from "./names.ts";
import { checkTreePath } from "./paths.ts";

/** A root's name where it is; in the file system's own root, itself is ".". */
export const nameOf = (root: TreeRoot): string => basename(root.path) || ".";

/**
 * The directories to go through, the first by its absolute path, the others by name, and the name to look for in the last one. Throws
 * `not-found`, and `protocol` for what is no path.
 */
export function stepsTo(
  roots: readonly TreeRoot[],
  path: string,
): { readonly parents: readonly string[]; readonly name: string } {
  checkTreePath(path);
  const [first, ...names] = path.split("/");
  const root = roots.find(({ name }) => name === first);
  if (root === undefined || names.some(isOwnPart)) throw notInTree();
  const steps = [dirname(root.path), nameOf(root), ...names];
  return { parents: steps.slice(0, -1), name: steps.at(-1)! };
}

export const notInTree = (cause?: unknown): CoveyError =>
  new CoveyError("not-found", "there is no such file or directory", { cause });

/** Not there, or not reached through directories. */
export const isMissing = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"].includes((error as NodeJS.ErrnoException).code ?? "");
