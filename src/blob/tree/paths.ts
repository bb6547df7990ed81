// Paths of things in a tree: their rules, their order, and which links stay inside. Pure.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";

/** What a name may have on every system that we run on. */
const NAME_BYTES = 255;

/** Throws `protocol` for what is not the path of a thing in a tree: contract.ts has the rules. */
export function checkTreePath(path: string): void {
  const problem = problemOf(path);
  if (problem !== undefined) throw new CoveyError("protocol", `a path in a tree ${problem}`);
}

function problemOf(path: string): string | undefined {
  if (Buffer.byteLength(path) > LIMITS.treePathBytes) return `is longer than ${LIMITS.treePathBytes} bytes`;
  if (path.includes("\0")) return "has a NUL";
  if (!path.isWellFormed()) return "is not Unicode";
  const names = path.split("/");
  if (names.length > LIMITS.treeDepth) return `is deeper than ${LIMITS.treeDepth} levels`;
  for (const name of names) {
    if (name === "") return "has an empty name";
    if (name === "." || name === "..") return `has the name "${name}"`;
    if (name.length * 3 > NAME_BYTES && Buffer.byteLength(name) > NAME_BYTES)
      return `has a name of more than ${NAME_BYTES} bytes`;
  }
  return undefined;
}

/**
 * Canonical order, of valid paths: bytewise by component, so that a directory comes before what is in it, and that before everything
 * else. Negative, 0 or positive.
 */
export function comparePaths(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return weight(x) - weight(y);
  }
  return a.length - b.length;
}

/** The end of a name comes before all else. UTF-16 sorts what it needs two units for before U+E000, UTF-8 after U+FFFF. */
function weight(unit: number): number {
  if (unit === 0x2f) return -1;
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The directory that it is in; "" for a root. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/**
 * Whether a link at this path can't lead out of its root: its target is relative, and climbs at its beginning only, no further than to
 * the root. What it then goes through are directories, or links of which the same holds. A root that is a link never does.
 */
export function linkStaysInside(path: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\0") || Buffer.byteLength(target) > LIMITS.treePathBytes)
    return false;
  const names = target.split("/");
  const down = names.findIndex((name) => name !== "..");
  const climbs = down === -1 ? names.length : down;
  // A root has no "/", and its link would lead beside it.
  const levels = path.split("/").length - 2;
  return levels >= 0 && climbs <= levels && !names.includes("..", climbs);
}
