// The store's life: its id, its incarnation, its clock and the seqs it gives out. A restored backup or a cloned home is another life:
// it must not speak with the dots, the seqs or the store id of the first one.
//
//   1. at open the file is compared with the one that was last opened or closed here; another one: redraw
//   2. seqs of each opening start above what any earlier opening can have reached by then, so that a cursor that a lost life gave out
//      lies between the epochs and is known to be none of ours (a copy put back into the same file is caught by this, and by 3)
//   3. an entry by ourselves that we do not have, of the incarnation that was in the file: redraw (replicate.ts)

import { randomBytes, randomInt } from "node:crypto";
import { statSync } from "node:fs";

import { toHex, u64 } from "../../core/bytes.ts";
import { fromPlatform } from "../../core/errors.ts";
import type { Incarnation, StoreId } from "../../core/ids.ts";
import { advance, type Hlc, isTooFarAhead, nextClock } from "../hlc.ts";
import { type Database, damaged } from "./database.ts";

/** Seqs per ms of wall clock: more entries than any store writes for long, and 2^53 is reached in the year 2248. */
const SEQS_PER_MS = 1024;
/** No opening starts beyond it, whatever the clock says: as many seqs again are left to count on. */
const MAX_FIRST_SEQ = 2 ** 52;
/** Between two openings that the clock does not tell apart, because it was set back: what a lost life gave out is hardly met then. */
const MAX_GAP = 2 ** 32;

interface LifeRow {
  /** null in a damaged file only, as the next two. */
  readonly store: Uint8Array | null;
  readonly incarnation: Uint8Array | null;
  readonly clock: Uint8Array | null;
  readonly file: string;
}

interface Epoch {
  readonly first: number;
  readonly last: number | null;
}

export class Life {
  readonly #db: Database;
  #storeId = "" as StoreId;
  #incarnation = "" as Incarnation;
  /** What was in the file. One that was drawn since is this process's own, and nobody else can have spoken under it. */
  readonly #found: Incarnation | undefined;
  #clock: Hlc = 0n;
  #saved: Hlc = 0n;
  #seq = 0;
  #epochs: readonly Epoch[] = [];

  /** Runs in the transaction of the caller. */
  constructor(db: Database, nowMs: number) {
    this.#db = db;
    const file = fileIdentity(db.file);
    const row = db.get<LifeRow>("SELECT store, incarnation, clock, file FROM life");
    if (row === undefined) {
      db.run(
        "INSERT INTO life (one, store, incarnation, clock, file) VALUES (1, ?, ?, ?, ?)",
        randomBytes(16),
        randomBytes(8),
        u64(0),
        file,
      );
      db.run("INSERT INTO epochs (first, last) VALUES (1, NULL)");
      this.load();
    } else {
      this.load();
      if (row.file !== file) {
        this.redrawStore();
      } else {
        this.#found = this.#incarnation;
        this.#beginEpoch(nowMs);
      }
      this.recordFile();
    }
  }

  get storeId(): StoreId {
    return this.#storeId;
  }

  get incarnation(): Incarnation {
    return this.#incarnation;
  }

  /** Reads everything from the tables again: after a rollback. */
  load(): void {
    const row = this.#db.get<LifeRow>("SELECT store, incarnation, clock, file FROM life");
    if (row?.store?.length !== 16 || row.incarnation?.length !== 8 || row.clock?.length !== 8) {
      throw damaged(this.#db.file, "its identity can't be read", undefined);
    }
    this.#storeId = toHex(row.store) as StoreId;
    this.#incarnation = toHex(row.incarnation) as Incarnation;
    this.#clock = this.#saved = Buffer.from(row.clock).readBigUInt64BE();
    this.#epochs = this.#db.all<Epoch>("SELECT first, last FROM epochs ORDER BY first");
    if (this.#epochs.length === 0) throw damaged(this.#db.file, "its epochs are gone", undefined);
    const { last } = this.#db.get<{ last: number }>("SELECT coalesce(max(seq), 0) AS last FROM entries")!;
    this.#seq = Math.max(last, this.#epochs.at(-1)!.first - 1);
  }

  /** Writes what moved: before the end of every transaction. */
  save(): void {
    if (this.#clock === this.#saved) return;
    this.#db.run("UPDATE life SET clock = ?", u64(this.#clock));
    this.#saved = this.#clock;
  }

  nextSeq(): number {
    return ++this.#seq;
  }

  /** Whether this store, in this or an earlier opening, has given out this seq (or 0, the beginning). */
  gaveOut(seq: number): boolean {
    return seq === 0 || this.#epochs.some(({ first, last }) => first <= seq && seq <= (last ?? this.#seq));
  }

  /**
   * Whether an entry of ours that is not here is of a lost life. Under an incarnation drawn here it was replaced here, and a peer says it
   * again: were that a sign, a peer could make this store begin anew for ever.
   */
  isOfLostLife(incarnation: Incarnation): boolean {
    return incarnation === this.#incarnation && incarnation === this.#found;
  }

  /** Before writing. A clock that was wrong and got mended begins again, in a new incarnation. */
  mend(nowMs: number): void {
    if (!isTooFarAhead(this.#clock, nowMs)) return;
    this.#clock = 0n;
    this.#redrawIncarnation();
  }

  /** The clock of the next entry here. */
  tick(nowMs: number, replaced: Hlc): Hlc {
    const clock = nextClock(nowMs, this.#clock, replaced);
    this.#clock = advance(this.#clock, clock, nowMs);
    return clock;
  }

  /** An entry from elsewhere was accepted. */
  saw(clock: Hlc, nowMs: number): void {
    this.#clock = advance(this.#clock, clock, nowMs);
  }

  /** This store turned out to be a copy: everybody starts at 0 with it, and it with everybody. */
  redrawStore(): void {
    const store = randomBytes(16);
    this.#storeId = toHex(store) as StoreId;
    this.#db.run("UPDATE life SET store = ?", store);
    this.#redrawIncarnation();
    this.#db.run("DELETE FROM neighbours");
    this.#db.run("DELETE FROM epochs");
    this.#db.run("INSERT INTO epochs (first, last) VALUES (1, NULL)");
    this.#epochs = [{ first: 1, last: null }];
  }

  /** The file as it is now: at open and at close. */
  recordFile(): void {
    this.#db.run("UPDATE life SET file = ?", fileIdentity(this.#db.file));
  }

  #redrawIncarnation(): void {
    const incarnation = randomBytes(8);
    this.#incarnation = toHex(incarnation) as Incarnation;
    this.#db.run("UPDATE life SET incarnation = ?", incarnation);
    this.#db.run("UPDATE spaces SET appended = 0");
  }

  #beginEpoch(nowMs: number): void {
    const { first } = this.#epochs.at(-1)!;
    if (this.#seq < first) this.#db.run("DELETE FROM epochs WHERE first = ?", first);
    else this.#db.run("UPDATE epochs SET last = ? WHERE first = ?", this.#seq, first);
    const byClock = Math.min(Math.floor(nowMs) * SEQS_PER_MS, MAX_FIRST_SEQ);
    const next = byClock > this.#seq ? byClock : this.#seq + 1 + randomInt(MAX_GAP);
    this.#db.run("INSERT INTO epochs (first, last) VALUES (?, NULL)", next);
    this.load();
  }
}

/**
 * Inode and time of birth, which no copy can have. Where the file system keeps no time of birth, device and inode: some number their
 * devices anew at each start, so the device is no sign where there is a better one.
 */
function fileIdentity(file: string): string {
  try {
    const { dev, ino, birthtimeNs } = statSync(file, { bigint: true });
    return birthtimeNs > 0n ? `${ino} born ${birthtimeNs}` : `${ino} on ${dev}`;
  } catch (error) {
    throw fromPlatform(error, `look at ${file}`);
  }
}
