// Counts what is in a tree, by the rules of a walk, and reads no content. Synchronous, for the thread of trees.

import { lstatSync } from "node:fs";

import { CoveyError, type ErrorCode } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { attempt } from "./attempt.ts";
import type { RootSummary, TreeNote, TreeNoteCode, TreeRoot, TreeSummary } from "./contract.ts";
import { type Thing, traverse } from "./traverse.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Of a root by itself, whoever named it is told at once; of something in a directory it is a note. */
const ROOT_PROBLEMS: { readonly [Code in TreeNoteCode]?: readonly [ErrorCode, problem: string] } = {
  vanished: ["not-found", "is not there"],
  special: ["bad-argument", "is neither a file nor a directory"],
  unreadable: ["io", "can't be read"],
  changed: ["changed", "changed while it was looked at"],
};

export class TreeScan {
  readonly #roots: readonly TreeRoot[];
  readonly #things: Generator<Thing, undefined>;
  readonly #firstRoots: Mutable<RootSummary>[] = [];
  readonly #firstNotes: TreeNote[] = [];
  #root: Mutable<RootSummary> = { name: "", kind: "file", files: 0, bytes: 0 };
  #rootCount = 0;
  #noteCount = 0;
  #files = 0;
  #bytes = 0;

  constructor(roots: readonly TreeRoot[]) {
    this.#roots = roots;
    this.#things = traverse(roots, { path: "", deep: true });
  }

  /** Goes on for a while: the summary once all is counted. Throws as `TreeReader.scan` rejects. */
  step(): TreeSummary | undefined {
    const until = performance.now() + LIMITS.treeTurnMs;
    do {
      const { done, value: thing } = this.#things.next();
      if (done === true) return this.#summary();
      this.#count(thing);
    } while (performance.now() < until);
    return undefined;
  }

  close(): void {
    this.#things.return(undefined);
  }

  #count(thing: Thing): void {
    const size = thing.type === "file" ? attempt(thing.path, () => sizeOf(thing)) : undefined;
    const seen = typeof size === "object" ? size : thing;
    if (!thing.path.includes("/")) this.#begin(seen);
    if (typeof size === "number") {
      this.#root.files++;
      this.#root.bytes += size;
      this.#files++;
      this.#bytes += size;
    }
    if (seen.type !== "note") return;
    this.#noteCount++;
    if (this.#firstNotes.length < LIMITS.treeNotes) this.#firstNotes.push({ path: seen.path, code: seen.code });
  }

  #begin(thing: Thing): void {
    const problem = thing.type === "note" ? ROOT_PROBLEMS[thing.code] : undefined;
    if (problem !== undefined) {
      const { path } = this.#roots.find(({ name }) => name === thing.path)!;
      throw new CoveyError(problem[0], `${path} ${problem[1]}`, {
        hint: "Name files and directories that are there and that you may read.",
      });
    }
    const kind = thing.type === "note" ? (thing.code === "too-deep" ? "directory" : "link") : thing.type;
    this.#root = { name: thing.path, kind, files: 0, bytes: 0 };
    this.#rootCount++;
    if (this.#firstRoots.length < LIMITS.offerRoots) this.#firstRoots.push(this.#root);
  }

  #summary(): TreeSummary {
    return {
      files: this.#files,
      bytes: this.#bytes,
      roots: this.#firstRoots,
      rootCount: this.#rootCount,
      notes: { count: this.#noteCount, first: this.#firstNotes },
    };
  }
}

function sizeOf({ inside, name }: Thing & { readonly type: "file" }): number {
  return lstatSync(inside.at(name)).size;
}
