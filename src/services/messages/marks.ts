// A member's watermarks: for each lane of the other, up to which number everything is here (delivered), and was seen (read).
// As a value: CBOR {v: 1, lanes: [[author, incarnation, delivered, read], …]}. They only ever go up, so that versions are merged by
// the higher number.

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../core/cbor.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Incarnation, PeerId } from "../../core/ids.ts";
import type { PathState } from "../../space/contract.ts";
import type { Lane } from "./paths.ts";

export interface Mark {
  readonly delivered: number;
  readonly read: number;
}

/** By `laneKey`. */
export type Marks = ReadonlyMap<string, Mark>;

export const laneKey = ({ author, incarnation }: Lane): string => `${author}/${incarnation}`;
export function laneOf(key: string): Lane {
  const [author, incarnation] = key.split("/") as [PeerId, Incarnation];
  return { author, incarnation };
}
export const noMark: Mark = { delivered: 0, read: 0 };
export const markOf = (marks: Marks, lane: Lane): Mark => marks.get(laneKey(lane)) ?? noMark;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.object({
  v: v.literal(1),
  lanes: v.pipe(
    v.array(v.tuple([v.pipe(v.string(), v.regex(/^[^/]{1,128}$/)), v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)), count, count])),
    v.maxLength(LIMITS.messageLanes),
  ),
});

/** Beyond LIMITS.messageLanes, the lanes that come last are kept. */
export function encodeMarks(marks: Marks): Buffer {
  const lanes = [...marks].slice(-LIMITS.messageLanes).map(([key, { delivered, read }]) => [...key.split("/"), delivered, read]);
  return encodeCbor({ v: 1, lanes });
}

/** What the owner's versions say together; what is malformed, or written by somebody else, says nothing. */
export function marksOf(state: PathState | undefined, owner: PeerId): Marks {
  return (state?.versions ?? [])
    .filter(({ author }) => author === owner)
    .map(({ value }) => decodeMarks(value))
    .reduce(merge, new Map());
}

export function merge(a: Marks, b: Marks): Marks {
  const merged = new Map(a);
  for (const [key, { delivered, read }] of b) {
    const known = merged.get(key) ?? noMark;
    merged.set(key, { delivered: Math.max(known.delivered, delivered), read: Math.max(known.read, read) });
  }
  return merged;
}

/** Whether `b` says nothing that `a` does not. */
export const covers = (a: Marks, b: Marks): boolean =>
  [...b].every(([key, { delivered, read }]) => {
    const known = a.get(key) ?? noMark;
    return known.delivered >= delivered && known.read >= read;
  });

function decodeMarks(value: Uint8Array | undefined): Marks {
  if (value === undefined) return new Map();
  try {
    const parsed = v.safeParse(schema, decodeCbor(value, "a watermark"));
    const lanes = parsed.success ? parsed.output.lanes : [];
    return new Map(
      lanes.map(([author, incarnation, delivered, read]) => [
        `${author}/${incarnation}`,
        { delivered, read: Math.min(read, delivered) },
      ]),
    );
  } catch {
    return new Map();
  }
}
