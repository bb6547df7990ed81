// What JSON can say exactly: everything else would be dropped or changed on its way to another peer, or never end.

import { CoveyError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

const TOO_DEEP = `is nested deeper than ${LIMITS.jsonDepth} levels`;

/** Throws `bad-argument` for NaN, undefined, dates, maps and the like, `limit` for what is too deep, as a cycle is; `what` is named. */
export function assertJson(value: unknown, what: string): void {
  const problem = problemOf(value, 0);
  if (problem === undefined) return;
  const hint =
    problem === TOO_DEEP ? "Split it over several keys." : "Use null, booleans, finite numbers, texts, lists and plain objects.";
  throw new CoveyError(problem === TOO_DEEP ? "limit" : "bad-argument", `${what} ${problem}`, { hint });
}

export const isJson = (value: unknown): boolean => problemOf(value, 0) === undefined;

function problemOf(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `holds the number ${value}, which JSON can't say`;
  if (typeof value !== "object") return `holds a ${typeof value}, which JSON can't say`;
  if (depth >= LIMITS.jsonDepth) return TOO_DEEP;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return "holds an object that is not plain";
  // Array.from: a hole in an array is an undefined.
  for (const part of Array.isArray(value) ? Array.from(value as unknown[]) : Object.values(value)) {
    const problem = problemOf(part, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
