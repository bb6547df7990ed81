// A tree, as packs. Synchronous: it runs in the thread of trees (tree-worker.ts).
//
//   1. traverse.ts finds the things
//   2. a small file is read straight into the pack, and kept if it did not change meanwhile; a large one is only told
//   3. a pack ends when it is full, or after a while

import { closeSync, fstatSync, lstatSync, readSync } from "node:fs";

import { LIMITS } from "../../core/limits.ts";
import { attempt } from "./attempt.ts";
import type { TreeRoot, WalkOptions } from "./contract.ts";
import { PackBuilder } from "./pack.ts";
import { isExecutable, isSameState, timeOf, unsettledMs } from "./stat.ts";
import { type Thing, traverse } from "./traverse.ts";

/** How often a file that changes is read. */
const TRIES = 3;

type FileThing = Thing & { readonly type: "file" };
type Outcome = "done" | "changed" | "unreadable";

export class TreeWalker {
  readonly #things: Generator<Thing, undefined>;
  readonly #content: boolean;

  constructor(roots: readonly TreeRoot[], options: WalkOptions) {
    this.#things = traverse(roots, options);
    this.#content = options.content;
  }

  /** The next pack; undefined at the end. Throws what `traverse` throws, and is then at its end. */
  next(): Buffer | undefined {
    const pack = new PackBuilder();
    const until = performance.now() + LIMITS.treeTurnMs;
    while (!pack.isFull) {
      const { done, value: thing } = this.#things.next();
      if (done === true) return pack.length === 0 ? undefined : pack.finish();
      this.#add(pack, thing);
      if (performance.now() >= until) break;
    }
    return pack.finish();
  }

  close(): void {
    this.#things.return(undefined);
  }

  #add(pack: PackBuilder, thing: Thing): void {
    switch (thing.type) {
      case "directory":
        return pack.directory(thing.path, thing.mtimeMs);
      case "link":
        return pack.link(thing.path, thing.target);
      case "note":
        return pack.note(thing.path, thing.code);
      case "file": {
        const outcome = attempt(thing.path, () => (this.#content ? addWithContent(pack, thing) : addFacts(pack, thing)));
        if (outcome === "done") return;
        return pack.note(thing.path, typeof outcome === "object" ? outcome.code : outcome);
      }
    }
  }
}

function addFacts(pack: PackBuilder, { path, inside, name }: FileThing): Outcome {
  const stat = lstatSync(inside.at(name), { bigint: true });
  if (!stat.isFile()) return "changed";
  if (stat.size > LIMITS.blobBytes) return "unreadable";
  pack.file(path, Number(stat.size), { mtimeMs: timeOf(stat), executable: isExecutable(stat) });
  return "done";
}

function addWithContent(pack: PackBuilder, thing: FileThing): Outcome {
  for (let i = 0; i < TRIES; i++) {
    // By its name each time: it may have been replaced.
    const file = thing.inside.openToRead(thing.name);
    try {
      const outcome = addOpen(pack, thing.path, file);
      if (outcome !== "again") return outcome;
    } finally {
      closeSync(file);
    }
  }
  return "changed";
}

function addOpen(pack: PackBuilder, path: string, file: number): Outcome | "again" {
  let stat = fstatSync(file, { bigint: true });
  if (!stat.isFile()) return "changed";
  const waitMs = unsettledMs(stat, Date.now());
  if (waitMs > 0 && stat.size <= LIMITS.smallFileBytes) {
    pause(waitMs);
    stat = fstatSync(file, { bigint: true });
    if (unsettledMs(stat, Date.now()) > 0) return "again";
  }
  const size = Number(stat.size);
  const facts = { mtimeMs: timeOf(stat), executable: isExecutable(stat) };
  if (size > LIMITS.blobBytes) return "unreadable";
  if (size > LIMITS.smallFileBytes) {
    pack.file(path, size, facts);
    return "done";
  }
  const content = pack.reserve(path, size);
  if (!fill(content, file) || !isSameState(fstatSync(file, { bigint: true }), stat)) return "again";
  pack.keep(facts);
  return "done";
}

/** Whether the file was long enough. */
function fill(content: Buffer, file: number): boolean {
  for (let at = 0; at < content.length;) {
    const read = readSync(file, content, at, content.length - at, at);
    if (read === 0) return false;
    at += read;
  }
  return true;
}

const clock = new Int32Array(new SharedArrayBuffer(4));
const pause = (ms: number): void => void Atomics.wait(clock, 0, 0, ms);
