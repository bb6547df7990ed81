// The names in a home, apart from what makes one: a client of the daemon asks for no more, and starts the faster for it.

import { join, resolve } from "node:path";

import type { Home } from "./home.ts";

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
    lock: file("lock"),
    socket: file("socket"),
    config: file("config.json"),
    log: file("log"),
    transfers: file("transfers"),
  };
}
