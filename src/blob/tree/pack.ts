// A pack: names, links, notes and small files of a tree, as bytes. Pure. One record after the other, numbers big-endian:
//
//   file        1, u16 length, path; u64 size; i64 mtime in ms; u8 flags: 1 executable, 2 with content;
//               with content: its BLAKE3, 32 bytes, and `size` bytes
//   directory   2, u16 length, path; i64 mtime in ms
//   link        3, u16 length, path; u16 length, target
//   note        4, u16 length, path; u8 length, code
//
// Over all packs of a walk, paths ascend strictly in canonical order (paths.ts): whoever takes them in keeps the last one only.

import { ByteReader } from "../../core/bytes.ts";
import { hash } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TreeNoteCode } from "./contract.ts";
import { checkTreePath } from "./paths.ts";

const FILE = 1;
const DIRECTORY = 2;
const LINK = 3;
const NOTE = 4;
const EXECUTABLE = 1;
const WITH_CONTENT = 2;
const HASH_BYTES = 32;

/** The years 1900 to 9999. */
const MIN_TIME_MS = -2_208_988_800_000;
const MAX_TIME_MS = 253_402_300_799_000;

/** What a sender has to note; the other codes are the receiver's. */
const SENT_NOTES: ReadonlySet<string> = new Set<TreeNoteCode>([
  "link-outside",
  "special",
  "not-utf8",
  "too-deep",
  "too-many",
  "unreadable",
  "changed",
  "vanished",
  "private",
]);

interface FileFacts {
  readonly mtimeMs: number;
  readonly executable: boolean;
}

/** `hash` is what the sender says of `bytes`: verify it. */
export type TreeRecord =
  | (FileFacts & {
      readonly type: "file";
      readonly path: string;
      readonly size: number;
      readonly content: { readonly hash: Buffer; readonly bytes: Buffer } | undefined;
    })
  | { readonly type: "directory"; readonly path: string; readonly mtimeMs: number }
  | { readonly type: "link"; readonly path: string; readonly target: string }
  | { readonly type: "note"; readonly path: string; readonly code: TreeNoteCode };

/** Times are brought within what a record may say. */
const boundedTime = (ms: number): number => Math.min(Math.max(Math.floor(ms), MIN_TIME_MS), MAX_TIME_MS);

/**
 * The records of a pack, buffers in them as views of it. Throws `protocol` for whatever is not as above; neither the order nor hashes
 * nor where links lead are looked at.
 */
export function* readPack(pack: Buffer): Generator<TreeRecord> {
  const reader = new ByteReader(pack, "a pack");
  while (reader.left > 0) {
    const type = reader.u8();
    const path = readText(reader, reader.u16());
    checkTreePath(path);
    if (type === FILE) yield readFile(reader, path);
    else if (type === DIRECTORY) yield { type: "directory", path, mtimeMs: readTime(reader) };
    else if (type === LINK) yield { type: "link", path, target: readTarget(reader) };
    else if (type === NOTE) yield { type: "note", path, code: readCode(reader) };
    else throw reader.error("has a record of an unknown type");
  }
}

function readFile(reader: ByteReader, path: string): TreeRecord {
  const size = reader.u53();
  if (size > LIMITS.blobBytes) throw reader.error("has a file that is too large");
  const mtimeMs = readTime(reader);
  const flags = reader.u8();
  if ((flags & ~(EXECUTABLE | WITH_CONTENT)) !== 0) throw reader.error("has a file with unknown flags");
  const executable = (flags & EXECUTABLE) !== 0;
  if ((flags & WITH_CONTENT) === 0) return { type: "file", path, size, mtimeMs, executable, content: undefined };
  if (size > LIMITS.smallFileBytes) throw reader.error("has the content of a large file");
  return { type: "file", path, size, mtimeMs, executable, content: { hash: reader.take(HASH_BYTES), bytes: reader.take(size) } };
}

function readTime(reader: ByteReader): number {
  const ms = Number(reader.take(8).readBigInt64BE());
  if (ms < MIN_TIME_MS || ms > MAX_TIME_MS) throw reader.error("has a time that can't be");
  return ms;
}

function readTarget(reader: ByteReader): string {
  const length = reader.u16();
  if (length === 0 || length > LIMITS.treePathBytes) throw reader.error("has a link whose target can't be");
  const target = readText(reader, length);
  if (target.includes("\0")) throw reader.error("has a link whose target can't be");
  return target;
}

function readCode(reader: ByteReader): TreeNoteCode {
  const code = reader.take(reader.u8()).toString("latin1");
  if (!SENT_NOTES.has(code)) throw reader.error("has an unknown note");
  return code as TreeNoteCode;
}

function readText(reader: ByteReader, length: number): string {
  const bytes = reader.take(length);
  const text = bytes.toString();
  // What is not UTF-8 reads as U+FFFD, which is three bytes again, but never the same three.
  if (text.includes("\ufffd") && !Buffer.from(text).equals(bytes)) throw reader.error("has a text that is not UTF-8");
  return text;
}

/** Of a file with content, what comes before that: type, length, path, size, time, flags, hash. */
const headBytes = (path: Buffer): number => 1 + 2 + path.length + 8 + 8 + 1 + HASH_BYTES;

/** For most packs: what is allocated, used or not, brings on the garbage collector. */
const ENOUGH_BYTES = LIMITS.treePackBytes + 64 * 1024;

/** Builds one pack. Paths and targets are valid ones. */
export class PackBuilder {
  /** Memory of its own, so that it can be handed to another thread. */
  #pack = Buffer.allocUnsafeSlow(ENOUGH_BYTES);
  #length = 0;
  #reserved: { readonly path: Buffer; readonly content: Buffer } | undefined;

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= LIMITS.treePackBytes;
  }

  directory(path: string, mtimeMs: number): void {
    this.#head(DIRECTORY, Buffer.from(path));
    this.#time(mtimeMs);
  }

  link(path: string, target: string): void {
    this.#head(LINK, Buffer.from(path));
    const bytes = Buffer.from(target);
    this.#length = this.#pack.writeUInt16BE(bytes.length, this.#length);
    this.#bytes(bytes);
  }

  note(path: string, code: TreeNoteCode): void {
    this.#head(NOTE, Buffer.from(path));
    this.#length = this.#pack.writeUInt8(code.length, this.#length);
    this.#bytes(Buffer.from(code, "latin1"));
  }

  /** A file without its content. */
  file(path: string, size: number, facts: FileFacts): void {
    this.#file(Buffer.from(path), size, facts, 0);
  }

  /** Where the content of a small file is to be written. `keep`, as the next call, makes a record of it; any other drops it. */
  reserve(path: string, size: number): Buffer {
    const bytes = Buffer.from(path);
    const start = this.#length + headBytes(bytes);
    if (start + size > this.#pack.length) this.#enlarge();
    const content = this.#pack.subarray(start, start + size);
    if (content.length !== size) throw new RangeError("this file is too large for a pack");
    this.#reserved = { path: bytes, content };
    return content;
  }

  keep(facts: FileFacts): void {
    const { path, content } = this.#reserved!;
    this.#reserved = undefined;
    this.#file(path, content.length, facts, WITH_CONTENT);
    this.#bytes(hash(content));
    this.#length += content.length;
  }

  /** Gives the pack away. */
  finish(): Buffer {
    return this.#pack.subarray(0, this.#length);
  }

  #enlarge(): void {
    const larger = Buffer.allocUnsafeSlow(LIMITS.treePackMaxBytes);
    this.#pack.copy(larger, 0, 0, this.#length);
    this.#pack = larger;
  }

  #file(path: Buffer, size: number, { mtimeMs, executable }: FileFacts, flags: number): void {
    this.#head(FILE, path);
    this.#length = this.#pack.writeBigUInt64BE(BigInt(size), this.#length);
    this.#time(mtimeMs);
    this.#length = this.#pack.writeUInt8(flags | (executable ? EXECUTABLE : 0), this.#length);
  }

  #head(type: number, path: Buffer): void {
    this.#length = this.#pack.writeUInt8(type, this.#length);
    this.#length = this.#pack.writeUInt16BE(path.length, this.#length);
    this.#bytes(path);
  }

  #time(mtimeMs: number): void {
    this.#length = this.#pack.writeBigInt64BE(BigInt(boundedTime(mtimeMs)), this.#length);
  }

  #bytes(bytes: Buffer): void {
    this.#length += bytes.copy(this.#pack, this.#length);
  }
}
