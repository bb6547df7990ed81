// The store inside its thread: the calls, and the group of writing calls that share one commit.
//
//   1. BEGIN  2. each call in a savepoint of its own: one that fails leaves no trace and harms no other
//   3. COMMIT, which flushes to disk  4. only then the answers, and what changed

import { fromPlatform } from "../../core/errors.ts";
import type { PeerId, SpaceId } from "../../core/ids.ts";
import type { Logger } from "../../core/log.ts";
import type { Answer, Call, Calls, LifeNow, Reads, Writes } from "./calls.ts";
import { Crypto } from "./crypto.ts";
import { Database, fromSqlite } from "./database.ts";
import { Deferred } from "./deferred.ts";
import { Life } from "./life.ts";
import { Members } from "./members.ts";
import { readCalls } from "./read.ts";
import { type ReplicateNeeds, retryDeferred } from "./replicate.ts";
import { writeCalls } from "./write-calls.ts";

export interface Committed {
  readonly answers: readonly Answer[];
  readonly changed: readonly (readonly [space: SpaceId, seq: number])[];
}

export class Store {
  readonly #db: Database;
  readonly #life: Life;
  readonly #members: Members;
  readonly #deferred: Deferred;
  readonly #crypto: Crypto;
  readonly #reads: Reads;
  readonly #writes: Writes;
  #changed = new Map<SpaceId, number>();

  constructor(options: {
    readonly file: string;
    readonly peerId: PeerId;
    readonly seed: Uint8Array;
    readonly nowMs: number;
    readonly log: Logger;
  }) {
    const { file, peerId, nowMs, log } = options;
    const db = new Database(file);
    this.#db = db;
    this.#crypto = new Crypto(options.seed);
    try {
      db.run("BEGIN IMMEDIATE");
      this.#life = new Life(db, nowMs);
      this.#members = new Members(db, peerId);
      this.#deferred = new Deferred(db);
      const needs: ReplicateNeeds = {
        db,
        life: this.#life,
        members: this.#members,
        deferred: this.#deferred,
        author: peerId,
        log,
        crypto: this.#crypto,
        changed: (space, seq) => void this.#changed.set(space, seq),
      };
      this.#reads = readCalls(needs);
      this.#writes = writeCalls(needs);
      this.#members.self();
      retryDeferred(needs, nowMs, true);
      this.#life.save();
      db.run("COMMIT");
    } catch (error) {
      db.close();
      throw fromSqlite(error, file, "open the database");
    }
  }

  now(): LifeNow {
    return { storeId: this.#life.storeId, incarnation: this.#life.incarnation, dueMs: this.#deferred.nextDueMs() };
  }

  isRead(call: Call): boolean {
    return Object.hasOwn(this.#reads, call.name);
  }

  /** Sees what is committed. */
  read(call: Call): Answer {
    try {
      return { id: call.id, value: this.#perform(this.#reads, call) };
    } catch (error) {
      return this.#failure(call, error);
    }
  }

  /** One commit for all of them. */
  write(calls: readonly Call[]): Committed {
    this.#changed = new Map();
    try {
      this.#db.run("BEGIN IMMEDIATE");
      const answers = calls.map((call) => this.#inSavepoint(call));
      this.#db.run("COMMIT");
      return { answers, changed: [...this.#changed] };
    } catch (error) {
      // Final for these calls: whoever made them may make them again, as new ones.
      this.#forget();
      return { answers: calls.map((call) => this.#failure(call, error)), changed: [] };
    }
  }

  close(): void {
    this.#crypto.close();
    try {
      this.#db.run("BEGIN IMMEDIATE");
      this.#life.recordFile();
      this.#db.run("COMMIT");
    } finally {
      this.#db.close();
    }
  }

  #inSavepoint(call: Call): Answer {
    const changed = new Map(this.#changed);
    this.#db.run("SAVEPOINT one");
    try {
      const value = this.#perform(this.#writes, call);
      this.#life.save();
      this.#db.run("RELEASE one");
      return { id: call.id, value };
    } catch (error) {
      // A full disk ends the whole transaction, and with it the whole group.
      if (!this.#db.inTransaction) throw error;
      this.#db.run("ROLLBACK TO one");
      this.#db.run("RELEASE one");
      this.#reload();
      this.#changed = changed;
      return this.#failure(call, error);
    }
  }

  /** The client's types and these tables are the same type, so a call's arguments are what its function takes. */
  #perform(calls: Partial<Calls>, { name, args }: Call): unknown {
    return (calls[name] as (...args: readonly unknown[]) => unknown)(...args);
  }

  #failure(call: Call, error: unknown): Answer {
    const known = fromSqlite(error, this.#db.file, "write to the database");
    return { id: call.id, error: fromPlatform(known, `do ${call.name} in the store`).toJSON() };
  }

  #forget(): void {
    if (this.#db.inTransaction) this.#db.run("ROLLBACK");
    this.#db.shrinkLog();
    this.#reload();
  }

  #reload(): void {
    this.#members.forget();
    this.#life.load();
  }
}
