// Which versions of a path are its state, and which of them wins. Pure, and the same on every peer in whatever order entries arrive.

import type { EntryId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { type DotOwner, dotOwner, type Entry, keyOf, KIND, type VersionVector } from "./entry.ts";
import type { Hlc } from "./hlc.ts";

/** An entry and its id. */
export interface Known {
  readonly id: EntryId;
  readonly entry: Entry;
}

/**
 * Whether `by`'s writer had seen `entry`. Nothing follows from being of the same author and earlier: docs/decisions/explicit-own-dots.md.
 */
export const isDominated = (entry: Entry, by: Entry): boolean =>
  (by.vector.get(dotOwner(entry.author, entry.incarnation)) ?? -1n) >= entry.clock;

/** Whether the entry is among these versions of its path, or was replaced by one of them. */
export const isCovered = ({ id, entry }: Known, versions: readonly Known[]): boolean =>
  versions.some((other) => other.id === id || isDominated(entry, other.entry));

/** Whether this program can show the entry; others are kept and passed on only. */
export const isShown = (entry: Entry): boolean => entry.kind === KIND.value || entry.kind === KIND.removed;

/** For sorting, the winner first: values before removals, then highest clock, author's key, id. */
export function byPrecedence(a: Known, b: Known): number {
  const removed = Number(a.entry.kind === KIND.removed) - Number(b.entry.kind === KIND.removed);
  if (removed !== 0) return removed;
  if (a.entry.clock !== b.entry.clock) return a.entry.clock > b.entry.clock ? -1 : 1;
  if (a.entry.author !== b.entry.author) return Buffer.compare(keyOf(b.entry.author), keyOf(a.entry.author));
  return a.id > b.id ? -1 : Number(a.id < b.id);
}

export interface Replaced {
  readonly vector: VersionVector;
  /** The highest clock among them, 0 for none. */
  readonly clock: Hlc;
}

/**
 * The version vector of an entry that replaces these: their dots, and what they had seen. Beyond the limit the oldest of what they
 * had seen go first: at worst a version that somebody still holds shows up again as a conflict.
 */
export function replacing(versions: readonly Entry[]): Replaced {
  const dots = new Map<DotOwner, Hlc>();
  const seen = new Map<DotOwner, Hlc>();
  for (const entry of versions) {
    raise(dots, dotOwner(entry.author, entry.incarnation), entry.clock);
    for (const [owner, clock] of entry.vector) raise(seen, owner, clock);
  }
  const clock = [...dots.values()].reduce((highest, dot) => (dot > highest ? dot : highest), 0n);
  for (const [owner, dot] of dots) raise(seen, owner, dot);
  if (seen.size <= LIMITS.versionVectorEntries) return { vector: seen, clock };
  const newest = [...seen].sort(([a, one], [b, other]) => Number(dots.has(b)) - Number(dots.has(a)) || (one > other ? -1 : 1));
  return { vector: new Map(newest.slice(0, LIMITS.versionVectorEntries)), clock };
}

function raise(vector: Map<DotOwner, Hlc>, owner: DotOwner, clock: Hlc): void {
  const held = vector.get(owner);
  if (held === undefined || held < clock) vector.set(owner, clock);
}
