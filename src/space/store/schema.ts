// The tables, by numbered migrations: each is run once, in order, in one transaction with the number. Never edit one that was released.

export const MIGRATIONS: readonly string[] = [
  `
  -- One row: this store's life (life.ts).
  CREATE TABLE life (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    clock BLOB NOT NULL,
    file TEXT NOT NULL
  ) STRICT;

  -- Runs of seqs that this store gave out, one per opening. The last one goes on.
  CREATE TABLE epochs (first INTEGER PRIMARY KEY, last INTEGER) STRICT;

  CREATE TABLE peers (num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;

  CREATE TABLE spaces (
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    genesis BLOB NOT NULL,
    paths INTEGER NOT NULL DEFAULT 0,     -- that are not removed
    appended INTEGER NOT NULL DEFAULT 0   -- the last n of this incarnation
  ) STRICT;

  -- What is not dominated. A seq is never used twice: the highest one goes only when a higher one comes.
  CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    space INTEGER NOT NULL,
    origin INTEGER NOT NULL,              -- the neighbour it came from, 0 for here
    path BLOB NOT NULL,
    kind INTEGER NOT NULL,                -- as in signed: lists step over removed paths in the index alone
    signed BLOB NOT NULL,
    signature BLOB NOT NULL,
    value BLOB
  ) STRICT;
  CREATE INDEX entries_by_path ON entries (space, path, kind);
  CREATE INDEX entries_by_space ON entries (space);

  CREATE TABLE deferred (
    num INTEGER PRIMARY KEY,
    space INTEGER NOT NULL,
    author INTEGER NOT NULL,              -- the neighbour, where the author can't be read
    due_ms INTEGER,                       -- null: waits for a newer program
    id BLOB NOT NULL,
    origin INTEGER NOT NULL,
    signed BLOB NOT NULL,
    signature BLOB NOT NULL,
    value BLOB,
    UNIQUE (space, id)
  ) STRICT;
  CREATE INDEX deferred_by_due ON deferred (due_ms);
  CREATE INDEX deferred_by_author ON deferred (space, author);

  CREATE TABLE neighbours (
    space INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    store TEXT,                           -- its store and seq: what we hold of it
    seq INTEGER NOT NULL DEFAULT 0,
    acked INTEGER NOT NULL DEFAULT 0,     -- our seq: what it holds of us
    echo INTEGER NOT NULL DEFAULT 0,      -- our seq: up to it, what came from it is sent back
    PRIMARY KEY (space, peer)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE local (service TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (service, key)) STRICT, WITHOUT ROWID;
  `,
];
