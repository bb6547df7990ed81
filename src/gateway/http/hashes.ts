// BLAKE3 of the files that are served, made once for each version of a file, whoever asks for it.
//
//   wanted now: at most so many at once, in the order asked for       wanted later: one, slowly, when there is nothing else to do
//
// What is known is kept for LIMITS.gatewayHashes files, the ones that were asked for last.

import { sleep } from "../../core/async.ts";
import { createHasher } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ServedFile } from "./served-file.ts";

/** Hex; undefined when the file changed meanwhile, or can't be read. */
type Hash = string | undefined;

interface Job {
  readonly file: ServedFile;
  readonly hash: Promise<Hash>;
  readonly settle: (hash: Hash) => void;
  urgent: boolean;
}

export class Hashes {
  readonly #known = new Map<string, string>();
  readonly #jobs = new Map<string, Job>();
  readonly #running = new Map<Job, Promise<void>>();
  readonly #isBusy: () => boolean;
  readonly #closing = new AbortController();

  /** `isBusy`: while it says so, what is wanted later goes slowly. */
  constructor(isBusy: () => boolean) {
    this.#isBusy = isBusy;
  }

  known({ version }: ServedFile): Hash {
    const hash = this.#known.get(version);
    if (hash !== undefined) this.#remember(version, hash);
    return hash;
  }

  /** The file is held until it is done. */
  async wantNow(file: ServedFile): Promise<Hash> {
    return this.known(file) ?? (await this.#want(file, true));
  }

  wantLater(file: ServedFile): void {
    if (!this.#known.has(file.version) && this.#jobs.size < LIMITS.gatewayHashQueue) void this.#want(file, false);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const job of this.#jobs.values()) if (!this.#running.has(job)) await this.#done(job, undefined);
    await Promise.all(this.#running.values());
  }

  async #want(file: ServedFile, urgent: boolean): Promise<Hash> {
    if (this.#closing.signal.aborted) return undefined;
    let job = this.#jobs.get(file.version);
    if (job === undefined) {
      const { promise, resolve } = Promise.withResolvers<Hash>();
      job = { file: file.hold(), hash: promise, settle: resolve, urgent };
      this.#jobs.set(file.version, job);
    }
    job.urgent ||= urgent;
    this.#startNext();
    return job.hash;
  }

  #startNext(): void {
    if (this.#closing.signal.aborted) return;
    const waiting = [...this.#jobs.values()].filter((job) => !this.#running.has(job));
    const next = waiting.find(({ urgent }) => urgent) ?? waiting[0];
    if (next === undefined || this.#running.size >= LIMITS.gatewayHashing) return;
    // One place is left for what somebody waits for.
    if (!next.urgent && [...this.#running.keys()].some(({ urgent }) => !urgent)) return;
    this.#running.set(next, this.#run(next));
    this.#startNext();
  }

  async #run(job: Job): Promise<void> {
    const hash = await this.#hash(job).catch(() => undefined);
    if (hash !== undefined) this.#remember(job.file.version, hash);
    this.#running.delete(job);
    await this.#done(job, hash);
    this.#startNext();
  }

  async #done(job: Job, hash: Hash): Promise<void> {
    this.#jobs.delete(job.file.version);
    job.settle(hash);
    await job.file.release().catch(() => {});
  }

  async #hash(job: Job): Promise<Hash> {
    const { file } = job;
    const hasher = createHasher();
    const block = Buffer.allocUnsafeSlow(Math.min(file.size, LIMITS.gatewayBlockBytes));
    for (let at = 0; at < file.size; at += block.length) {
      if (!job.urgent && this.#isBusy()) await sleep(LIMITS.gatewayHashPauseMs, this.#closing.signal);
      const part = block.subarray(0, Math.min(block.length, file.size - at));
      if (this.#closing.signal.aborted || !(await file.readInto(part, at))) return undefined;
      hasher.update(part);
    }
    return (await file.isUnchanged()) ? hasher.digest().toString("hex") : undefined;
  }

  #remember(version: string, hash: string): void {
    this.#known.delete(version);
    this.#known.set(version, hash);
    if (this.#known.size > LIMITS.gatewayHashes) this.#known.delete(this.#known.keys().next().value!);
  }
}
