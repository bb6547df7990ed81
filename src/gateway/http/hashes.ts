// BLAKE3 of the files that are served, made once for each version of a file, whoever asks for it.
//
//   wanted now: at most so many at once, in the order asked for       wanted later: one, slowly, when there is nothing else to do
//   wanted by nobody any more: it is given up, and the file closed
//
// What is known is kept for LIMITS.gatewayHashes files, the ones that were asked for last.

import { sleep, untilAborted, withDeadline } from "../../core/async.ts";
import { createHasher } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ServedFile } from "./served-file.ts";

/** Hex; undefined when the file changed meanwhile, or can't be read. */
type Hash = string | undefined;

interface Job {
  readonly file: ServedFile;
  readonly hash: Promise<Hash>;
  readonly settle: (hash: Hash) => void;
  /** Those who wait for it. */
  waiting: number;
  /** It is to be made although nobody waits. */
  later: boolean;
}

const isUrgent = ({ waiting }: Job): boolean => waiting > 0;
const isWanted = ({ waiting, later }: Job): boolean => waiting > 0 || later;

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

  /** Undefined as well when it takes longer than LIMITS.gatewayHashMs: then it is made later. Throws the signal's reason. */
  async wantNow(file: ServedFile, signal?: AbortSignal): Promise<Hash> {
    const known = this.known(file);
    if (known !== undefined || this.#closing.signal.aborted) return known;
    const job = this.#jobOf(file);
    job.waiting++;
    this.#startNext();
    try {
      return await untilAborted(withDeadline(job.hash, LIMITS.gatewayHashMs, "hashing"), signal);
    } catch {
      signal?.throwIfAborted();
      this.wantLater(file);
      return undefined;
    } finally {
      job.waiting--;
      if (!isWanted(job) && this.#jobs.get(file.version) === job && !this.#running.has(job)) await this.#done(job, undefined);
    }
  }

  wantLater(file: ServedFile): void {
    if (this.#known.has(file.version) || this.#closing.signal.aborted) return;
    const later = [...this.#jobs.values()].filter((job) => job.later);
    if (later.length >= LIMITS.gatewayHashQueue) return;
    this.#jobOf(file).later = true;
    this.#startNext();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const job of this.#jobs.values()) if (!this.#running.has(job)) await this.#done(job, undefined);
    await Promise.all(this.#running.values());
  }

  /** It holds the file until it is done. */
  #jobOf(file: ServedFile): Job {
    const before = this.#jobs.get(file.version);
    if (before !== undefined) return before;
    const { promise, resolve } = Promise.withResolvers<Hash>();
    const job = { file: file.hold(), hash: promise, settle: resolve, waiting: 0, later: false };
    this.#jobs.set(file.version, job);
    return job;
  }

  #startNext(): void {
    if (this.#closing.signal.aborted) return;
    const waiting = [...this.#jobs.values()].filter((job) => !this.#running.has(job));
    const next = waiting.find(isUrgent) ?? waiting[0];
    if (next === undefined || this.#running.size >= LIMITS.gatewayHashing) return;
    // One place is left for what somebody waits for.
    if (!isUrgent(next) && ![...this.#running.keys()].every(isUrgent)) return;
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
      if (!isUrgent(job) && this.#isBusy()) await sleep(LIMITS.gatewayHashPauseMs, this.#closing.signal);
      const part = block.subarray(0, Math.min(block.length, file.size - at));
      if (this.#closing.signal.aborted || !isWanted(job) || !(await file.readInto(part, at))) return undefined;
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
