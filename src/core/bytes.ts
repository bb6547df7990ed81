// Bytes to and from text, comparison, and a reader that checks every length before it is used.

import { timingSafeEqual } from "node:crypto";

import { CoveyError } from "./errors.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const VALUE_OF = new Map([...ALPHABET].map((letter, value) => [letter, value]));

/** RFC 4648 base32, lower case, no padding. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >>> (bits - 5)) & 31];
    held &= 0xff;
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/** The bytes of a base32 text in either case; undefined when it is not canonical base32. */
export function fromBase32(text: string): Buffer | undefined {
  const lower = text.toLowerCase();
  const bytes = Buffer.alloc(Math.floor((lower.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of lower) {
    const value = VALUE_OF.get(letter);
    if (value === undefined) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >>> bits) & 0xff;
    }
  }
  return toBase32(bytes) === lower ? bytes : undefined;
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

/** The bytes of an even number of lower-case hex digits; undefined otherwise. */
export const fromHex = (text: string): Buffer | undefined =>
  /^(?:[0-9a-f]{2})*$/.test(text) ? Buffer.from(text, "hex") : undefined;

/** Equality in a time that depends on the lengths only. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => a.byteLength === b.byteLength && timingSafeEqual(a, b);

/** Reads fixed binary layouts; every overrun is a `protocol` error that names what was read. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next `count` bytes, as a view of the input. */
  take(count: number): Buffer {
    if (count > this.left) throw this.error(`ends ${count - this.left} bytes early`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  u8 = (): number => this.take(1).readUInt8();
  u16 = (): number => this.take(2).readUInt16BE();
  u32 = (): number => this.take(4).readUInt32BE();

  /** An unsigned 64-bit number that fits a safe integer. */
  u53(): number {
    const value = this.take(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.error("has a number beyond 2^53");
    return Number(value);
  }

  /** Fails unless everything was read. */
  end(): void {
    if (this.left > 0) throw this.error(`has ${this.left} bytes too many`);
  }

  error(problem: string): CoveyError {
    return new CoveyError("protocol", `${this.#what} ${problem}`);
  }
}

export function u16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
