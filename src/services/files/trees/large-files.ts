// The large files of a tree that wait for their blocks: a few at a time, each with what is here of it, until none wait.
//
// A file that changes or goes at the sender's is noted and left; everything else arrives.

import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Staging, TreeNoteCode } from "../../../blob/tree/contract.ts";
import type { Session } from "../../../session/contract.ts";
import type { IncomingNeeds } from "../downloads/incoming.ts";
import { fetchMissing } from "../fetch/fetch.ts";
import type { RemoteFault } from "../fetch/remote.ts";
import { IncomingLarge } from "./large-file.ts";
import type { TreeProgress } from "./tree-progress.ts";
import type { WaitingFile } from "./tree-records.ts";

interface LargeNeeds extends Pick<IncomingNeeds, "store" | "clock"> {
  /** A block of so many bytes is written. */
  onBlock(bytes: number): void;
}

/** How the sender is asked: the path of a file is that of the tree's directory, and its own. */
export interface TreeSource {
  readonly offer: string;
  readonly base: string;
}

/** What the sender's answers about one file of many mean for that file; others are about everything. */
const LEFT: ReadonlyMap<string, TreeNoteCode> = new Map([
  ["changed", "changed"],
  ["not-found", "vanished"],
  ["io", "unreadable"],
]);

export class LargeFiles {
  readonly #needs: LargeNeeds;
  readonly #offer: string;
  readonly #staging: Staging;
  readonly #progress: TreeProgress;
  /** Open from one attempt to the next. */
  readonly #open = new Map<string, IncomingLarge>();
  /** What is here of those that were begun in an earlier life, and are not open yet. */
  readonly #begun: Map<string, number>;

  constructor(needs: LargeNeeds, offer: string, staging: Staging, progress: TreeProgress, begun: Map<string, number>) {
    this.#begun = begun;
    this.#needs = needs;
    this.#offer = offer;
    this.#staging = staging;
    this.#progress = progress;
  }

  /** Verified and written, of files that are not whole. */
  get doneBytes(): number {
    const begun = [...this.#begun.values()].reduce((sum, bytes) => sum + bytes, 0);
    return [...this.#open.values()].reduce((sum, { blocks }) => sum + blocks.manifest.knownBytes, begun);
  }

  /** Until none wait, or something is in the way of all. Everything else of the tree is at a checkpoint. */
  async bring(
    source: TreeSource,
    session: Session,
    placeWanted: () => boolean,
    signal: AbortSignal,
  ): Promise<RemoteFault | undefined> {
    const queue = [...this.#progress.waiting.values()].sort((a, b) => Number(isBegun(b)) - Number(isBegun(a)));
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    let fault: RemoteFault | undefined;
    // The first that fails ends the others; what it failed with is what counts.
    const end = (): void => ended.abort(new CoveyError("closed", "another file of the tree could not be brought"));
    const bringSome = async (): Promise<void> => {
      for (let file; !ended.signal.aborted && (file = queue.shift()) !== undefined;) {
        const found = await this.#bring(file, source, session, placeWanted, until);
        if (found === undefined) continue;
        fault ??= found;
        end();
      }
    };
    const some = Array.from({ length: LIMITS.treeLargeAtOnce }, async () => {
      try {
        await bringSome();
      } catch (error) {
        end();
        throw error;
      }
    });
    const results = await Promise.allSettled(some);
    signal.throwIfAborted();
    for (const result of results)
      if (result.status === "rejected" && result.reason !== ended.signal.reason) throw result.reason as Error;
    return fault;
  }

  /** What came before the call survives anything once it resolves. */
  async checkpoint(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ blocks }) => blocks.checkpoint()));
  }

  async close(options: { readonly save: boolean }): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map((large) => large.close(options)));
  }

  async #bring(
    waiting: WaitingFile,
    { offer, base }: TreeSource,
    session: Session,
    placeWanted: () => boolean,
    signal: AbortSignal,
  ): Promise<RemoteFault | undefined> {
    const { clock, onBlock } = this.#needs;
    const { path, size } = waiting;
    for (let faults = 0; ;) {
      const large = await this.#opened(path, signal);
      if (large === undefined) return this.#leave(path, "vanished");
      const { token } = this.#progress.waiting.get(path)!;
      const onToken = async (next: string): Promise<void> => {
        this.#progress.setToken(path, next);
        await this.#save();
      };
      const needs = { clock, placeWanted, onBlock, onToken };
      const request = { offer, path: base + path, size, token };
      const outcome = await fetchMissing(needs, session, request, large.blocks, signal);
      if (outcome.type === "cut") return outcome;
      if (outcome.type === "complete") {
        if (!large.blocks.manifest.complete) continue;
        const wrong = await this.#finish(path, large, outcome.blob);
        if (wrong === undefined) return undefined;
        await this.#beginAgain(path);
        return wrong;
      }
      const left = LEFT.get(outcome.error.code);
      if (left === undefined) return outcome;
      // It is another version than the one that was begun; that may still come whole.
      const wasBegun = this.#progress.waiting.get(path)!.token !== undefined;
      const again = left === "changed" && wasBegun && faults++ < LIMITS.fileFaults;
      if (!again) return this.#leave(path, left);
      await this.#beginAgain(path);
    }
  }

  /** undefined: it is not in the staging directory any more. */
  async #opened(path: string, signal: AbortSignal): Promise<IncomingLarge | undefined> {
    const held = this.#open.get(path);
    if (held !== undefined) return held;
    const waiting = this.#progress.waiting.get(path)!;
    try {
      const opened = await IncomingLarge.open(this.#needs, this.#offer, this.#staging, waiting, signal);
      this.#open.set(path, opened);
      this.#begun.delete(path);
      return opened;
    } catch (error) {
      if (error instanceof CoveyError && error.code === "not-found") return undefined;
      throw error;
    }
  }

  async #finish(path: string, large: IncomingLarge, blob: string): Promise<RemoteFault | undefined> {
    try {
      await large.finish(blob);
    } catch (error) {
      if (error instanceof CoveyError && error.code === "integrity") return { type: "peer", error };
      throw error;
    }
    const { token: _, ...file } = this.#progress.waiting.get(path)!;
    await this.#staging.finishLarge(file);
    this.#open.delete(path);
    this.#progress.finished(path);
    await this.#save();
    return undefined;
  }

  /** Nothing that is here of it can be used. */
  async #beginAgain(path: string): Promise<void> {
    await this.#drop(path);
    this.#progress.setToken(path, undefined);
    await this.#save();
  }

  /** It will not come. */
  async #leave(path: string, code: TreeNoteCode): Promise<undefined> {
    await this.#drop(path);
    // In this order: a file that nobody waits for is taken for a whole one.
    await this.#staging.dropLarge(path);
    this.#progress.dropped(path, code);
    await this.#save();
  }

  async #drop(path: string): Promise<void> {
    const large = this.#open.get(path);
    this.#open.delete(path);
    this.#begun.delete(path);
    await large?.close({ save: false });
  }

  /** The staging directory needs no flush for it: `finishLarge` is one, and nothing else changes while large files come in. */
  #save(): Promise<void> {
    return this.#progress.save();
  }
}

const isBegun = ({ token }: WaitingFile): boolean => token !== undefined;
