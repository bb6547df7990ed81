// Room on the disk. What transfers that run still need of it is theirs: two that fit alone would fill it together, and both wait for ever.

import { stat, statfs } from "node:fs/promises";

import { fromPlatform } from "../../../core/errors.ts";

interface Taken {
  readonly device: number;
  /** Bytes that it still needs, now. */
  left(): number;
}

export class Room {
  readonly #taken = new Set<Taken>();

  /** Resolves to the function that gives it back; to undefined when what is left does not fit beside what others need. */
  async take(directory: string, left: () => number): Promise<(() => void) | undefined> {
    const [{ dev: device }, { bavail, bsize }] = await Promise.all([stat(directory), statfs(directory)]).catch(
      (error: unknown) => {
        throw fromPlatform(error, `look for room in ${JSON.stringify(directory)}`);
      },
    );
    const promised = [...this.#taken].reduce((sum, taken) => sum + (taken.device === device ? taken.left() : 0), 0);
    if (left() > 0 && left() > bavail * bsize - promised) return undefined;
    const taken = { device, left };
    this.#taken.add(taken);
    return () => this.#taken.delete(taken);
  }
}
