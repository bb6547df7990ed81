// Buffers from who brings them to who takes them, one at a time: whoever brings the next one waits until the last was taken.

import { CoveyError } from "../../../core/errors.ts";

export class HandOver {
  #held: Buffer | undefined;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  /** Resolves when it is held. Rejects with `closed` after the end. */
  async put(bytes: Buffer): Promise<void> {
    while (this.#held !== undefined && !this.#ended) await this.#changed.promise;
    if (this.#ended) throw new CoveyError("closed", "nobody takes this any more");
    this.#held = bytes;
    this.#change();
  }

  /** Until the end, with what was held then. */
  async *taken(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const bytes = this.#held;
      if (bytes !== undefined) {
        this.#held = undefined;
        this.#change();
        yield bytes;
      } else if (this.#ended) {
        return;
      } else {
        await this.#changed.promise;
      }
    }
  }

  end(): void {
    this.#ended = true;
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
