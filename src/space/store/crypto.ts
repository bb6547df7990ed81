// Signatures by the batch: small ones on this thread, large ones together with helpers (shared-jobs.ts), which start with the first.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import { secretKeyOf, sign, verify } from "../signing.ts";
import type { HelperOptions } from "./helper.ts";
import type { Claim } from "./replicate.ts";
import { type Job, ROUND, sharedMemory, SharedJobs, STOP } from "./shared-jobs.ts";

/** Fewer are done before a helper has woken up. */
const WORTH_SHARING = 32;
/** The thread that serves people keeps a core where there are several. */
const HELPERS = Math.min(3, availableParallelism() - 1);

export class Crypto {
  readonly #secretKey: Buffer;
  #shared: SharedJobs | undefined;
  #helpers: readonly Worker[] = [];

  constructor(seed: Uint8Array) {
    this.#secretKey = secretKeyOf(seed);
  }

  /** In the order of the messages. */
  signAll(messages: readonly Buffer[]): readonly Buffer[] {
    if (!isShared(messages)) return messages.map((message) => sign(message, this.#secretKey));
    return this.#share(
      messages.map((message) => ({ message })),
      (jobs, item) => jobs.signatureOf(item),
    );
  }

  verifyAll(claims: readonly Claim[]): readonly boolean[] {
    if (!isShared(claims)) return claims.map(({ message, signature, publicKey }) => verify(message, signature, publicKey));
    return this.#share(claims, (jobs, item) => jobs.isGenuine(item));
  }

  close(): void {
    if (this.#shared === undefined) return;
    Atomics.store(this.#shared.control, ROUND, STOP);
    Atomics.notify(this.#shared.control, ROUND);
    for (const helper of this.#helpers) void helper.terminate();
  }

  #share<Result>(jobs: readonly Job[], result: (shared: SharedJobs, item: number) => Result): readonly Result[] {
    const shared = (this.#shared ??= this.#start());
    const results: Result[] = [];
    while (results.length < jobs.length) {
      const count = shared.open(jobs, results.length);
      shared.work();
      shared.finish(count);
      for (let item = 0; item < count; item++) results.push(result(shared, item));
    }
    return results;
  }

  #start(): SharedJobs {
    const memory = sharedMemory();
    const workerData: HelperOptions = { memory, secretKey: this.#secretKey };
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.#helpers = Array.from({ length: HELPERS }, () => {
      const helper = new Worker(new URL(`./helper.${extension}`, import.meta.url), {
        workerData,
        name: "store helper",
        execArgv: [],
      });
      // Without its help the work is done here.
      helper.on("error", () => {});
      helper.unref();
      return helper;
    });
    return new SharedJobs(memory, this.#secretKey);
  }
}

const isShared = (items: readonly unknown[]): boolean => HELPERS > 0 && items.length >= WORTH_SHARING;
