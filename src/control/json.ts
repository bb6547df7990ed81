// JSON for values that users hand over: what JSON can't say is refused instead of changed on the way.

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

/** Throws `bad-argument` for anything that JSON would drop, change or never end with: NaN, undefined, dates, maps, cycles. */
export function assertJson(value: unknown, what: string): void {
  check(value, what, 0);
}

function check(value: unknown, what: string, depth: number): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (typeof value !== "object")
    throw new CoveyError("bad-argument", `the value of ${JSON.stringify(what)} has ${describe(value)}, which JSON can't say`);
  if (depth >= LIMITS.jsonDepth)
    throw new CoveyError("limit", `the value of ${JSON.stringify(what)} is nested deeper than ${LIMITS.jsonDepth} levels`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    throw new CoveyError("bad-argument", `the value of ${JSON.stringify(what)} has a ${describe(value)}, which JSON can't say`);
  }
  // Array.from: a hole in an array is an undefined.
  for (const part of Array.isArray(value) ? Array.from(value as unknown[]) : Object.values(value)) check(part, what, depth + 1);
}

const describe = (value: unknown): string =>
  typeof value === "object" ? (value?.constructor.name ?? "object") : typeof value === "number" ? String(value) : typeof value;
