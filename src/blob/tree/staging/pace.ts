// Long work in the thread of trees, cut short enough for what else is to be done there.

import { setImmediate } from "node:timers/promises";

const STEPS = 128;

export class Pace {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Before each step. Throws the signal's reason. */
  async step(): Promise<void> {
    if (++this.#steps % STEPS !== 0) return;
    await setImmediate();
    this.#signal?.throwIfAborted();
  }
}
