// A staging tree that is whole goes to where it belongs:
//
//   1. the plan: which root gets which name; noted before anything moves
//   2. each root moves, or becomes one with what is there
//   3. the directories that changed are flushed, and what became of it all is noted
//   4. what stayed is removed
//
// Killed anywhere, it goes on with the same plan: a root that is not here any more is there.

import { join } from "node:path";

import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { freeNames, safeFileName } from "../../names.ts";
import type { Conflict, Placed, TreeNote, TreeNoteCode } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { fromBytes, namesIn, removeAll } from "./clear.ts";
import { writeFailure } from "./failure.ts";
import { openChosen } from "./find.ts";
import type { Flusher } from "./flusher.ts";
import { merge } from "./merge.ts";
import type { Pace } from "./pace.ts";
import { look, placeNew } from "./place-new.ts";
import { type Plan, readState, writeState } from "./state.ts";

export interface PlaceOptions {
  readonly conflict: Conflict;
  readonly as: string | undefined;
}

/** All of it is durable in `roots`, and nobody writes there. */
export async function placeTree(
  staging: Directory,
  roots: Directory,
  into: string,
  options: PlaceOptions,
  flusher: Flusher,
  pace: Pace,
): Promise<Placed> {
  const state = readState(staging);
  if (state.placed !== undefined) {
    await removeAll(roots, pace);
    return state.placed;
  }
  const target = openChosen(into);
  try {
    const placed = await new Placing(staging, roots, target, flusher, pace).run(state.plan, into, options);
    await writeState(staging, { ...state, placed }, flusher);
    await removeAll(roots, pace);
    return placed;
  } finally {
    target.close();
  }
}

class Placing {
  readonly #staging: Directory;
  readonly #roots: Directory;
  readonly #target: Directory;
  readonly #flusher: Flusher;
  readonly #pace: Pace;
  readonly #notes: TreeNote[] = [];
  #noteCount = 0;

  constructor(staging: Directory, roots: Directory, target: Directory, flusher: Flusher, pace: Pace) {
    this.#staging = staging;
    this.#roots = roots;
    this.#target = target;
    this.#flusher = flusher;
    this.#pace = pace;
  }

  async run(before: Plan | undefined, into: string, options: PlaceOptions): Promise<Placed> {
    const plan = isSame(before, into, options) ? before : { into, ...options, names: this.#choose(options) };
    if (plan !== before) await this.#save(plan);
    const isAgain = before !== undefined;
    const paths: string[] = [];
    let { names } = plan;
    for (const [i, [root, planned]] of plan.names.entries()) {
      await this.#pace.step();
      let name: string | undefined = planned;
      if (plan.conflict !== "rename") name = await this.#join(root, planned, plan.conflict, isAgain);
      else {
        while (!this.#move(root, name, isAgain)) {
          // Somebody was faster.
          name = this.#free(options.as ?? safeFileName(root), "rename", new Set(names.map(([, taken]) => taken)));
          names = names.with(i, [root, name]);
          await this.#save({ ...plan, names });
        }
      }
      if (name === undefined) continue;
      if (name !== (options.as ?? root)) this.#note(root, "renamed", name);
      if (paths.length < LIMITS.offerRoots) paths.push(join(into, name));
    }
    this.#flusher.add(this.#target.list(".").fd);
    await this.#flusher.flushed();
    return { paths, notes: { count: this.#noteCount, first: this.#notes } };
  }

  #choose({ conflict, as }: PlaceOptions): Plan["names"] {
    const roots = namesIn(this.#roots).map(fromBytes);
    if (as !== undefined && roots.length !== 1)
      throw new CoveyError("bad-argument", `one name can't be for ${roots.length} things`);
    if (as !== undefined && !isName(as)) throw new CoveyError("bad-argument", `"${as}" is no name for it`);
    const taken = new Set<string>();
    return roots.map((root) => {
      const name = this.#free(as ?? safeFileName(root), conflict, taken);
      taken.add(name);
      return [root, name];
    });
  }

  /** The name, or the next that is not taken: by another root, by whom only `rename` minds. */
  #free(wanted: string, conflict: Conflict, taken: ReadonlySet<string>): string {
    for (const name of freeNames(wanted)) {
      if (!taken.has(name) && (conflict !== "rename" || look(this.#target.at(name)) === undefined)) return name;
    }
    throw new CoveyError("conflict", `${LIMITS.freeNames} names beside "${wanted}" are taken`, {
      hint: "Receive it into another directory.",
    });
  }

  /** False when the name is taken. */
  #move(root: string, name: string, isAgain: boolean): boolean {
    try {
      const from = this.#roots.at(root);
      return look(from) === undefined || placeNew(from, this.#target.at(name), isAgain);
    } catch (error) {
      throw writeFailure(error, `put "${root}" in its place`);
    }
  }

  /** undefined when it stays. */
  async #join(root: string, name: string, conflict: "skip" | "overwrite", again: boolean): Promise<string | undefined> {
    const merging = {
      conflict,
      again,
      flusher: this.#flusher,
      pace: this.#pace,
      note: (path: string, code: TreeNoteCode) => this.#note(path, code),
    };
    return (await merge([this.#roots, root], [this.#target, name], root, merging)) ? name : undefined;
  }

  #note(path: string, code: TreeNoteCode, now?: string): void {
    this.#noteCount++;
    if (this.#notes.length < LIMITS.treeNotes) this.#notes.push({ path, code, ...(now === undefined ? {} : { now }) });
  }

  #save(plan: Plan): Promise<void> {
    return writeState(this.#staging, { open: [], plan, placed: undefined }, this.#flusher);
  }
}

const isName = (text: string): boolean => !/^\.{0,2}$|[/\0]/.test(text);

const isSame = (plan: Plan | undefined, into: string, { conflict, as }: PlaceOptions): plan is Plan =>
  plan?.into === into && plan.conflict === conflict && plan.as === as;
