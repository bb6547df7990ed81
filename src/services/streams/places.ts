// How many streams there may be at once: of one peer, so that the session has room for everything else, and in all.

import { CoveyError } from "../../core/errors.ts";
import type { PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";

export class Places {
  readonly #byPeer = new Map<PeerId, number>();
  #all = 0;

  /** A place until it is disposed of. Throws `limit`. */
  take(peer: PeerId): Disposable {
    const held = this.#byPeer.get(peer) ?? 0;
    if (held >= LIMITS.streamsPerPeer) throw tooMany(`${held} streams with this peer are open already`);
    if (this.#all >= LIMITS.streamsOpen) throw tooMany(`${this.#all} streams are open already`);
    this.#byPeer.set(peer, held + 1);
    this.#all++;
    let given = false;
    return {
      [Symbol.dispose]: () => {
        if (given) return;
        given = true;
        this.#all--;
        const left = this.#byPeer.get(peer)! - 1;
        if (left > 0) this.#byPeer.set(peer, left);
        else this.#byPeer.delete(peer);
      },
    };
  }
}

const tooMany = (problem: string): CoveyError => new CoveyError("limit", problem, { hint: "End some of them first." });
