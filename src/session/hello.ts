// The first records of a session, and what two hellos agree on. Pure: greeting.ts sends and reads them.
//
// A record is a u32 length and one CBOR map: {hello}, {refused} or {go}. This layout never changes, so that any two versions of covey
// understand at least why they don't understand each other. Unknown keys are passed over.

import * as v from "valibot";

import { u32 } from "../core/bytes.ts";
import { type Cbor, decodeCbor, encodeCbor } from "../core/cbor.ts";
import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { parse } from "../core/parse.ts";
import { errorFromPeer, errorToPeer } from "./peer-error.ts";

/** What a build of covey speaks. */
export interface Protocol {
  /** The lowest and the highest version. */
  readonly versions: readonly [min: number, max: number];
  /** What it can do beyond the version. */
  readonly features: readonly string[];
  /** Features without which it does not talk to anybody. */
  readonly needs: readonly string[];
}

export const PROTOCOL: Protocol = { versions: [1, 1], features: [], needs: [] };

const Name = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]{0,63}$/, "is not the name of a feature"));
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Names = v.pipe(v.array(Name), v.maxLength(64));

const Hello = v.object({
  versions: v.pipe(
    v.tuple([Count, Count]),
    v.check(([min, max]) => min <= max, "the lowest version is above the highest"),
  ),
  features: Names,
  needs: Names,
  /** 16 hex digits, drawn at each start of the process. */
  boot: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, "is not 16 hex digits")),
  /** Whether the other peer is in this one's book. */
  knows: v.boolean(),
  /** Of who dials: this session is not the one to keep (see dial in contract.ts). */
  apart: v.optional(v.boolean(), false),
  /** Of who dials: numbers its sessions with this peer, in the order of dialling. */
  dial: v.optional(Count, 0),
  /** Of who dials: the highest number of a session that the other one dialled and that is over here. */
  over: v.optional(Count, 0),
  // Only between peers that know each other.
  store: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "is not 32 hex digits"))),
  clockMs: v.optional(Count),
  listen: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxBytes(LIMITS.addressBytes))), v.maxLength(LIMITS.dialAddresses)), []),
});

const Refusal = v.object({ code: v.string(), message: v.string(), hint: v.optional(v.string()) });

const AnyRecord = v.union([v.object({ hello: Hello }), v.object({ refused: Refusal }), v.object({ go: v.literal(true) })]);

export type Hello = v.InferOutput<typeof Hello>;

export type HelloRecord =
  | { readonly is: "hello"; readonly hello: Hello }
  | { readonly is: "go" }
  | { readonly is: "refused"; readonly error: CoveyError };

export const encodeHello = (hello: Hello): Buffer => record({ hello: { ...hello } });
export const encodeGo = (): Buffer => record({ go: true });

export function encodeRefusal(error: unknown): Buffer {
  const { code, message, hint } = errorToPeer(error);
  return record({ refused: { code, message, hint } });
}

/** The length is checked by who reads the record. Throws `protocol`. */
export function decodeRecord(bytes: Uint8Array): HelloRecord {
  const value = parse(AnyRecord, decodeCbor(bytes, "the other peer's hello"), "the other peer's hello");
  if ("hello" in value) return { is: "hello", hello: value.hello };
  if ("go" in value) return { is: "go" };
  return { is: "refused", error: errorFromPeer(value.refused) };
}

function record(value: Cbor): Buffer {
  const body = encodeCbor(value);
  if (body.length > LIMITS.helloBytes) throw new CoveyError("internal", `a hello of ${body.length} bytes is too long to be sent`);
  return Buffer.concat([u32(body.length), body]);
}

/** Why two of them can't talk, in the words of the user at `ours`; undefined when they can. Both sides come to the same answer. */
export function disagreement(ours: Protocol, theirs: Protocol): CoveyError | undefined {
  const fits = ours.versions[0] <= theirs.versions[1] && theirs.versions[0] <= ours.versions[1];
  if (!fits) {
    const message = `this device speaks covey ${range(ours.versions)}, the other one ${range(theirs.versions)}`;
    return new CoveyError("version", message, { hint: ours.versions[1] < theirs.versions[0] ? HERE : THERE });
  }
  const unknownHere = missing(theirs.needs, ours.features);
  if (unknownHere !== "") {
    return new CoveyError("version", `the other device requires what this one does not know: ${unknownHere}`, { hint: HERE });
  }
  const unknownThere = missing(ours.needs, theirs.features);
  if (unknownThere !== "") {
    return new CoveyError("version", `this device requires what the other one does not know: ${unknownThere}`, { hint: THERE });
  }
  return undefined;
}

/** The highest version that both speak, where there is no disagreement. */
export const commonVersion = (ours: Protocol, theirs: Protocol): number => Math.min(ours.versions[1], theirs.versions[1]);

const HERE = "Update covey on this device.";
const THERE = "Update covey on the other device.";

const range = ([min, max]: readonly [number, number]): string => (min === max ? `version ${min}` : `versions ${min} to ${max}`);
const missing = (needs: readonly string[], features: readonly string[]): string =>
  needs.filter((need) => !features.includes(need)).join(", ");
