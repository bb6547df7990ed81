// Why an address can't be reached, in words.

import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  EHOSTUNREACH: "no way to that host",
  ENETUNREACH: "no way to that network",
  ETIMEDOUT: "no answer",
  ENOTFOUND: "no such host name",
  EAI_AGAIN: "the name could not be looked up",
};

/** A name with several addresses fails with all their errors; the last one tried speaks for them. */
function reasonOf(error: Error): string {
  const one = error instanceof AggregateError && error.errors.length > 0 ? (error.errors.at(-1) as Error) : error;
  return REASONS["code" in one ? String(one.code) : ""] ?? one.message;
}

export function unreachable(address: Address, error: Error, hint?: string): CoveyError {
  return new CoveyError("unreachable", `${address}: ${reasonOf(error)}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
