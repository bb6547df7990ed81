// The names in one directory, sorted.
//
// File systems know bytes; records know UTF-8. What can't be said as it is stands in the list under another name, which is only shown,
// and has its place in the order like any other.

import type { Dirent } from "node:fs";

import { LIMITS } from "../../core/limits.ts";
import type { TreeNoteCode } from "./contract.ts";
import type { Directory } from "./directory.ts";

/** `unknown`: the file system does not say in its list. */
export type Kind = "file" | "directory" | "link" | "special" | "unknown";

export interface Listed {
  readonly name: string;
  /** A note: the thing can't be named in a record. */
  readonly is: Kind | TreeNoteCode;
}

/** Digits: two entries of one name are sorted by them, and then the one that can be read comes first. */
const MARKS = ["file", "directory", "link", "special", "unknown", "not-utf8", "too-deep", "too-many"] as const;
type Mark = (typeof MARKS)[number];

/** One string for a name and its mark takes a third of the memory of an object with both; NUL sorts before whatever is in a name. */
export type SortedNames = readonly string[];

// What is on its way in; what is noted of it, which may name an address with its token; and that note while it is written.
const OWN_PART = /^\.\.?covey-.*\.(?:part|json|tmp)$/s;

/** Hidden files and directories of covey itself: nobody else sees them. */
export const isOwnPart = (name: string): boolean => OWN_PART.test(name);

/** `room`: bytes that a name may have here, so that its path is not too long. */
export function listNames(directory: Directory, room: number): SortedNames {
  const names: string[] = [];
  const entries = directory.entries();
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      if (isOwnPart(entry.name)) continue;
      const isLast = names.length === LIMITS.treeDirectoryNames;
      names.push(keyOf(entry.name, isLast ? "too-many" : kindOf(entry), room));
      if (isLast) break;
    }
  } finally {
    entries.closeSync();
  }
  return names.sort();
}

/** One of a name only. */
export function* readNames(names: SortedNames): Generator<Listed> {
  let last: string | undefined;
  for (const key of names) {
    const bytes = key.slice(0, -2);
    if (bytes === last) continue;
    last = bytes;
    yield { name: Buffer.from(bytes, "latin1").toString(), is: MARKS[Number(key.at(-1))]! };
  }
}

function keyOf(bytes: string, mark: Mark, room: number): string {
  if (!isUtf8(bytes)) return keyOf(escaped(bytes), "not-utf8", room);
  if (bytes.length <= room) return `${bytes}\0${MARKS.indexOf(mark)}`;
  const shown = cut(bytes, room);
  return `${shown}\0${MARKS.indexOf(mark === "not-utf8" ? mark : "too-deep")}`;
}

const isUtf8 = (bytes: string): boolean =>
  /^[\0-\x7f]*$/.test(bytes) || Buffer.from(Buffer.from(bytes, "latin1").toString()).toString("latin1") === bytes;

/** Every byte beyond ASCII as "\xff", and within what a name may have. */
const escaped = (bytes: string): string =>
  cut(
    bytes.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`),
    255,
  );

/** At most so many bytes of UTF-8 (as latin1), whole characters, and a name still. */
function cut(bytes: string, length: number): string {
  let end = Math.min(bytes.length, length);
  while (end < bytes.length && (bytes.charCodeAt(end) & 0xc0) === 0x80) end--;
  const kept = bytes.slice(0, end);
  return kept === "" || kept === "." || kept === ".." ? "_" : kept;
}

function kindOf(entry: Dirent): Kind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "directory";
  if (entry.isSymbolicLink()) return "link";
  return entry.isFIFO() || entry.isSocket() || entry.isCharacterDevice() || entry.isBlockDevice() ? "special" : "unknown";
}
