// Values as they are kept: JSON in UTF-8, bounded in size and depth, the same on every peer or not a value at all.

import { CoveyError } from "../../core/errors.ts";
import { assertJson, isJson } from "../../core/json.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Json } from "./contract.ts";

/** Throws `bad-argument` for what JSON can't say exactly, `limit` for what is too deep or too large. */
export function encodeJson(value: Json): Buffer {
  assertJson(value, "the value");
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
    return isJson(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
