// Deterministic CBOR (RFC 8949, section 4.2) for what peers say to each other. Decoding refuses every other spelling of a value.

import { decode, encode, rfc8949EncodeOptions } from "cborg";

import { CoveyError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** What travels in heads and hellos. */
export type Cbor = null | boolean | number | string | Uint8Array | readonly Cbor[] | { readonly [key: string]: Cbor | undefined };

/** Keys whose value is undefined are left out. */
export function encodeCbor(value: Cbor): Buffer {
  const bytes = encode(value, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true });
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Throws `protocol`, naming `what`, for anything but the one canonical encoding of one value. */
export function decodeCbor(bytes: Uint8Array, what: string): unknown {
  try {
    checkShape(bytes);
    const value: unknown = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      rejectDuplicateMapKeys: true,
    });
    if (!encodeCbor(value as Cbor).equals(bytes)) throw new Error("not canonical");
    return value;
  } catch (error) {
    throw new CoveyError("protocol", `${what} is not canonical CBOR`, { cause: error });
  }
}

/** Walks the items without building them: their nesting and their number are bounded before anything is allocated for them. */
function checkShape(bytes: Uint8Array): void {
  const open: number[] = [];
  let at = 0;
  for (let items = 1; at < bytes.length; items++) {
    if (items > LIMITS.cborItems) throw new Error("too many items");
    const initial = bytes[at++]!;
    const major = initial >> 5;
    const info = initial & 31;
    if (info > 27) throw new Error("indefinite or reserved length");
    const width = info < 24 ? 0 : 1 << (info - 24);
    let argument = info;
    if (width > 0) {
      argument = 0;
      for (let i = 0; i < width; i++) argument = argument * 256 + (bytes[at + i] ?? 0);
      at += width;
    }
    if (major === 2 || major === 3) at += argument;
    if (major === 4 || major === 5) {
      open.push(major === 5 ? argument * 2 : argument);
      if (open.length > LIMITS.cborDepth) throw new Error("nested too deep");
    } else if (major !== 6 && open.length > 0) {
      open[open.length - 1]!--;
    }
    while (open.length > 0 && open[open.length - 1]! <= 0) {
      open.pop();
      if (open.length > 0) open[open.length - 1]!--;
    }
  }
}
