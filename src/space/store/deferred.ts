// Entries that can't be taken yet: from too far ahead in time, or of a version that this program does not know. They are kept apart,
// bounded, are not forwarded and move no clock; each is taken up again when its time has come.

import { fromHex } from "../../core/bytes.ts";
import type { EntryId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { WireEntry } from "../contract.ts";
import type { Database } from "./database.ts";
import type { Space } from "./members.ts";

const POSTPONE_MS = 60_000;

export interface DeferredEntry extends WireEntry {
  readonly num: number;
  readonly space: number;
  readonly origin: number;
}

interface DeferredRow {
  readonly num: number;
  readonly space: number;
  readonly origin: number;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly value: Uint8Array | null;
}

export interface ToDefer {
  readonly id: EntryId;
  readonly wire: WireEntry;
  /** Whose share of the room it takes: the author, or the neighbour where the author can't be read. */
  readonly accountNum: number;
  readonly originNum: number;
  /** ms since 1970; undefined: when this program is a newer one. */
  readonly dueMs: number | undefined;
}

export class Deferred {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Whether it is kept now; false when there is no room. */
  keep(space: Space, { id, wire, accountNum, originNum, dueMs }: ToDefer): boolean {
    const key = fromHex(id)!;
    if (this.#db.get("SELECT 1 FROM deferred WHERE space = ? AND id = ?", space.num, key) !== undefined) return true;
    if (this.#count("SELECT count(*) AS n FROM deferred WHERE space = ?", space.num) >= LIMITS.deferredPerSpace) return false;
    const ofAuthor = this.#count("SELECT count(*) AS n FROM deferred WHERE space = ? AND author = ?", space.num, accountNum);
    if (ofAuthor >= LIMITS.deferredPerAuthor) return false;
    this.#db.run(
      "INSERT INTO deferred (space, author, due_ms, id, origin, signed, signature, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      space.num,
      accountNum,
      dueMs ?? null,
      key,
      originNum,
      wire.signed,
      wire.signature,
      wire.value ?? null,
    );
    return true;
  }

  /** Those whose time has come, and with `unknown` those that waited for a newer program, oldest first. */
  due(nowMs: number, unknown: boolean): readonly DeferredEntry[] {
    return this.#db
      .all<DeferredRow>(
        "SELECT num, space, origin, signed, signature, value FROM deferred WHERE due_ms <= ? OR (? AND due_ms IS NULL) ORDER BY num",
        nowMs,
        Number(unknown),
      )
      .map((row) => ({ ...row, value: row.value ?? undefined }));
  }

  /** When the next one can be taken, ms since 1970; undefined: there is none. */
  nextDueMs(): number | undefined {
    return this.#db.get<{ due: number | null }>("SELECT min(due_ms) AS due FROM deferred")?.due ?? undefined;
  }

  /** There is no room at its path yet. */
  postpone(num: number, nowMs: number): void {
    this.#db.run("UPDATE deferred SET due_ms = ? WHERE num = ?", nowMs + POSTPONE_MS, num);
  }

  remove(num: number): void {
    this.#db.run("DELETE FROM deferred WHERE num = ?", num);
  }

  #count(sql: string, ...values: number[]): number {
    return this.#db.get<{ n: number }>(sql, ...values)!.n;
  }
}
