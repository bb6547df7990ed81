// What the file system refuses for one thing is a note on it, and the rest goes on; what it would refuse for all is thrown.

import { fromPlatform } from "../../core/errors.ts";
import type { TreeNoteCode } from "./contract.ts";

export interface Note {
  readonly type: "note";
  readonly path: string;
  readonly code: TreeNoteCode;
}

export const note = (path: string, code: TreeNoteCode): Note => ({ type: "note", path, code });

const CODES: ReadonlyMap<string | undefined, TreeNoteCode> = new Map([
  ["ENOENT", "vanished"],
  // Another kind of thing by now than it was.
  ["ELOOP", "changed"],
  ["ENOTDIR", "changed"],
  ["EISDIR", "changed"],
  ["EINVAL", "changed"],
  ["ENXIO", "special"],
  ["ENODEV", "special"],
  ["ENAMETOOLONG", "too-deep"],
  ["EACCES", "unreadable"],
  ["EPERM", "unreadable"],
  ["EIO", "unreadable"],
  ["ESTALE", "unreadable"],
  ["EBUSY", "unreadable"],
  ["ETIMEDOUT", "unreadable"],
]);

export function attempt<T>(path: string, work: () => T): T | Note {
  try {
    return work();
  } catch (error) {
    const code = CODES.get((error as NodeJS.ErrnoException).code);
    if (code === undefined) throw fromPlatform(error, "read the files");
    return note(path, code);
  }
}
