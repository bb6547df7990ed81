// Paths: 1 to 64 components, ordered bytewise by component. In memory and in the database a path is its sort key (each component
// followed by a NUL); in signed bytes it is length-prefixed: u8 count, then u8 length and bytes of each.

import type { ByteReader } from "../core/bytes.ts";
import { CoveyError, type ErrorCode } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import type { Path } from "./contract.ts";

/** The first component names the service. */
const SERVICE = /^[a-z][a-z0-9-]{0,31}$/;
/** The service whose components are names on disks: any bytes but NUL. */
const RAW_SERVICE = "file";

/** A sort key in which nothing is left to check, as most are: a service and up to 15 short components of printable ASCII. */
const PLAIN = /^[a-z][a-z0-9-]{0,31}\0(?:[ -~]{1,255}\0){0,15}$/;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Without components: the prefix of everything. Throws `bad-argument` for what is no path, `limit` for one that is too long. */
export function pathOf(...components: readonly (string | Uint8Array)[]): Path {
  const bytes = components.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
  if (components.some((part) => typeof part === "string" && !part.isWellFormed()))
    throw bad("bad-argument", "has half a character");
  check(bytes, { invalid: "bad-argument", tooLong: "limit" });
  return joined(bytes);
}

/** Throws `bad-argument` when one of them is not text, which happens under `file` only. */
export const componentsOf = (path: Path): readonly string[] => rawComponentsOf(path).map((part) => textOf(part, "bad-argument"));

/** For maps: paths are the same when these texts are. */
export const pathKey = (path: Path): string => Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString("latin1");

/** The components' bytes, as views. */
export function rawComponentsOf(path: Path): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0, end: number; (end = path.indexOf(0, start)) >= 0; start = end + 1) parts.push(path.subarray(start, end));
  return parts;
}

/** For people's eyes: components joined by slashes, nothing in it invisible. */
export const pathText = (path: Path): string =>
  printable(
    rawComponentsOf(path)
      .map((part) => Buffer.from(part).toString())
      .join("/"),
  );

/** Whether these bytes are the sort key of a whole path: what code without types may have handed over. Throws `bad-argument`. */
export function checkPath(path: Path): void {
  if (path.length === 0 || path[path.length - 1] !== 0) throw bad("bad-argument", "is empty or ends within a component");
  if (!PLAIN.test(pathKey(path))) check(rawComponentsOf(path), { invalid: "bad-argument", tooLong: "limit" });
}

/** The first bytes behind everything that begins with the prefix; undefined for the empty prefix, which has no end. */
export function endOfPrefix(prefix: Path): Uint8Array | undefined {
  if (prefix.length === 0) return undefined;
  const end = Uint8Array.from(prefix);
  end[end.length - 1] = 1;
  return end;
}

/** The path as it is signed. */
export function encodePath(path: Path): Buffer {
  const bytes = Buffer.allocUnsafe(path.length + 1);
  let count = 0;
  let start = 0;
  for (let end: number; (end = path.indexOf(0, start)) >= 0; start = end + 1) {
    bytes[start + 1] = end - start;
    bytes.set(path.subarray(start, end), start + 2);
    count++;
  }
  bytes[0] = count;
  return bytes;
}

/** Reads a signed path. Throws `protocol` for everything that `pathOf` would not make. */
export function readPath(reader: ByteReader): Path {
  const count = reader.u8();
  if (count === 0 || count > LIMITS.pathComponents) throw bad("protocol", `has ${count} components`);
  const parts: Buffer[] = [];
  for (let i = 0; i < count; i++) parts.push(reader.take(reader.u8()));
  check(parts, { invalid: "protocol", tooLong: "protocol" });
  return joined(parts);
}

function joined(parts: readonly Uint8Array[]): Path {
  // Not from the shared pool: paths cross to another thread, and the whole pool would go with each.
  const path = new Uint8Array(parts.reduce((length, part) => length + part.length + 1, 0));
  let at = 0;
  for (const part of parts) {
    path.set(part, at);
    at += part.length + 1;
  }
  return path as Path;
}

function check(parts: readonly Uint8Array[], codes: { invalid: ErrorCode; tooLong: ErrorCode }): void {
  if (parts.length === 0) return;
  if (parts.length > LIMITS.pathComponents) throw bad(codes.tooLong, `has more than ${LIMITS.pathComponents} components`);
  let total = 0;
  for (const part of parts) {
    if (part.length === 0) throw bad(codes.invalid, "has an empty component");
    if (part.length > LIMITS.pathComponentBytes)
      throw bad(codes.tooLong, `has a component over ${LIMITS.pathComponentBytes} bytes`);
    if (part.includes(0)) throw bad(codes.invalid, "has a NUL in a component");
    total += part.length;
  }
  if (total > LIMITS.pathBytes) throw bad(codes.tooLong, `is longer than ${LIMITS.pathBytes} bytes`);
  const service = textOf(parts[0]!, codes.invalid);
  if (!SERVICE.test(service)) throw bad(codes.invalid, "does not begin with the name of a service");
  if (service === RAW_SERVICE) return;
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i]!;
    if (!isAscii(part) && !isNormal(textOf(part, codes.invalid))) {
      throw bad(codes.invalid, "is not in Unicode's composed form (NFC)");
    }
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 127) return false;
  return true;
}

const isNormal = (text: string): boolean => text.normalize("NFC") === text;

function textOf(bytes: Uint8Array, code: ErrorCode): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new CoveyError(code, "the path is not UTF-8", { cause });
  }
}

const bad = (code: ErrorCode, problem: string): CoveyError => new CoveyError(code, `the path ${problem}`);
