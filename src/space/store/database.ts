// The database file: made private, locked for this process alone, migrated; what SQLite throws becomes a CoveyError here.

import { chmodSync, closeSync, constants, fsyncSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import { MIGRATIONS } from "./schema.ts";

/** "covy": tells this kind of database from any other. */
const APPLICATION_ID = 0x636f7679;

const MAX_IDLE_LOG_BYTES = 16 * 1024 * 1024;

const SQLITE = { busy: 5, readOnly: 8, io: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 } as const;

/** Statements by their text, prepared once. Row types are what the STRICT tables of schema.ts guarantee. */
export class Database {
  readonly file: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Throws `home-busy` when another process has it, `version` for a newer schema, `io` when it is damaged. */
  constructor(file: string) {
    this.file = file;
    createPrivate(file);
    this.#db = new DatabaseSync(file, { open: false });
    try {
      this.#db.open();
      this.#prepare();
    } catch (error) {
      if (this.#db.isOpen) this.#db.close();
      throw fromSqlite(error, file, "open the database");
    }
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  iterate<Row>(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#statement(sql).iterate(...values) as Iterable<Row>;
  }

  /** False also after an error by which SQLite has rolled back by itself, as when the disk is full. */
  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  /** After a full disk: what the log holds goes to its place in the file, if that has room, and the log gives its own back. */
  shrinkLog(): void {
    try {
      this.get("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // As full as before: what did not fit was reported already.
    }
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }

  #prepare(): void {
    // Exclusive before WAL: the lock is kept until close, and the index of the log is in memory instead of a third file.
    this.#db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    // A large commit would otherwise leave its log as large as it was until the store is closed.
    this.#db.exec(`PRAGMA journal_size_limit = ${MAX_IDLE_LOG_BYTES}`);
    this.#db.exec("PRAGMA cache_size = -16000; PRAGMA trusted_schema = OFF");
    this.#db.exec("BEGIN IMMEDIATE");
    const { user_version: version } = this.#db.prepare("PRAGMA user_version").get() as { user_version: number };
    const { application_id: owner } = this.#db.prepare("PRAGMA application_id").get() as { application_id: number };
    if (version > 0 && owner !== APPLICATION_ID) throw new CoveyError("io", `${this.file} is the database of another program`);
    if (version > MIGRATIONS.length) throw newer(this.file, version);
    for (const migration of MIGRATIONS.slice(version)) this.#db.exec(migration);
    if (version < MIGRATIONS.length) {
      this.#db.exec(`PRAGMA user_version = ${MIGRATIONS.length}; PRAGMA application_id = ${APPLICATION_ID}`);
    }
    this.#db.exec("COMMIT");
  }
}

/** SQLite's error with what to do next; anything else unchanged. */
export function fromSqlite(error: unknown, file: string, doing: string): unknown {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return error;
  const { errcode, message } = error;
  const extras = { cause: error, details: { file, sqlite: errcode } };
  switch (errcode & 0xff) {
    case SQLITE.busy:
      return new CoveyError("home-busy", `another process has ${file} open`, {
        ...extras,
        hint: "One peer runs per home: stop the other one (`covey down`), or use another --home.",
      });
    case SQLITE.full:
      return new CoveyError("no-space", `can't ${doing}: the disk of ${file} is full`, {
        ...extras,
        hint: "Free some space; then it goes on, nothing is half done.",
      });
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return damaged(file, message, error);
    default:
      return new CoveyError("io", `can't ${doing} (${file}): ${message}`, {
        ...extras,
        hint: "Look at the disk and at the file's owner and mode; what was acknowledged before is not affected.",
      });
  }
}

/** It is never replaced by an empty one: whoever owns it decides. */
export const damaged = (file: string, problem: string, cause: unknown): CoveyError =>
  new CoveyError("io", `${file} is damaged: ${problem}`, {
    cause,
    details: { file },
    hint: "Stop the peer and keep the file. Put a backup of it in its place, or move it away: then this home begins with an empty database, and gets back from its paired peers what they have.",
  });

const newer = (file: string, version: number): CoveyError =>
  new CoveyError(
    "version",
    `${file} was written by a newer covey (its schema is ${version}, this one knows ${MIGRATIONS.length})`,
    {
      hint: "Install that version again; nothing was changed.",
      details: { schema: version, known: MIGRATIONS.length },
    },
  );

/** SQLite gives its log the mode of the database, so the mode is right before it opens it. */
function createPrivate(file: string): void {
  try {
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW;
    const fd = openSync(file, flags, 0o600);
    closeSync(fd);
    const directory = openSync(dirname(file), constants.O_RDONLY);
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return makePrivate(file);
    throw fromPlatform(error, `create ${file}`);
  }
}

/** A copy put back from a backup often lost its mode. */
function makePrivate(file: string): void {
  try {
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
  } catch (error) {
    throw fromPlatform(error, `make ${file} private`);
  }
}
