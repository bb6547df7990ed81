// The state of what is at a path, for many who ask at the same time.

import { lstat, stat } from "node:fs";

import { versionOf } from "./served-file.ts";

/** undefined: it can't be looked at. */
type State = string | undefined;

/** Whoever asks in one turn of the event loop shares one look, which begins when all of them have asked. */
export class Looks {
  readonly #asked = new Map<string, Promise<State>>();

  /** A link at the end of the path is itself, unless it is `followed`. The path has a character for each byte. */
  at(path: string, followed: boolean): Promise<State> {
    const asked = this.#asked.get(path);
    if (asked !== undefined) return asked;
    const state = new Promise<State>((resolve) => {
      setImmediate(() => {
        this.#asked.delete(path);
        const look = followed ? stat : lstat;
        look(Buffer.from(path, "latin1"), { bigint: true }, (error, found) => resolve(error ? undefined : versionOf(found)));
      });
    });
    this.#asked.set(path, state);
    return state;
  }
}
