// The names in a home, apart from what makes one: a client of the daemon asks for no more, and starts the faster for it.

import { join, resolve } from "node:path";

/** Absolute paths. */
export interface Home {
  readonly dir: string;
  /** The identity key, key.ts. */
  readonly key: string;
  /** The paired peers, peer-book.ts. */
  readonly peers: string;
  /** The port that it keeps. */
  readonly port: string;
  /** The SQLite database of the spaces. */
  readonly database: string;
  /** The directory of what is to be sent and is no file elsewhere. */
  readonly spool: string;
  /** Held by the process that runs the peer. */
  readonly lock: string;
  /** The control socket; at most 107 bytes on Linux, 103 on macOS. */
  readonly socket: string;
  readonly config: string;
  readonly log: string;
}

/** The names alone, nothing made or checked: for a client of the daemon. */
export function homeAt(dir: string): Home {
  const absolute = resolve(dir);
  const file = (name: string): string => join(absolute, name);
  return {
    dir: absolute,
    key: file("key.pem"),
    peers: file("peers.json"),
    port: file("port"),
    database: file("store.db"),
    spool: file("spool"),
    lock: file("lock"),
    socket: file("socket"),
    config: file("config.json"),
    log: file("log"),
  };
}
