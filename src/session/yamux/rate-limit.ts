// How often a peer may do what costs us more than it costs the peer.

import { CoveyError } from "../../core/errors.ts";

/** A bucket of `perSecond` tokens that fills up again within a second. */
export class RateLimit {
  readonly #what: string;
  readonly #perSecond: number;
  #tokens: number;
  #filledAtMs = performance.now();

  constructor(what: string, perSecond: number) {
    this.#what = what;
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  /** Throws `limit` when it happened too often. */
  take(): void {
    if (this.#tokens < 1) this.#fill();
    if (this.#tokens < 1)
      throw new CoveyError("limit", `the other peer sent more than ${this.#perSecond} ${this.#what} a second`);
    this.#tokens--;
  }

  /** Permits one more. */
  give(): void {
    this.#tokens++;
  }

  #fill(): void {
    const nowMs = performance.now();
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond);
    this.#filledAtMs = nowMs;
  }
}
