// The route that fetches blocks.
//
//   files/fetch              the receiver asks for ranges of blocks of one file; the answer's stream brings, in the order asked for,
//                            BLOCK hash bytes …, then END id; BUSY and PROBLEM may stand in between. Back go 8-byte counts of
//                            the bytes that are verified and written.

import * as v from "valibot";

import { decodeCbor } from "../../../core/cbor.ts";
import { LIMITS } from "../../../core/limits.ts";
import { parse } from "../../../core/parse.ts";
import type { BlockRange } from "../../../blob/manifest.ts";

export const FETCH_ROUTE = "files/fetch";

/** The first byte of each record of a fetch. */
export const RECORD = {
  /** 32-byte hash, then the block. */
  block: 1,
  /** 32 bytes: the blob's id. Nothing follows. */
  end: 2,
  /** Nothing to send yet: still reading. */
  busy: 3,
  /** u16 length, then CBOR `{code, message}`: why it can't go on. Nothing follows. */
  problem: 4,
} as const;

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(LIMITS.blobBytes));
const token = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

const fetchSchema = v.object({
  offer: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** A file inside of what is offered or shared. */
  path: v.optional(v.pipe(v.string(), v.maxBytes(LIMITS.treePathBytes))),
  size,
  /** The version of the source that earlier blocks came from. */
  token: v.optional(token),
  /** first, count, first, count, …: ascending, without overlap. */
  ranges: v.pipe(v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0))), v.maxLength(2 * LIMITS.fetchRanges)),
});
export type FetchArgs = v.InferOutput<typeof fetchSchema>;

const fetchAnswerSchema = v.object({ token });

const problemSchema = v.object({ code: v.string(), message: v.pipe(v.string(), v.maxBytes(1000)) });

export const parseFetch = (args: unknown): FetchArgs => parse(fetchSchema, args, "a request for blocks");
export const parseFetchAnswer = (value: unknown): { token: string } =>
  parse(fetchAnswerSchema, value, "the answer to a request for blocks");
export const parseProblem = (bytes: Uint8Array): { code: string; message: string } =>
  parse(problemSchema, decodeCbor(bytes, "a problem"), "a problem");

export const flattenRanges = (ranges: readonly BlockRange[]): number[] => ranges.flatMap(({ from, count }) => [from, count]);

/** The ranges of a request for a blob of so many blocks; undefined when they are not ascending, disjoint, and inside it. */
export function readRanges(flat: readonly number[], blocks: number): BlockRange[] | undefined {
  if (flat.length % 2 !== 0) return undefined;
  const ranges: BlockRange[] = [];
  let end = 0;
  for (let i = 0; i < flat.length; i += 2) {
    const from = flat[i]!;
    const count = flat[i + 1]!;
    if (count === 0 || from < end || count > blocks - from) return undefined;
    end = from + count;
    ranges.push({ from, count });
  }
  return ranges;
}

/** Every block of the ranges, in order. */
export function* blocksOf(ranges: readonly BlockRange[]): Generator<number> {
  for (const { from, count } of ranges) for (let block = from; block < from + count; block++) yield block;
}
