// The versions of paths, from rows to what callers see, and the paths that one call changes.

import { toHex } from "../../core/bytes.ts";
import { hash } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Path, PathState, Version } from "../contract.ts";
import { carriesValue, decodeEntry, type Entry, entryIdOf, KIND, signedMessage, timeOf } from "../entry.ts";
import { byPrecedence, isCovered, isDominated, isShown, type Known } from "../order.ts";
import { pathKey } from "../path.ts";
import { type Database, damaged } from "./database.ts";
import type { Life } from "./life.ts";
import type { Space } from "./members.ts";

export interface VersionRow {
  readonly seq: number;
  readonly signed: Uint8Array;
  readonly value: Uint8Array | null;
}

/** A version that is stored. */
export interface Stored extends Known {
  readonly seq: number;
  readonly signedBytes: number;
}

/** An entry that is to be stored: checked and signed. */
export interface Signed extends Known {
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly value: Uint8Array | undefined;
  /** The number of the neighbour it came from; 0 for here. */
  readonly origin: number;
}

/** undefined: nothing that this program can show. */
export function pathState(file: string, path: Path, rows: readonly VersionRow[]): PathState | undefined {
  const shown = rows
    .map((row) => ({ ...known(file, row.signed), row }))
    .filter(({ entry }) => isShown(entry))
    .sort(byPrecedence);
  if (shown.length === 0) return undefined;
  return {
    path,
    versions: shown.map((version) => versionOf(version, version.row.seq, version.row.value ?? undefined)),
    token: tokenOf(shown),
  };
}

export const versionOf = ({ id, entry }: Known, seq: number, value: Uint8Array | undefined): Version => ({
  id,
  path: entry.path,
  author: entry.author,
  incarnation: entry.incarnation,
  ...timeOf(entry),
  value,
  seq,
});

/** Of the shown versions of one path. */
export function tokenOf(versions: readonly Known[]): string {
  if (versions.length === 1) return versions[0]!.id;
  const ids = versions.map(({ id }) => id).sort();
  return toHex(hash(Buffer.from(ids.join())));
}

/** What the database holds was checked before it was stored: bytes that can't be read now mean a damaged file. */
function known(file: string, signed: Uint8Array): Known {
  try {
    return { id: entryIdOf(signedMessage(signed)), entry: decodeEntry(signed) };
  } catch (cause) {
    throw damaged(file, "it holds an entry that can't be read", cause);
  }
}

/** The paths that one call touches: each is loaded once, and changed here and in the tables together. */
export class Touched {
  readonly #db: Database;
  readonly #life: Life;
  readonly #space: Space;
  readonly #paths = new Map<string, Stored[]>();
  #livePaths = 0;
  /** The seq of the last entry stored; 0 when there was none. */
  lastSeq = 0;

  constructor(db: Database, life: Life, space: Space) {
    this.#db = db;
    this.#life = life;
    this.#space = space;
  }

  /** Of any kind. */
  versions(path: Path): readonly Stored[] {
    return this.#versions(path);
  }

  /** Whether the entry is here already, or was replaced. */
  has(known: Known): boolean {
    return isCovered(known, this.#versions(known.entry.path));
  }

  /** Beside the versions that it does not replace. */
  hasRoomFor({ entry }: Known, signed: Uint8Array): boolean {
    const beside = this.#versions(entry.path).filter((other) => !isDominated(other.entry, entry));
    const signedBytes = beside.reduce((sum, other) => sum + other.signedBytes, signed.length);
    const valueBytes = beside.reduce((sum, other) => sum + inlineBytes(other.entry), inlineBytes(entry));
    return beside.length < LIMITS.pathVersions && signedBytes <= LIMITS.pathSignedBytes && valueBytes <= LIMITS.pathValueBytes;
  }

  /** Stores an entry that is not here, in the place of what it dominates. Returns its seq. */
  store({ id, entry, signed, signature, value, origin }: Signed): number {
    const versions = this.#versions(entry.path);
    const livedBefore = isLive(versions);
    for (let i = versions.length - 1; i >= 0; i--) {
      if (!isDominated(versions[i]!.entry, entry)) continue;
      this.#db.run("DELETE FROM entries WHERE seq = ?", versions[i]!.seq);
      versions.splice(i, 1);
    }
    const seq = this.#life.nextSeq();
    this.#db.run(
      "INSERT INTO entries (seq, space, origin, path, kind, signed, signature, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      seq,
      this.#space.num,
      origin,
      entry.path,
      entry.kind,
      signed,
      signature,
      value ?? null,
    );
    versions.push({ id, entry, seq, signedBytes: signed.length });
    this.#livePaths += Number(isLive(versions)) - Number(livedBefore);
    this.lastSeq = seq;
    return seq;
  }

  /** At the end of the call. */
  finish(): void {
    if (this.#livePaths !== 0)
      this.#db.run("UPDATE spaces SET paths = paths + ? WHERE num = ?", this.#livePaths, this.#space.num);
  }

  #versions(path: Path): Stored[] {
    const key = pathKey(path);
    let versions = this.#paths.get(key);
    if (versions === undefined) {
      const rows = this.#db.all<VersionRow>(
        "SELECT seq, signed FROM entries WHERE space = ? AND path = ?",
        this.#space.num,
        path,
      );
      versions = rows.map(({ seq, signed }) => ({ ...known(this.#db.file, signed), seq, signedBytes: signed.length }));
      this.#paths.set(key, versions);
    }
    return versions;
  }
}

const inlineBytes = ({ kind, size }: Entry): number => (carriesValue(kind) ? size : 0);

const isLive = (versions: readonly Stored[]): boolean => versions.some(({ entry }) => entry.kind === KIND.value);
