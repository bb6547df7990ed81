// Offers and decisions as entries in the direct space of two peers.
//
//   offers/<id>              the sender's: what is offered or shared; removed when the sender takes it back
//   offers/<id>/<receiver>   the receiver's: what it decided, and how it ended; none for a share

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../../core/cbor.ts";
import { LIMITS } from "../../../core/limits.ts";
import { parse } from "../../../core/parse.ts";

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(LIMITS.blobBytes));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const name = v.pipe(v.string(), v.maxBytes(LIMITS.offerNameBytes));
const rootName = v.pipe(v.string(), v.minBytes(1), v.maxBytes(255));
/** From 1900 to 9999. */
const MIN_TIME_MS = -2_208_988_800_000;
export const MAX_TIME_MS = 253_402_300_799_000;
const timeMs = v.pipe(v.number(), v.safeInteger(), v.minValue(MIN_TIME_MS), v.maxValue(MAX_TIME_MS));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const ofOffer = {
  /** The sender has stopped it for now. */
  paused: v.optional(v.boolean(), false),
  /** How often the sender began anew after the receiver had said that it failed. */
  round: v.optional(count, 0),
};

const offerSchema = v.variant("kind", [
  v.object({
    v: v.literal(1),
    kind: v.literal("file"),
    name,
    size,
    mtimeMs: timeMs,
    executable: v.optional(v.boolean(), false),
    ...ofOffer,
  }),
  v.object({
    v: v.literal(1),
    kind: v.literal("tree"),
    files: count,
    size,
    /** The first of them, in canonical order. */
    roots: v.pipe(
      v.array(v.object({ name: rootName, kind: v.picklist(["file", "directory", "link"]), files: count, bytes: size })),
      v.minLength(1),
      v.maxLength(LIMITS.offerRoots),
    ),
    rootCount: count,
    ...ofOffer,
  }),
  v.object({
    v: v.literal(1),
    kind: v.literal("share"),
    name: rootName,
    type: v.picklist(["file", "directory"]),
    untilMs: v.optional(timeMs),
  }),
]);
export type OfferValue = v.InferOutput<typeof offerSchema>;
export type ShareValue = Extract<OfferValue, { readonly kind: "share" }>;

const decisionSchema = v.object({
  v: v.literal(1),
  state: v.picklist(["accepted", "declined", "done", "failed"]),
  /** The receiver has stopped it for now. */
  paused: v.optional(v.boolean(), false),
  /** The offer's, as it was then. */
  round: v.optional(count, 0),
  /** With `done`, of a file. */
  blob: v.optional(hash),
  /** With `done`, of a tree: how much of it did not come along. */
  notes: v.optional(count),
  /** With `failed`; with `accepted` while it waits for room. */
  problem: v.optional(v.object({ code: v.pipe(v.string(), v.maxBytes(64)), message: v.pipe(v.string(), v.maxBytes(1000)) })),
});
export type DecisionValue = v.InferOutput<typeof decisionSchema>;

export const parseOffer = (bytes: Uint8Array): OfferValue => parse(offerSchema, decodeCbor(bytes, "an offer"), "an offer");
export const parseDecision = (bytes: Uint8Array): DecisionValue =>
  parse(decisionSchema, decodeCbor(bytes, "a decision"), "a decision");

/** Times are brought within what an entry may say. */
export const encodeOffer = (offer: v.InferInput<typeof offerSchema>): Buffer =>
  encodeCbor(offer.kind === "file" ? { ...offer, mtimeMs: boundedTime(offer.mtimeMs) } : offer);

export const encodeDecision = (decision: v.InferInput<typeof decisionSchema>): Buffer => encodeCbor(decision);

const boundedTime = (ms: number): number => Math.min(Math.max(Math.floor(ms), MIN_TIME_MS), MAX_TIME_MS);
