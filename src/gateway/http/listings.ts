// Pages of directories in memory: each is whole there while it is made, and until its client has taken it, which may be never.
//
//  1. so many are made at once; the others wait, for none of these waits for a client
//  2. so much is held for clients; beyond it the answer is 503

import { createTurns } from "../../core/async.ts";
import { LIMITS } from "../../core/limits.ts";
import { type Answer, bodyLength, problem } from "./answer.ts";

export class Listings {
  readonly #places = Array.from({ length: LIMITS.gatewayListing }, createTurns);
  #made = 0;
  #heldBytes = 0;

  /** `make` rejects when nobody waits any more. */
  async answer(make: () => Promise<Answer>, accept: string | undefined): Promise<Answer> {
    const place = this.#places[this.#made++ % this.#places.length]!;
    return place(async () => {
      const answer = await make();
      const bytes = bodyLength(answer.body);
      if (this.#heldBytes + bytes > LIMITS.gatewayListedBytes)
        return problem({ status: 503, headers: { "Retry-After": "5" } }, accept);
      this.#heldBytes += bytes;
      return { ...answer, over: () => (this.#heldBytes -= bytes) };
    });
  }
}
