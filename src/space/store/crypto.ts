// Signatures: those of small batches are made on this thread when they are needed, those of large ones together with helpers
// (shared-jobs.ts), which start with the first large one.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import { secretKeyOf, sign, verify } from "../signing.ts";
import type { HelperOptions } from "./helper.ts";
import { sharedMemory, SharedJobs } from "./shared-jobs.ts";

/** Fewer are done before a helper has woken up. */
const WORTH_SHARING = 32;
/** The thread that serves people keeps a core where there are several. */
const HELPERS = Math.min(3, availableParallelism() - 1);

/** It makes two small buffers for each job, and nothing else. */
const HELPER_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

/** A signature to verify. */
export interface Claim {
  readonly message: Buffer;
  /** 64 bytes. */
  readonly signature: Buffer;
  readonly publicKey: Buffer;
}

/** Work is asked for early and its result fetched late: in between, helpers do it. Results are to be fetched before the next batch. */
export interface SignatureBatch {
  sign(message: Buffer): () => Buffer;
  verify(claim: Claim): () => boolean;
}

export class Crypto {
  readonly #secretKey: Buffer;
  readonly #here: SignatureBatch;
  #shared: SharedJobs | undefined;
  #helpers: readonly Worker[] = [];

  constructor(seed: Uint8Array) {
    const secretKey = secretKeyOf(seed);
    this.#secretKey = secretKey;
    this.#here = {
      sign: (message) => () => sign(message, secretKey),
      verify:
        ({ message, signature, publicKey }) =>
        () =>
          verify(message, signature, publicKey),
    };
  }

  batch(size: number): SignatureBatch {
    if (HELPERS === 0 || size < WORTH_SHARING) return this.#here;
    const shared = (this.#shared ??= this.#start());
    shared.begin();
    return {
      sign: (message) => {
        const job = shared.publish({ message });
        return job === undefined ? this.#here.sign(message) : () => shared.signatureOf(job);
      },
      verify: (claim) => {
        const job = shared.publish(claim);
        return job === undefined ? this.#here.verify(claim) : () => shared.isGenuine(job);
      },
    };
  }

  close(): void {
    this.#shared?.stop();
    for (const helper of this.#helpers) void helper.terminate();
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
        resourceLimits: HELPER_LIMITS,
      });
      // Without its help the work is done here.
      helper.on("error", () => {});
      helper.unref();
      return helper;
    });
    return new SharedJobs(memory, this.#secretKey);
  }
}
