// Much output, at the pace of whoever reads it.

import { untilAborted } from "../core/async.ts";
import { CoveyError, fromPlatform } from "../core/errors.ts";

const PENDING_CHARS = 64 * 1024;

/** Resolves once it is out. Rejects with the signal's reason, or with what the output can't do: a full disk, say. */
export function write(part: string | Uint8Array, signal: AbortSignal): Promise<void> {
  const written = new Promise<void>((resolve, reject) => {
    process.stdout.write(part, (error) => (error instanceof Error ? reject(outputFailed(error)) : resolve()));
  });
  return untilAborted(written, signal);
}

/** Its hint is not that of a file which is received: nothing goes on from where it was. */
export function outputFailed(cause: Error): CoveyError {
  const { code, message } = fromPlatform(cause, "write the output");
  return new CoveyError(code, message, { cause });
}

/** Lines that may be many: the first is written at once, and those that come while it is being written go together. */
export class Lines {
  readonly #signal: AbortSignal;
  #pending = "";
  #writing: Promise<void> | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Resolves when there is room for more. Rejects as `write` does, for any line before. */
  async add(line: string): Promise<void> {
    this.#pending += line;
    if (this.#writing === undefined) {
      this.#writing = this.#writeAll();
      // Whoever comes next is told.
      this.#writing.catch(() => {});
    } else if (this.#pending.length > PENDING_CHARS) await this.#writing;
  }

  async end(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#pending !== "") {
      const part = this.#pending;
      this.#pending = "";
      await write(part, this.#signal);
    }
    this.#writing = undefined;
  }
}
