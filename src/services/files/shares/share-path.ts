// Names of shares, and paths in them as a user writes them: "dist", "dist/docs/a.txt".

import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { printable } from "../../../core/text.ts";

/** A path in a peer's shares; `path` is all of it, and begins with the name. */
export interface SharePath {
  readonly share: string;
  readonly path: string;
}

/** What may be typed behind "NAME:", shows as it is, and can be the first component of a path. */
export const isShareName = (name: string): boolean => isName(name) && printable(name) === name;

/** Throws `bad-argument`. */
export function checkShareName(name: string): string {
  if (isShareName(name)) return name;
  const problem = name === "" ? "a share needs a name" : `${JSON.stringify(printable(name).slice(0, 300))} can't name a share`;
  throw new CoveyError("bad-argument", problem, {
    hint: 'Give it another one with --as: up to 255 bytes, without "/" and invisible characters.',
  });
}

/** One slash at the end is as good as none. Throws `bad-argument` for what leads nowhere inside a share. */
export function parseSharePath(text: string): SharePath {
  const path = text.endsWith("/") ? text.slice(0, -1) : text;
  const components = path.split("/", LIMITS.treeDepth + 1);
  const tooLong = Buffer.byteLength(path) > LIMITS.treePathBytes || components.length > LIMITS.treeDepth;
  if (tooLong || !components.every(isName))
    throw new CoveyError("bad-argument", `${JSON.stringify(printable(text.slice(0, 200)))} is no path in a share`, {
      hint: 'A path begins with the name of a share, "docs/a.txt", without "." and ".."; `covey ls NAME:`, or `shares()`, lists them.',
    });
  return { share: components[0]!, path };
}

/** Of one thing in a directory, on any system that we run on. */
export const isName = (name: string): boolean =>
  name !== "" &&
  name !== "." &&
  name !== ".." &&
  name.isWellFormed() &&
  !name.includes("/") &&
  !name.includes("\0") &&
  Buffer.byteLength(name) <= 255;
