// The bytes of an entry. Everything is fixed layout, big-endian, in one canonical spelling:
//
//   1  version, 1                       then the version vector:
//   32 space                              2  count
//   32 author's key                       8  first bytes of an author's key  \
//   8  author's incarnation               8  incarnation                     | strictly ascending
//   1  kind                               8  clock, lower than the entry's   /
//   *  path (path.ts)                   1  length of the grant's id: 0 or 32
//   6  clock: ms since 1970             *  the grant's id
//   2  clock: counter                   8  size of the value or blob
//                                       32 BLAKE3 of the value, or the blob's id
//
// id = BLAKE3 of "covey/entry/1", NUL, these bytes; the signature is over "covey/entry/1", NUL, these bytes.

import { ByteReader, toHex } from "../core/bytes.ts";
import { CoveyError } from "../core/errors.ts";
import { hash } from "../core/hash.ts";
import type { EntryId, Incarnation, PeerId, SpaceId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { keyOfPeerId, peerIdOf } from "../identity/peer-id.ts";
import type { Path } from "./contract.ts";
import { counterOf, type Hlc, msOf } from "./hlc.ts";
import { encodePath, readPath } from "./path.ts";

const ENTRY_VERSION = 1;
const CONTEXT = Buffer.from("covey/entry/1\0");
const NO_HASH = Buffer.alloc(32);

/** With the highest bit, no value travels with the entry. Unknown kinds are stored and forwarded like known ones, but not shown. */
export const KIND = { value: 1, removed: 128, blob: 129 } as const;
const WITHOUT_VALUE = 128;

/** An author's incarnation as 32 hex digits: 8 bytes of its key, then the incarnation. */
export type DotOwner = string;
/** Which dots the writer had seen at this path: up to the clock, of each owner. */
export type VersionVector = ReadonlyMap<DotOwner, Hlc>;

export interface Entry {
  readonly space: SpaceId;
  readonly author: PeerId;
  readonly incarnation: Incarnation;
  readonly kind: number;
  readonly path: Path;
  readonly clock: Hlc;
  readonly vector: VersionVector;
  /** 32 bytes, or undefined where none is needed. */
  readonly grant: Uint8Array | undefined;
  readonly size: number;
  /** 32 bytes: BLAKE3 of the value, or the blob's id; zeros in a removal. */
  readonly content: Uint8Array;
}

/** All but the path, the vector and the grant. */
const FIXED_BYTES = 1 + 32 + 32 + 8 + 1 + 8 + 2 + 1 + 8 + 32;
const DOT_BYTES = 24;
const MAX_PATH_BYTES = 1 + LIMITS.pathComponents + LIMITS.pathBytes;
const NO_GRANT = new Uint8Array();

/** No entry is longer, so that longer input is refused before it is looked at. */
export const MAX_SIGNED_BYTES = FIXED_BYTES + MAX_PATH_BYTES + DOT_BYTES * LIMITS.versionVectorEntries + 32;

const MAX_KNOWN_KEYS = 4096;
const knownKeys = new Map<PeerId, Buffer>();

/** The 32 bytes of an author's key; the same few are asked for with every entry. */
export function keyOf(author: PeerId): Buffer {
  let key = knownKeys.get(author);
  if (key === undefined) {
    if (knownKeys.size >= MAX_KNOWN_KEYS) knownKeys.clear();
    knownKeys.set(author, (key = keyOfPeerId(author)));
  }
  return key;
}

/** What the signature covers. */
export const signedMessage = (signed: Uint8Array): Buffer => Buffer.concat([CONTEXT, signed]);

/** `message` as signedMessage made it. */
export const entryIdOf = (message: Uint8Array): EntryId => toHex(hash(message)) as EntryId;

export const dotOwner = (author: PeerId, incarnation: Incarnation): DotOwner => toHex(keyOf(author).subarray(0, 8)) + incarnation;

export const carriesValue = (kind: number): boolean => kind < WITHOUT_VALUE;

/** Size and content of an entry with this value, or of a removal. */
export const contentOf = (value: Uint8Array | undefined): Pick<Entry, "kind" | "size" | "content"> =>
  value === undefined
    ? { kind: KIND.removed, size: 0, content: NO_HASH }
    : { kind: KIND.value, size: value.length, content: hash(value) };

export function encodeEntry(entry: Entry): Buffer {
  const path = encodePath(entry.path);
  const owners = [...entry.vector.keys()].sort();
  const grant = entry.grant ?? NO_GRANT;
  // In one piece: this runs for every entry that is written.
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + path.length + owners.length * DOT_BYTES + grant.length);
  let at = bytes.writeUInt8(ENTRY_VERSION);
  at += bytes.write(entry.space, at, "hex");
  at += keyOf(entry.author).copy(bytes, at);
  at += bytes.write(entry.incarnation, at, "hex");
  at = bytes.writeUInt8(entry.kind, at);
  at += path.copy(bytes, at);
  at = bytes.writeBigUInt64BE(entry.clock, at);
  at = bytes.writeUInt16BE(owners.length, at);
  for (const owner of owners) {
    at += bytes.write(owner, at, "hex");
    at = bytes.writeBigUInt64BE(entry.vector.get(owner)!, at);
  }
  at = bytes.writeUInt8(grant.length, at);
  bytes.set(grant, at);
  at = bytes.writeBigUInt64BE(BigInt(entry.size), at + grant.length);
  bytes.set(entry.content, at);
  return bytes;
}

/** Whether the bytes are of a version that this program does not know: to be kept until one does. */
export const isUnknownVersion = (signed: Uint8Array): boolean => signed[0] !== ENTRY_VERSION && signed.length > 0;

/** Throws `protocol` for everything that encodeEntry would not make of a valid entry. */
export function decodeEntry(signed: Uint8Array): Entry {
  if (signed.length > MAX_SIGNED_BYTES) throw new CoveyError("protocol", "the entry is too long");
  const reader = new ByteReader(signed, "the entry");
  if (reader.u8() !== ENTRY_VERSION) throw reader.error("is of an unknown version");
  const space = toHex(reader.take(32)) as SpaceId;
  const author = readAuthor(reader);
  const incarnation = toHex(reader.take(8)) as Incarnation;
  const kind = reader.u8();
  if (kind === 0) throw reader.error("has kind 0");
  const path = readPath(reader);
  const clock = reader.take(8).readBigUInt64BE();
  const vector = readVector(reader, clock);
  const grantBytes = reader.u8();
  if (grantBytes !== 0 && grantBytes !== 32) throw reader.error("has a grant of the wrong length");
  const grant = grantBytes === 0 ? undefined : reader.take(32);
  const size = reader.u53();
  const content = reader.take(32);
  reader.end();
  if (kind === KIND.removed && (size !== 0 || !content.equals(NO_HASH))) throw reader.error("removes a path and has content");
  if (carriesValue(kind) && size > LIMITS.inlineValueBytes) throw reader.error("has too large a value");
  return { space, author, incarnation, kind, path, clock, vector, grant, size, content };
}

function readAuthor(reader: ByteReader): PeerId {
  const key = reader.take(32);
  try {
    return peerIdOf(key);
  } catch {
    throw reader.error("has an author's key that is not valid");
  }
}

function readVector(reader: ByteReader, own: Hlc): VersionVector {
  const count = reader.u16();
  if (count > LIMITS.versionVectorEntries) throw reader.error("has too long a version vector");
  const vector = new Map<DotOwner, Hlc>();
  let previous = "";
  for (let i = 0; i < count; i++) {
    const owner = toHex(reader.take(16));
    if (owner <= previous) throw reader.error("has a version vector out of order");
    const clock = reader.take(8).readBigUInt64BE();
    // So that no entry dominates itself or a twin, and the winner never has a lower clock than what it replaced.
    if (clock >= own) throw reader.error("has seen a clock that is not before its own");
    vector.set(owner, clock);
    previous = owner;
  }
  return vector;
}

/** JSON-plain times of an entry. */
export const timeOf = (entry: Entry): { clockMs: number; counter: number } => ({
  clockMs: msOf(entry.clock),
  counter: counterOf(entry.clock),
});
