// Which messages of a lane were read, as ranges of their numbers: [first, last], ascending, with something unread between any two. As a
// value: CBOR {v: 1, ranges}. Pure.

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../core/cbor.ts";
import { LIMITS } from "../../core/limits.ts";
import { parse } from "../../core/parse.ts";

export type Ranges = readonly (readonly [first: number, last: number])[];

const n = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const schema = v.object({ v: v.literal(1), ranges: v.array(v.tuple([n, n])) });

export const encodeRanges = (ranges: Ranges): Buffer => encodeCbor({ v: 1, ranges });

/** Throws `protocol` for what `encodeRanges` did not make. */
export function decodeRanges(value: Uint8Array | undefined): Ranges {
  if (value === undefined) return [];
  return parse(schema, decodeCbor(value, "what was read"), "what was read").ranges;
}

/** Both together. Beyond LIMITS.guestReadRanges, the last ones are dropped: what is in them is unread again. */
export function union(a: Ranges, b: Ranges): Ranges {
  const merged: [number, number][] = [];
  for (const [first, last] of [...a, ...b].toSorted(([x], [y]) => x - y)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged.slice(0, LIMITS.guestReadRanges);
}

export const countOf = (ranges: Ranges): number => ranges.reduce((count, [first, last]) => count + last - first + 1, 0);

/** The first number from `from` on that is in none of them. */
export function firstUnread(ranges: Ranges, from: number): number {
  const around = ranges.find(([first, last]) => first <= from && from <= last);
  return around === undefined ? from : around[1] + 1;
}
