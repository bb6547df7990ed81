// Errors as they cross a session: {code, message, hint, details}. Nothing of it is believed further than its type and length.

import * as v from "valibot";

import type { Cbor } from "../core/cbor.ts";
import { CoveyError, type ErrorCode, type ErrorExtras, isErrorCode } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";

/** Codes that speak of this device only: from the other side they would mislead whoever acts on them. */
const LOCAL_CODES: ReadonlySet<ErrorCode> = new Set(["daemon-down", "home-unsafe", "home-busy"]);

const Fact = v.union([v.string(), v.number(), v.boolean(), v.null()]);

/** Loose on purpose: an error that is spelled oddly is still an error. */
export const PeerError = v.object({
  code: v.string(),
  message: v.optional(v.string(), ""),
  hint: v.optional(v.string()),
  details: v.optional(v.record(v.string(), Fact), {}),
});

export type PeerError = v.InferOutput<typeof PeerError>;

/** Failures of this device alone. Their own texts name its files, which are nobody else's business. */
const OWN_FAILURES: ReadonlyMap<ErrorCode, string> = new Map([
  ["internal", "a fault in covey on the other device"],
  ["io", "the other device could not do that: its file system or its operating system refused"],
  ["no-space", "the disk of the other device is full"],
]);

/** A CoveyError as it is, unless it is about this device alone: of that, and of a fault, the other side learns only the kind. */
export function errorToPeer(error: unknown): PeerError & { readonly [key: string]: Cbor | undefined } {
  const known = error instanceof CoveyError ? error : new CoveyError("internal", "a fault in covey");
  const { code, message, hint, details } = known;
  const own = OWN_FAILURES.get("platform" in details && code !== "no-space" ? "io" : code);
  if (own !== undefined) return { code, message: own, details: {} };
  return { code, message: short(message), hint: hint === undefined ? undefined : short(hint), details: bounded(details, short) };
}

/** Never throws: an unknown code becomes `internal`, texts are made printable and cut. */
export function errorFromPeer({ code, message, hint, details = {} }: Partial<PeerError> & { readonly code: string }): CoveyError {
  const known = isErrorCode(code) && !LOCAL_CODES.has(code);
  const text = shown(message ?? "") || "the other device gave no reason";
  const extras: ErrorExtras = { details: bounded(details, shown) };
  return new CoveyError(
    known ? code : "internal",
    text,
    hint === undefined || hint === "" ? extras : { ...extras, hint: shown(hint) },
  );
}

function bounded(details: CoveyError["details"], cut: (text: string, length: number) => string): CoveyError["details"] {
  const facts = Object.entries(details).slice(0, LIMITS.errorDetails);
  return Object.fromEntries(facts.map(([name, fact]) => [cut(name, 64), typeof fact === "string" ? cut(fact, 200) : fact]));
}

const short = (text: string, length: number = LIMITS.errorTextChars): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
const shown = (text: string, length?: number): string => printable(short(text, length));
