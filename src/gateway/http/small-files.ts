// Small files that were just asked for, in memory: when one is asked for again, nothing is opened, read or hashed.
//
//  1. openBelow has gone to it name by name, and told the state of each directory on the way
//  2. it is read whole, and kept with the states of the way and its own
//  3. asked for again, every place on the way is looked at by its path, all at once. While each is in the very state that it was in, the
//     way leads to these bytes: another thing in a place changes the directory around it, as does what makes that directory a peer's home;
//     new bytes, or another right to them, change the file. A look that a link leads elsewhere finds another state there
//  4. in doubt, and when it has been kept for LIMITS.gatewayCachedMs, it is gone to again: it is never wrong to do that
//
// What is said of links, homes and rights is said in one place only, openBelow. A file that is reached through a link is not kept.

import type { BigIntStats } from "node:fs";

import type { Clock } from "../../core/clock.ts";
import { hash } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import { Looks } from "./looks.ts";
import { type Representation, representationOf } from "./representation.ts";
import { type ServedFile, versionOf } from "./served-file.ts";

export interface SmallFile {
  readonly bytes: Buffer;
  readonly about: Representation;
}

/** How the walk came to a file. */
export interface Walked {
  readonly names: readonly Buffer[];
  /** Of the directories, see FoundFile. */
  readonly way: readonly BigIntStats[] | undefined;
  /** When it began. */
  readonly begunMs: number;
}

interface Place {
  /** A character for each byte. */
  readonly path: string;
  readonly version: string;
}

interface Kept {
  readonly file: SmallFile;
  /** From the root to the file. */
  readonly places: readonly Place[];
  readonly untilMs: number;
}

/**
 * Times tell of no change in the same tick of the file system's clock, and the coarsest one (FAT) ticks every two seconds: what changed
 * so recently could change again unseen.
 */
const SETTLED_MS = 3000;

export class SmallFiles {
  readonly #root: string;
  readonly #clock: Clock;
  /** By path below the root. All live equally long: the first is the one to go first. */
  readonly #kept = new Map<string, Kept>();
  readonly #looks = new Looks();
  #bytes = 0;

  constructor(root: string, clock: Clock) {
    this.#root = Buffer.from(root).toString("latin1");
    this.#clock = clock;
  }

  /** undefined: it is to be gone to. */
  async find(names: readonly Buffer[]): Promise<SmallFile | undefined> {
    const kept = this.#kept.get(keyOf(names));
    if (kept === undefined || kept.untilMs <= this.#clock.monotonicMs()) return undefined;
    const states = await Promise.all(kept.places.map(({ path }, depth) => this.#looks.at(path, depth === 0)));
    return kept.places.every(({ version }, depth) => states[depth] === version) ? kept.file : undefined;
  }

  /** undefined: it is not small, or changes. */
  async read(file: ServedFile, walked: Walked): Promise<SmallFile | undefined> {
    if (file.size > LIMITS.gatewayCachedFileBytes) return undefined;
    const bytes = await file.readWhole();
    if (bytes === undefined) return undefined;
    const name = walked.names.at(-1)!;
    const small = { bytes, about: representationOf(name, file, hash(bytes).toString("hex"), this.#clock.nowMs()) };
    this.#keep(small, file, walked);
    return small;
  }

  #keep(small: SmallFile, { version, changedMs }: ServedFile, { names, way, begunMs }: Walked): void {
    if (way === undefined) return;
    const lastChangeMs = Math.max(changedMs, ...way.map(({ mtimeMs, ctimeMs }) => Math.max(Number(mtimeMs), Number(ctimeMs))));
    if (begunMs - lastChangeMs < SETTLED_MS) return;
    const versions = [...way.map(versionOf), version];
    let path = this.#root;
    const places = versions.map((state, depth): Place => {
      if (depth > 0) path += `/${names[depth - 1]!.toString("latin1")}`;
      return { path, version: state };
    });
    const key = keyOf(names);
    this.#drop(key);
    this.#kept.set(key, { file: small, places, untilMs: this.#clock.monotonicMs() + LIMITS.gatewayCachedMs });
    this.#bytes += small.bytes.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= LIMITS.gatewayCachedFiles && this.#bytes <= LIMITS.gatewayCachedBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.file.bytes.length ?? 0;
    this.#kept.delete(key);
  }
}

/** No name has a slash in it. */
const keyOf = (names: readonly Buffer[]): string => names.map((name) => name.toString("latin1")).join("/");
