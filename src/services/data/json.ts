// Values as they are kept: JSON in UTF-8, bounded in size and depth, the same on every peer or not a value at all.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Json } from "./contract.ts";

/** Throws `bad-argument` for what JSON can't say exactly, `limit` for what is too deep or too large. */
export function encodeJson(value: Json): Buffer {
  const problem = problemOf(value, 0);
  if (problem !== undefined) throw new CoveyError(problem === TOO_DEEP ? "limit" : "bad-argument", `the value ${problem}`);
  const bytes = Buffer.from(JSON.stringify(value));
  if (bytes.byteLength > LIMITS.inlineValueBytes) {
    throw new CoveyError("limit", `the value has ${bytes.byteLength} bytes as JSON; ${LIMITS.inlineValueBytes} are allowed`, {
      hint: "Split it over several keys, or send it as a file.",
    });
  }
  return bytes;
}

/** undefined for what is not a value: a peer can write any bytes. */
export function decodeJson(bytes: Uint8Array): Json | undefined {
  if (bytes.byteLength > LIMITS.inlineValueBytes) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return problemOf(value, 0) === undefined ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

const TOO_DEEP = `is nested deeper than ${LIMITS.jsonDepth} levels`;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

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
