// Directories and many small files: what a tree is, how it is read, and how it is written. All file system work is done in a thread
// (tree-thread.ts); only large files are read and written by their blocks, as single files are.
//
// A tree is a list of roots, files or directories, each under a name. A path is the names from a root down, joined by "/": a name is 1 to
// 255 bytes of UTF-8 without "/" and NUL, and neither "." nor "..". Canonical order is bytewise by component: "a", "a/b", "a.b".
// No link is ever followed: what lies behind one is not part of the tree.

import type { FileHandle } from "node:fs/promises";

/** What is sent: `path` is absolute and resolved. No two of one tree have the same name. */
export interface TreeRoot {
  readonly name: string;
  readonly path: string;
}

/** Why something of a tree did not come along as it was; docs/files.md has a row for each. */
export type TreeNoteCode =
  /** The sender's: a link that leads out of the tree, a socket, device or pipe, a name that is not UTF-8, a path too long or too deep. */
  | "link-outside"
  | "special"
  | "not-utf8"
  | "too-deep"
  /** The sender's: this name and others were more than LIMITS.treeDirectoryNames of one directory. */
  | "too-many"
  /** The sender's: no right to read it; it changed again and again while it was read; it went before it was read. */
  | "unreadable"
  | "changed"
  | "vanished"
  /** The sender's: the home of a covey peer, with its key. */
  | "private"
  /** The receiver's: its system can't hold the name, or not so much in one file; two names are one there. */
  | "name-impossible"
  | "too-large"
  | "name-taken"
  /** The receiver's, where directories become one: it was there already; that is another kind of thing; nothing can be put there. */
  | "exists"
  | "other-kind"
  | "unwritable"
  /** The receiver's, of a root: it has another name there. */
  | "renamed";

/** JSON-plain. */
export interface TreeNote {
  readonly path: string;
  readonly code: TreeNoteCode;
  /** With `renamed`: its name there. */
  readonly now?: string;
}

/** Notes are kept up to LIMITS.treeNotes; `count` counts them all. */
export interface TreeNotes {
  readonly count: number;
  readonly first: readonly TreeNote[];
}

export interface RootSummary {
  readonly name: string;
  readonly kind: "file" | "directory" | "link";
  readonly files: number;
  readonly bytes: number;
}

export interface TreeSummary {
  readonly files: number;
  readonly bytes: number;
  /** In canonical order, at most LIMITS.offerRoots of them. */
  readonly roots: readonly RootSummary[];
  readonly rootCount: number;
  readonly notes: TreeNotes;
}

export interface WalkOptions {
  /** Where to begin: "" for all the roots. The records' paths then begin with the last component of it. */
  readonly path: string;
  /** Continue behind this path, which is one as the records have it; what was there is not looked at again. */
  readonly after?: string;
  /** Whether small files (up to LIMITS.smallFileBytes) bring their bytes. */
  readonly content: boolean;
  /** Whether directories below the first level are entered. */
  readonly deep: boolean;
}

/** The reading side: one per process, its thread started when needed and ended when idle. */
export interface TreeReader {
  /** Counts what is there. Rejects with `not-found`, `bad-argument` (a root is neither file, directory nor link), `io`. */
  scan(roots: readonly TreeRoot[], options: { readonly signal: AbortSignal }): Promise<TreeSummary>;
  /**
   * Packs (pack.ts), in canonical order, read ahead by at most LIMITS.treePacksAhead. An empty pack is a sign of life. Rejects with
   * `not-found` when `path` is not there or is reached through a link. Leaving the loop ends it.
   */
  walk(roots: readonly TreeRoot[], options: WalkOptions & { readonly signal: AbortSignal }): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** A tree's file by its path, links never followed on the way or at its end. Rejects with `not-found`, `bad-argument`, `io`. */
export type OpenInTree = (roots: readonly TreeRoot[], path: string) => Promise<FileHandle>;

export type Conflict = "rename" | "skip" | "overwrite";

/** A file too large for a pack: it stands empty in the staging directory and waits for its blocks. JSON-plain. */
export interface LargeFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly executable: boolean;
}

/** A private directory (0700, `.covey-KEY.part`) beside where the tree will be. JSON-plain. */
export interface StagingId {
  readonly path: string;
  readonly device: string;
  readonly inode: string;
}

export interface Written {
  /** The path of the last record of all packs so far, "" before the first: everything up to it is written. */
  readonly after: string;
  /** Of this pack: files that are written with their content, and what is in them. */
  readonly files: number;
  readonly bytes: number;
  /** Directories and links. */
  readonly others: number;
  readonly large: readonly LargeFile[];
  readonly notes: readonly TreeNote[];
}

export interface Placed {
  /** Where the roots are now, at most LIMITS.offerRoots of them. */
  readonly paths: readonly string[];
  readonly notes: TreeNotes;
}

/** The writing side: one per process, in the same thread. */
export interface TreeWriter {
  /** Makes `path` new; what a crash left there under that name is removed first. Rejects with `io`, `no-space`. */
  create(path: string, options: { readonly signal: AbortSignal }): Promise<Staging>;
  /**
   * The staging directory of an earlier run, put back to where its last `sync` was: what came after `after` is removed, and the large
   * files that came before it and wait are there. undefined when it is not what it was.
   */
  reopen(
    id: StagingId,
    at: { readonly after: string | undefined; readonly large: readonly LargeFile[] },
    options: { readonly signal: AbortSignal },
  ): Promise<Staging | undefined>;
  /** Removes a staging directory that nobody has open, if it is still that one. Links in it are removed, never followed. */
  remove(id: StagingId): Promise<void>;
  close(): Promise<void>;
}

export interface Staging {
  readonly id: StagingId;
  /** Placing had begun when this was reopened: everything had come, and `place` is what is left to do. */
  readonly isPlacing: boolean;
  /**
   * Verifies and writes one pack of the other side. Rejects with `protocol` (order, a child without its directory, a name that can't be),
   * `integrity` (a hash), `no-space`, `io`; the staging directory is then to be closed, and reopened at the last sync. What this system
   * can't hold becomes a note. Several at once are written in order. The pack is given away.
   */
  write(pack: Buffer): Promise<Written>;
  /** For the blocks of a large file; it is as long as it should be in the end. Rejects with `not-found`, `io`. */
  openLarge(path: string): Promise<FileHandle>;
  /** All its blocks are written: its mode and time are set, it is flushed. */
  finishLarge(file: LargeFile): Promise<void>;
  /** Takes away a large file that will not come. */
  dropLarge(path: string): Promise<void>;
  /** What was written before the call survives anything once it resolves. */
  sync(): Promise<void>;
  /**
   * Everything is here: each root goes into `into`, under its name made safe (names.ts), or `as` for the only one. `rename`: under a free
   * name when that is taken. `skip`, `overwrite`: directories of the same name become one; a file that is there stays, or is replaced
   * by one rename; a thing of another kind always stays. Nothing is ever removed but what is replaced. Durable when it resolves; called
   * again, also after a crash, it goes on, or says the same again: so the staging directory stays, with nothing but that in it, until it
   * is closed, and taken away by `TreeWriter.remove` once the caller has noted where everything is. From the first call on, nothing can
   * be written any more (`conflict`). Rejects with `not-found` (no directory `into`), `bad-argument` (`as`), `conflict` (no free name),
   * `no-space`, `io`.
   */
  place(
    into: string,
    options: { readonly conflict: Conflict; readonly as?: string; readonly signal: AbortSignal },
  ): Promise<Placed>;
  /** Keeps it for later. */
  close(): Promise<void>;
}
