// Which parts of a file a request asks for (RFC 9110, 14). Pure.

import parseRanges from "range-parser";

import { LIMITS } from "../../core/limits.ts";

/** Both ends are in it. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * In the order asked for, those that overlap or touch as one. "all": the field is absent, makes no sense or asks for too many, and is
 * to be ignored. "none": the file has nothing of it.
 */
export function rangesOf(field: string | undefined, size: number): readonly Range[] | "all" | "none" {
  if (field === undefined || !/^bytes=/i.test(field)) return "all";
  // Counted before anything is made of it.
  const specs = field.split(",", LIMITS.gatewayRanges + 1);
  if (specs.length > LIMITS.gatewayRanges || !specs.every(isSpec)) return "all";
  const ranges = parseRanges(size, clamped(field, size), { combine: true });
  if (ranges === -2) return "all";
  return ranges === -1 ? "none" : ranges;
}

/** The first one has the unit before it. */
function isSpec(spec: string): boolean {
  const [, first, last] = /^(?:bytes=)?[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(spec) ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return false;
  return first === "" || last === "" || Number(first) <= Number(last);
}

/** The package takes a suffix that is longer than the file for none of it; it means all of it. */
const clamped = (field: string, size: number): string =>
  field.replace(/([=,][ \t]*)-(\d+)/g, (_, before: string, suffix: string) => `${before}-${Math.min(Number(suffix), size)}`);
