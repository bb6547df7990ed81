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

/** A CoveyError as it is; of anything else the other side learns only that it is a fault here. */
export function errorToPeer(error: unknown): PeerError & { readonly [key: string]: Cbor | undefined } {
  if (!(error instanceof CoveyError)) return { code: "internal", message: "a fault in covey on the other device", details: {} };
  const { code, message, hint, details } = error;
  return { code, message: short(message), hint: hint === undefined ? undefined : short(hint), details: { ...details } };
}

/** Never throws: an unknown code becomes `internal`, texts are made printable and cut. */
export function errorFromPeer({ code, message, hint, details = {} }: Partial<PeerError> & { readonly code: string }): CoveyError {
  const known = isErrorCode(code) && !LOCAL_CODES.has(code);
  const text = shown(message ?? "") || "the other device gave no reason";
  const facts = Object.entries(details).slice(0, LIMITS.errorDetails);
  const extras: ErrorExtras = {
    details: Object.fromEntries(
      facts.map(([name, fact]) => [shown(name, 64), typeof fact === "string" ? shown(fact, 200) : fact]),
    ),
  };
  return new CoveyError(
    known ? code : "internal",
    text,
    hint === undefined || hint === "" ? extras : { ...extras, hint: shown(hint) },
  );
}

const short = (text: string, length: number = LIMITS.errorTextChars): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
const shown = (text: string, length?: number): string => printable(short(text, length));
