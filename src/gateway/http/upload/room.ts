// Room for uploads: how many run at once, and what they take of the disk. What an upload was told to expect is its own until it has come:
// two that fit alone would fill the disk together.

import { stat, statfs } from "node:fs/promises";

import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";

export class Room {
  readonly #places = new Set<Place>();

  /** `group`: who sends, as limits count them. undefined: so many run already, in all or from there. */
  enter(group: string): Place | undefined {
    const ofGroup = [...this.#places].filter((place) => place.group === group);
    if (this.#places.size >= LIMITS.uploadsAtOnce || ofGroup.length >= LIMITS.uploadsPerAddress) return undefined;
    const place = new Place(group, this.#places);
    this.#places.add(place);
    return place;
  }
}

/** One upload's, until it is disposed of. */
export class Place implements Disposable {
  readonly group: string;
  readonly #all: Set<Place>;
  #directory = "";
  #device: number | undefined;
  #left = (): number => 0;

  constructor(group: string, all: Set<Place>) {
    this.group = group;
    this.#all = all;
  }

  /** `left`: bytes that are still to come, as far as is known. Rejects as `check` does. */
  async expect(directory: string, left: () => number): Promise<void> {
    const { dev } = await stat(directory).catch((error: unknown) => {
      throw fromPlatform(error, "look for room");
    });
    [this.#directory, this.#device, this.#left] = [directory, dev, left];
    await this.check();
  }

  /** Rejects with `no-space` when what is left of all uploads does not fit, or leaves too little free. */
  async check(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory).catch((error: unknown) => {
      throw fromPlatform(error, "look for room");
    });
    const expected = [...this.#all].reduce((sum, place) => sum + (place.#device === this.#device ? place.#left() : 0), 0);
    if (bavail * bsize - expected >= LIMITS.uploadSpareBytes) return;
    throw new CoveyError("no-space", "there is no room for it on the disk", {
      hint: "Ask whoever runs this to free some space.",
    });
  }

  [Symbol.dispose](): void {
    this.#all.delete(this);
  }
}
