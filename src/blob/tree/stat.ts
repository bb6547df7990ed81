// What of a file's state is told, and what tells one state from another.

import type { BigIntStats } from "node:fs";

/** A file's times come from a clock that ticks this coarsely at worst: two changes within one tick look like one. */
const TICK_MS = 20;

/** The time of the last change of content: whole ms, rounded down, before 1970 too. */
export function timeOf({ mtimeNs }: BigIntStats): number {
  const ms = mtimeNs / 1_000_000n;
  return Number(mtimeNs < ms * 1_000_000n ? ms - 1n : ms);
}

/** Its owner may run it. */
export const isExecutable = ({ mode }: BigIntStats): boolean => (mode & 0o100n) !== 0n;

export const isSameState = (a: BigIntStats, b: BigIntStats): boolean =>
  a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;

/** How long until a change would show; 0 when it would already. */
export function unsettledMs({ ctimeMs }: BigIntStats, nowMs: number): number {
  const age = nowMs - Number(ctimeMs);
  return age >= 0 && age < TICK_MS ? TICK_MS - age : 0;
}
