// The route that brings a tree.
//
//   files/walk               the receiver asks for what is at a path and below, after another one; the answer's stream brings frames: u32
//                            length and a pack (blob/tree/pack.ts), …, then length 0, the end; BUSY may stand in between. Back go
//                            8-byte counts of the bytes that are verified and written.

import * as v from "valibot";

import { LIMITS } from "../../../core/limits.ts";
import { parse } from "../../../core/parse.ts";

export const WALK_ROUTE = "files/walk";

/** Instead of a length: nothing to send yet, still reading. */
export const BUSY = 0xffff_ffff;
export const LENGTH_BYTES = 4;

const path = v.pipe(v.string(), v.maxBytes(LIMITS.treePathBytes));

const walkSchema = v.object({
  offer: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** "" for everything. */
  path,
  after: v.optional(path),
  content: v.boolean(),
  deep: v.boolean(),
});
export type WalkArgs = v.InferOutput<typeof walkSchema>;

export const parseWalk = (args: unknown): WalkArgs => parse(walkSchema, args, "a request for a directory");
