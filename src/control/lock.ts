// One process per home: an exclusive transaction on a SQLite file that is never written. The kernel lets go of it however the process
// ends, and it is held against this process as well as against others.

import { closeSync, lstatSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { printable } from "../core/text.ts";
import type { Home } from "../identity/home-names.ts";
import { checkOwnedAndClosed } from "../identity/private-file.ts";

/** Who holds it: the daemon, which takes calls, or a program that opened the peer itself. */
export type HolderKind = "daemon" | "program";

export interface Holder {
  readonly pid: number;
  readonly kind: HolderKind;
}

export interface HomeLock extends Disposable {
  release(): void;
}

// No journal in the home: the lock can be taken, and looked at, while the disk is full.
const TAKE = "PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE";
// Shared: those who look see the one who has it, and never each other.
const LOOK = "PRAGMA journal_mode = MEMORY; BEGIN; SELECT 1 FROM sqlite_schema";
// Outlasts the moment for which `lockHolder` looks.
const PATIENCE_MS = 200;
const SQLITE_BUSY = 5;

/** Takes the lock of an existing home. Throws `home-busy`, with the holder's pid and kind in its details, or `io`. */
export function lockHome(home: Home, kind: HolderKind): HomeLock {
  const database = locked(home, TAKE, PATIENCE_MS);
  if (database === undefined) throw busy(home);
  try {
    createPrivately(notesOf(home));
    writeFileSync(notesOf(home), `${process.pid} ${kind}\n`);
  } catch (error) {
    database.close();
    throw fromPlatform(error, `lock ${printable(home.dir)}`);
  }
  const release = (): void => {
    if (database.isOpen) database.close();
  };
  return { release, [Symbol.dispose]: release };
}

/**
 * Who holds the lock now: undefined when nobody does, "unknown" when it can't be told. Throws `home-unsafe` when the home is not the
 * user's alone, or `io`.
 */
export function lockHolder(home: Home): Holder | "unknown" | undefined {
  if (!exists(home)) return undefined;
  const database = locked(home, LOOK, 0);
  if (database === undefined) return readNotes(home) ?? "unknown";
  database.close();
  return undefined;
}

const notesOf = (home: Home): string => `${home.lock}.holder`;

function exists(home: Home): boolean {
  try {
    checkOwnedAndClosed(home.dir, lstatSync(home.dir), 0o700);
    lstatSync(home.lock);
    return true;
  } catch (error) {
    const problem = fromPlatform(error, `look at ${printable(home.dir)}`);
    if (problem.code === "not-found") return false;
    throw problem;
  }
}

/** undefined: somebody else has it. */
function locked(home: Home, how: typeof TAKE | typeof LOOK, patienceMs: number): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    createPrivately(home.lock);
    database = new DatabaseSync(home.lock, { timeout: patienceMs });
    database.exec(how);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return undefined;
    throw fromPlatform(error, `lock ${printable(home.dir)}`);
  }
}

/** Never opens a file that is there: closing any descriptor of it would drop this process's own lock (POSIX record locks). */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function busy(home: Home): CoveyError {
  const holder = readNotes(home);
  const who = holder === undefined ? "another process" : `process ${holder.pid}`;
  return new CoveyError("home-busy", `${who} already runs the peer of ${printable(home.dir)}`, {
    hint:
      holder?.kind === "program"
        ? "It is a program that opened the peer itself: end it first, or give this one a home of its own (`--home DIR`, `home`)."
        : "`covey status` asks it, `connect()` uses it, `covey down` stops it; a second peer needs a home of its own (`--home DIR`, `home`).",
    details: holder === undefined ? {} : { ...holder },
  });
}

function readNotes(home: Home): Holder | undefined {
  try {
    const [, pid, kind] = /^(\d{1,10}) (daemon|program)\n$/.exec(readFileSync(notesOf(home), "utf8")) ?? [];
    return pid === undefined ? undefined : { pid: Number(pid), kind: kind as HolderKind };
  } catch {
    return undefined;
  }
}
