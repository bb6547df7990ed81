// Whether the records of a walk are what was asked for: one thing after the other, each new, each in a directory that was told before.
// Held is where the walk stands, never what came.

import { CoveyError } from "../../../core/errors.ts";
import type { TreeRecord } from "../../../blob/tree/pack.ts";
import { comparePaths, parentOf } from "../../../blob/tree/paths.ts";

export class WalkOrder {
  readonly #root: string;
  readonly #deep: boolean;
  /** The directories that the last thing is in, and itself if it is one; the outermost first. */
  readonly #open: string[] = [];
  #last: string | undefined;

  /** `root`: the name of the thing that was asked for. `deep`: with what is in directories below it. */
  constructor(root: string, deep: boolean) {
    this.#root = root;
    this.#deep = deep;
  }

  /** The path of the last thing that was taken in. */
  get last(): string | undefined {
    return this.#last;
  }

  /** Throws `protocol`. */
  take({ type, path }: Pick<TreeRecord, "type" | "path">): void {
    if (this.#last === undefined) {
      if (path !== this.#root) throw wrong("something else than was asked for");
    } else {
      if (comparePaths(this.#last, path) >= 0) throw wrong("things out of order");
      const parent = parentOf(path);
      while (this.#open.length > 0 && !isWithin(parent, this.#open.at(-1)!)) this.#open.pop();
      if (parent !== this.#open.at(-1)) throw wrong("something in a directory that it did not list");
    }
    if (type === "directory" && (this.#deep || path === this.#root)) this.#open.push(path);
    this.#last = path;
  }

  /** Nothing comes any more. Throws `protocol`. */
  end(): void {
    if (this.#last === undefined) throw wrong("nothing at all");
  }
}

const isWithin = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

const wrong = (what: string): CoveyError =>
  new CoveyError("protocol", `the other device listed ${what}`, {
    hint: "What it says can't be relied on; nothing of it was kept.",
  });
