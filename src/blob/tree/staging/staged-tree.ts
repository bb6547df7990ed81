// A staging directory, in the thread of trees: `tree` has the roots under their final names, `state` what state.ts says.
//
//   1. create, or reopen where the last sync was
//   2. write packs; large files are located for those who write their blocks
//   3. sync: what is written is durable, and so is what is needed to go on from there
//   4. place
//   5. close: the call that is under way ends first; until then nobody opens it again

import { mkdirSync } from "node:fs";

import { CoveyError } from "../../../core/errors.ts";
import type { LargeFile, Placed, StagingId, Written } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { isNotThere, writeFailure } from "./failure.ts";
import { findStaging, idOf, makeStaging, removeStaging, TREE } from "./find.ts";
import { Flusher } from "./flusher.ts";
import { completeLarge, dropLarge, locateLarge } from "./large-files.ts";
import { Pace } from "./pace.ts";
import { PackWriter } from "./pack-writer.ts";
import { placeTree, type PlaceOptions } from "./place.ts";
import { type Cursor, restore } from "./restore.ts";
import { readState, writeState } from "./state.ts";

/** Those that are being closed, by path. */
const closing = new Map<string, Promise<void>>();

/** Its calls come one after the other, but for `close`. */
export class StagedTree {
  readonly #flusher = new Flusher();
  readonly #ending = new AbortController();
  readonly #located = new Map<number, Directory>();
  #lastToken = 0;
  #path = "";
  #staging: Directory | undefined;
  #roots: Directory | undefined;
  /** Until placing begins. */
  #writer: PackWriter | undefined;
  #savedTimes = "[]";
  /** After a failed write nobody knows what the last file is. */
  #failed: CoveyError | undefined;
  #closed: Promise<void> | undefined;
  #busy: Promise<unknown> = Promise.resolve();

  create(path: string): Promise<StagingId> {
    return this.#run("make a directory for what is received", async (pace) => {
      await this.#claim(path);
      const { staging, parent } = await makeStaging(path, pace);
      this.#staging = staging;
      this.#flusher.add(parent.fd);
      mkdirSync(staging.at(TREE), 0o700);
      this.#open(staging.list(TREE));
      this.#flusher.add(staging.list(".").fd);
      await this.#flusher.flushed();
      return idOf(path, staging);
    });
  }

  /** undefined when it is not what it was. */
  reopen(id: StagingId, cursor: Cursor): Promise<{ readonly isPlacing: boolean } | undefined> {
    return this.#run("open what was received before", async (pace) => {
      await this.#claim(id.path);
      this.#staging = findStaging(id);
      this.#roots = this.#staging === undefined ? undefined : openTree(this.#staging);
      if (this.#staging === undefined || this.#roots === undefined) return undefined;
      const { open, plan } = readState(this.#staging);
      if (plan !== undefined) return { isPlacing: true };
      const position = await restore(this.#roots, cursor, new Map(open), pace);
      if (position === undefined) return undefined;
      this.#writer = new PackWriter(position, this.#flusher);
      return { isPlacing: false };
    });
  }

  remove(id: StagingId): Promise<void> {
    return this.#run("remove what was received before", async (pace) => {
      await this.#claim(id.path);
      await removeStaging(id, pace);
    });
  }

  write(pack: Buffer): Promise<Written> {
    return this.#run("write what is received", async (pace) => {
      if (this.#writer === undefined) throw new CoveyError("conflict", "what was received is being put in its place already");
      try {
        return await this.#writer.write(pack, pace);
      } catch (error) {
        throw (this.#failed = writeFailure(error, "write what is received"));
      }
    });
  }

  sync(): Promise<void> {
    return this.#run("make what was received durable", async () => {
      const levels = this.#writer?.levels ?? [];
      for (const { directory } of levels) this.#flusher.add(directory.list(".").fd);
      await this.#flusher.flushed();
      const open = levels.slice(1).map(({ path, mtimeMs }) => [path, mtimeMs] as const);
      const times = JSON.stringify(open);
      if (times === this.#savedTimes) return;
      await writeState(this.#staging!, { open, plan: undefined, placed: undefined }, this.#flusher);
      this.#savedTimes = times;
    });
  }

  /** Where it can be opened until it is released. */
  locate(path: string): { readonly at: string; readonly token: number } {
    this.#ending.signal.throwIfAborted();
    const { directory, at } = locateLarge(this.#roots!, path);
    const token = ++this.#lastToken;
    this.#located.set(token, directory);
    return { at, token };
  }

  release(token: number): void {
    this.#located.get(token)?.close();
    this.#located.delete(token);
  }

  finishLarge(file: LargeFile): Promise<void> {
    return this.#run(`write "${file.path}"`, async () => {
      this.#flusher.add(completeLarge(this.#roots!, file));
      await this.#flusher.flushed();
    });
  }

  dropLarge(path: string): Promise<void> {
    return this.#run(`remove "${path}"`, async () => {
      const directory = dropLarge(this.#roots!, path);
      if (directory !== undefined) this.#flusher.add(directory.fd);
    });
  }

  place(into: string, options: PlaceOptions): Promise<Placed> {
    return this.#run("put what was received in its place", async (pace) => {
      this.#writer?.finish();
      this.#writer = undefined;
      this.#flusher.add(this.#roots!.list(".").fd);
      await this.#flusher.flushed();
      return placeTree(this.#staging!, this.#roots!, into, options, this.#flusher, pace);
    });
  }

  /** Long work ends at its next step. */
  close(): Promise<void> {
    return (this.#closed ??= this.#end());
  }

  #end(): Promise<void> {
    this.#ending.abort(new CoveyError("closed", "the work on what is received was ended"));
    const path = this.#path;
    const closed = this.#busy
      .then(() => this.#closeAll())
      .finally(() => {
        if (closing.get(path) === closed) closing.delete(path);
      });
    if (path !== "") closing.set(path, closed);
    return closed;
  }

  async #closeAll(): Promise<void> {
    await this.#flusher.stop();
    for (const directory of this.#located.values()) directory.close();
    this.#writer?.close();
    this.#roots?.close();
    this.#staging?.close();
  }

  async #claim(path: string): Promise<void> {
    this.#path = path;
    await closing.get(path);
  }

  #open(roots: Directory): void {
    this.#roots = roots;
    const levels = [{ path: "", directory: roots, mtimeMs: 0 }];
    this.#writer = new PackWriter({ levels, after: "", skipped: undefined }, this.#flusher);
  }

  async #run<T>(doing: string, work: (pace: Pace) => Promise<T>): Promise<T> {
    this.#ending.signal.throwIfAborted();
    if (this.#failed !== undefined) throw this.#failed;
    const result = work(new Pace(this.#ending.signal));
    this.#busy = result.catch(() => {});
    try {
      return await result;
    } catch (error) {
      throw writeFailure(error, doing);
    }
  }
}

function openTree(staging: Directory): Directory | undefined {
  try {
    return staging.list(TREE);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}
