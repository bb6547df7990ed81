// What is being sent now: how much to whom, and the way to cut it.

import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";

interface Run {
  readonly peer: PeerId;
  readonly route: string;
  /** Of an offer, or a share. */
  readonly offer: string;
  readonly path: string | undefined;
}

interface Running extends Run {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class RunningSends {
  readonly #all = new Set<Running>();

  count(matches: (run: Run) => boolean): number {
    return [...this.#all].filter(matches).length;
  }

  /** The signal aborts when the work is stopped. */
  async run(run: Run, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const running = { ...run, abort, ended };
    this.#all.add(running);
    try {
      await work(abort.signal);
    } finally {
      this.#all.delete(running);
      resolve();
    }
  }

  /** Resolves when none that match run any more. */
  async stop(matches: (run: Run) => boolean): Promise<void> {
    for (let found; (found = [...this.#all].filter(matches)).length > 0;) {
      for (const { abort } of found) abort.abort(new CoveyError("closed", "the transfer was stopped"));
      await Promise.all(found.map(({ ended }) => ended));
    }
  }
}
