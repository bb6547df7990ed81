// Files and directories that are written, on their way to the disk: flushed a few at a time while the next are written, then closed.
//
// One after the other, every flush waits for a commit of the file system's journal; several at once share one. Where there is nothing to
// wait for, in memory, another thread costs twenty times what the flush does: then it is done here. One in TRY_EACH is in any case, to see.

import { closeSync, fsync, fsyncSync } from "node:fs";

import type { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { writeFailure } from "./failure.ts";

/** No more than handing it to another thread takes. */
const QUICK_MS = 0.02;
const TRY_EACH = 64;

interface Job {
  readonly fd: number;
  readonly done: () => void;
}

export class Flusher {
  readonly #waiting: Job[] = [];
  readonly #jobs = new Set<Promise<void>>();
  #running = 0;
  #added = 0;
  /** The last flush that was done here was no longer than QUICK_MS. */
  #isQuick = false;
  /** The first failure is final: what a failed flush left in the page cache can't be known. */
  #failed: CoveyError | undefined;

  /** Whether `add` has to wait for `room`. */
  get isFull(): boolean {
    return this.#jobs.size >= LIMITS.treeUnflushed;
  }

  /** Takes the handle over: it is flushed and closed. */
  add(fd: number): void {
    if (this.#isQuick || this.#added++ % TRY_EACH === 0) return this.#flush(fd);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#jobs.add(promise);
    this.#waiting.push({
      fd,
      done: () => {
        this.#jobs.delete(promise);
        resolve();
      },
    });
    this.#start();
  }

  /** Resolves when the older half of what waits has gone. Rejects once a flush has failed. */
  async room(): Promise<void> {
    await Promise.all([...this.#jobs].slice(0, LIMITS.treeUnflushed / 2));
    this.check();
  }

  /** Resolves when everything added before the call is durable. Rejects once a flush has failed. */
  async flushed(): Promise<void> {
    await Promise.all(this.#jobs);
    this.check();
  }

  check(): void {
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Closes what was not begun, and waits for the rest. */
  async stop(): Promise<void> {
    for (const { fd, done } of this.#waiting.splice(0)) {
      this.#close(fd);
      done();
    }
    await Promise.all(this.#jobs);
  }

  #flush(fd: number): void {
    const from = performance.now();
    try {
      fsyncSync(fd);
    } catch (error) {
      this.#fail(error);
    }
    this.#isQuick = performance.now() - from < QUICK_MS;
    this.#close(fd);
  }

  /** Some file systems write only now, and tell only now that they could not. */
  #close(fd: number): void {
    try {
      closeSync(fd);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failed ??= writeFailure(error, "make what was received durable");
  }

  #start(): void {
    while (this.#running < LIMITS.treeFlushesAtOnce) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running++;
      fsync(job.fd, (failure) => {
        this.#running--;
        if (failure !== null) this.#fail(failure);
        this.#close(job.fd);
        job.done();
        this.#start();
      });
    }
  }
}
