// Packs become files, in the order of the tree:
//
//   1. the order: every path is behind the one before, in the directory that is open
//   2. directories that are left get their times and are flushed; new ones are opened
//   3. files: the hash first, then a name that is not there yet, the bytes, the time; large ones stay empty
//   4. what this system can't hold is a note, and with a directory all that is in it

import { closeSync, constants, ftruncateSync, mkdirSync, openSync, symlinkSync, unlinkSync, writeSync } from "node:fs";

import { CoveyError } from "../../../core/errors.ts";
import { hash } from "../../../core/hash.ts";
import type { LargeFile, TreeNote, TreeNoteCode, Written } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { readPack, type TreeRecord } from "../pack.ts";
import { comparePaths, linkStaysInside, parentOf } from "../paths.ts";
import { platformCode, writeFailure } from "./failure.ts";
import type { Flusher } from "./flusher.ts";
import type { Pace } from "./pace.ts";
import { setTime } from "./times.ts";

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A directory that more may come into. */
export interface Level {
  /** "" is where the roots are. */
  readonly path: string;
  readonly directory: Directory;
  readonly mtimeMs: number;
}

/** Between two packs. */
export interface Position {
  /** From where the roots are down to the innermost directory. */
  readonly levels: Level[];
  readonly after: string;
  readonly skipped: Skipped | undefined;
}

/** What is no directory here: what is in it does not come. */
export interface Skipped {
  readonly path: string;
  /** Else it was something else when it came, and what is in it by now is the first that is heard of it. */
  readonly isNoted: boolean;
}

type FileRecord = TreeRecord & { type: "file" };

export class PackWriter {
  readonly #levels: Level[];
  readonly #flusher: Flusher;
  #after: string;
  #skipped: Skipped | undefined;

  constructor({ levels, after, skipped }: Position, flusher: Flusher) {
    this.#levels = levels;
    this.#after = after;
    this.#skipped = skipped;
    this.#flusher = flusher;
  }

  /** From the outermost to the innermost; the first is where the roots are. */
  get levels(): readonly Level[] {
    return this.#levels;
  }

  /** Rejects as `Staging.write` does. */
  async write(pack: Buffer, pace: Pace): Promise<Written> {
    let files = 0;
    let bytes = 0;
    let others = 0;
    const large: LargeFile[] = [];
    const notes: TreeNote[] = [];
    for (const record of readPack(pack)) {
      await pace.step();
      if (this.#flusher.isFull) await this.#flusher.room();
      const directory = this.#enter(record.path);
      if (directory === undefined) {
        notes.push(...this.#noteSkipped());
        continue;
      }
      const note = this.#take(record, directory);
      if (note !== undefined) notes.push({ path: record.path, code: note });
      else if (record.type !== "file") others++;
      else if (record.content === undefined) large.push(largeOf(record));
      else {
        files++;
        bytes += record.size;
      }
    }
    this.#flusher.check();
    return { after: this.#after, files, bytes, others, large, notes };
  }

  /** Leaves all directories; whoever was in the middle of it closes without. */
  finish(): void {
    while (this.#levels.length > 1) this.#leave();
  }

  /** Where the roots are stays open. */
  close(): void {
    closeInner(this.#levels);
  }

  /** The directory for this path, all others left; undefined for what is in what is none. */
  #enter(path: string): Directory | undefined {
    if (this.#after !== "" && comparePaths(this.#after, path) >= 0) throw refused(`"${path}" is out of order`);
    this.#after = path;
    if (this.#skipped !== undefined) {
      if (path.startsWith(`${this.#skipped.path}/`)) return undefined;
      this.#skipped = undefined;
    }
    let level = this.#levels.at(-1)!;
    while (level.path !== "" && !path.startsWith(`${level.path}/`)) {
      this.#leave();
      level = this.#levels.at(-1)!;
    }
    if (parentOf(path) !== level.path) throw refused(`"${path}" came without its directory`);
    return level.directory;
  }

  #noteSkipped(): TreeNote[] {
    const { path, isNoted } = this.#skipped!;
    this.#skipped = { path, isNoted: true };
    return isNoted ? [] : [{ path, code: "changed" }];
  }

  #leave(): void {
    const { directory, mtimeMs } = this.#levels.pop()!;
    try {
      setTime(directory.fd, mtimeMs);
    } catch (error) {
      directory.close();
      throw writeFailure(error, "set the time of a directory");
    }
    this.#flusher.add(directory.fd);
  }

  /** What is to be noted instead of it. */
  #take(record: TreeRecord, directory: Directory): TreeNoteCode | undefined {
    if (record.type === "note") return record.code;
    if (record.type === "link" && !linkStaysInside(record.path, record.target)) return "link-outside";
    const { content } = record.type === "file" ? record : { content: undefined };
    if (content !== undefined && !hash(content.bytes).equals(content.hash))
      throw new CoveyError("integrity", `the bytes of "${record.path}" are not those that its hash names`);
    try {
      return this.#make(record, directory);
    } catch (error) {
      throw writeFailure(error, `write "${record.path}"`);
    }
  }

  #make(record: Exclude<TreeRecord, { type: "note" }>, directory: Directory): TreeNoteCode | undefined {
    const name = record.path.slice(record.path.lastIndexOf("/") + 1);
    const at = directory.at(name);
    if (record.type === "link") return notedWhenImpossible(() => symlinkSync(record.target, at));
    if (record.type === "file") return this.#makeFile(record, at);
    const note = notedWhenImpossible(() => mkdirSync(at, 0o777));
    if (note === undefined) this.#levels.push({ path: record.path, directory: directory.list(name), mtimeMs: record.mtimeMs });
    else this.#skipped = { path: record.path, isNoted: true };
    return note;
  }

  #makeFile(record: FileRecord, at: string): TreeNoteCode | undefined {
    let fd = -1;
    const note = notedWhenImpossible(() => (fd = newFile(at, record.executable)));
    if (note !== undefined) return note;
    try {
      if (record.content === undefined) ftruncateSync(fd, record.size);
      else {
        writeAll(fd, record.content.bytes);
        setTime(fd, record.mtimeMs);
      }
    } catch (error) {
      closeSync(fd);
      if (platformCode(error) !== "EFBIG") throw error;
      unlinkSync(at);
      return "too-large";
    }
    this.#flusher.add(fd);
    return undefined;
  }
}

export function closeInner(levels: readonly Level[]): void {
  for (const { directory } of levels.slice(1)) directory.close();
}

/** A handle for writing; nothing may be there. The system takes the umask off. */
export const newFile = (at: string, executable: boolean): number => openSync(at, NEW_FILE, executable ? 0o777 : 0o666);

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

const largeOf = ({ path, size, mtimeMs, executable }: FileRecord): LargeFile => ({ path, size, mtimeMs, executable });

/** Makes something new, or says why this system can't hold it. */
export function notedWhenImpossible(make: () => void): TreeNoteCode | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    const code = platformCode(error);
    // Names that differ are one where the file system does not tell upper from lower case, or compositions.
    if (code === "EEXIST") return "name-taken";
    // The last three: no links there at all.
    if (["ENAMETOOLONG", "EILSEQ", "EINVAL", "EPERM", "ENOTSUP", "ENOSYS"].includes(code)) return "name-impossible";
    throw error;
  }
}

const refused = (problem: string): CoveyError => new CoveyError("protocol", `a tree's ${problem}`);
