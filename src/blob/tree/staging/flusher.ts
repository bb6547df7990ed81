// Files and directories that are written, on their way to the disk: flushed a few at a time while the next are written, then closed.
//
// One after the other, every flush waits for a commit of the file system's journal; several at once share one.

import { closeSync, fsync } from "node:fs";

import type { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { writeFailure } from "./failure.ts";

interface Job {
  readonly fd: number;
  readonly done: () => void;
}

export class Flusher {
  readonly #waiting: Job[] = [];
  readonly #jobs = new Set<Promise<void>>();
  #running = 0;
  /** The first failure is final: what a failed flush left in the page cache can't be known. */
  #failed: CoveyError | undefined;

  /** Whether `add` has to wait for `room`. */
  get isFull(): boolean {
    return this.#jobs.size >= LIMITS.treeUnflushed;
  }

  /** Takes the handle over: it is flushed and closed. */
  add(fd: number): void {
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
      closeSync(fd);
      done();
    }
    await Promise.all(this.#jobs);
  }

  #start(): void {
    while (this.#running < LIMITS.treeFlushesAtOnce) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running++;
      fsync(job.fd, (failure) => {
        closeSync(job.fd);
        this.#running--;
        if (failure !== null) this.#failed ??= writeFailure(failure, "make what was received durable");
        job.done();
        this.#start();
      });
    }
  }
}
