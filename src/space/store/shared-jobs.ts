// The shared memory through which helpers take signing and verifying off the store's thread, which is most of the work of a batch.
//
//   1. the owner publishes a job as soon as its bytes are there, and goes on with the next  2. helpers take jobs from the front
//   3. when the owner needs a result that nobody has begun, it makes it; if somebody has, it does one from the back meanwhile
//
//   control   published: counts, helpers sleep on it; STOP ends them     (int32, Atomics only)
//   states    of each job: empty, free, taken, done                       (int32, Atomics only)
//   table     of each job: offset, length, verifies, genuine              (int32; written by the owner before `free`, by the taker
//   data      of each job: signature 64, public key 32, the message        before `done`)

import { sign, verify } from "../signing.ts";

const STOP = -1;
const EMPTY = 0;
const FREE = 1;
const TAKEN = 2;
const DONE = 3;

const MAX_JOBS = 4096;
const TABLE_WORDS = 4;
const DATA_BYTES = 4 * 1024 * 1024;
const SIGNATURE = 64;
const KEY = 32;
/** A helper that takes longer over one job is gone. */
const PATIENCE_MS = 5000;

const STATES_AT = 4;
const TABLE_AT = STATES_AT + MAX_JOBS * 4;
const DATA_AT = TABLE_AT + MAX_JOBS * TABLE_WORDS * 4;

export const sharedMemory = (): SharedArrayBuffer => new SharedArrayBuffer(DATA_AT + DATA_BYTES);

/** To verify, or (without signature and key) to sign. */
export interface Job {
  readonly message: Buffer;
  readonly signature?: Buffer;
  readonly publicKey?: Buffer;
}

export class SharedJobs {
  readonly #published: Int32Array;
  readonly #states: Int32Array;
  readonly #table: Int32Array;
  readonly #data: Buffer;
  readonly #secretKey: Buffer;
  #jobs = 0;
  #bytes = 0;
  /** Where the owner looks next when it works from the back. */
  #back = 0;

  constructor(memory: SharedArrayBuffer, secretKey: Uint8Array) {
    this.#published = new Int32Array(memory, 0, 1);
    this.#states = new Int32Array(memory, STATES_AT, MAX_JOBS);
    this.#table = new Int32Array(memory, TABLE_AT, MAX_JOBS * TABLE_WORDS);
    this.#data = Buffer.from(memory, DATA_AT, DATA_BYTES);
    this.#secretKey = Buffer.from(secretKey);
  }

  /** The owner: forgets the jobs of the last batch, also those that it left when it failed. */
  begin(): void {
    for (let job = 0; job < this.#jobs; job++) {
      if (Atomics.compareExchange(this.#states, job, FREE, EMPTY) === FREE) continue;
      this.#finish(job);
      Atomics.store(this.#states, job, EMPTY);
    }
    this.#jobs = 0;
    this.#bytes = 0;
  }

  /** The owner: undefined when there is no room for more. */
  publish({ message, signature, publicKey }: Job): number | undefined {
    const length = SIGNATURE + KEY + message.length;
    if (this.#jobs === MAX_JOBS || this.#bytes + length > DATA_BYTES) return undefined;
    const job = this.#jobs++;
    const at = this.#bytes;
    this.#bytes += length;
    this.#table[job * TABLE_WORDS] = at;
    this.#table[job * TABLE_WORDS + 1] = length;
    this.#table[job * TABLE_WORDS + 2] = signature === undefined ? 0 : 1;
    if (signature !== undefined) this.#data.set(signature, at);
    if (publicKey !== undefined) this.#data.set(publicKey, at + SIGNATURE);
    this.#data.set(message, at + SIGNATURE + KEY);
    Atomics.store(this.#states, job, FREE);
    Atomics.add(this.#published, 0, 1);
    Atomics.notify(this.#published, 0);
    this.#back = job;
    return job;
  }

  /** The owner, once the job is needed. */
  signatureOf(job: number): Buffer {
    this.#finish(job);
    const at = this.#table[job * TABLE_WORDS]!;
    const signature = Buffer.allocUnsafe(SIGNATURE);
    this.#data.copy(signature, 0, at, at + SIGNATURE);
    return signature;
  }

  /** The owner, once the job is needed. */
  isGenuine(job: number): boolean {
    this.#finish(job);
    return this.#table[job * TABLE_WORDS + 3] === 1;
  }

  /** The owner: helpers end. */
  stop(): void {
    Atomics.store(this.#published, 0, STOP);
    Atomics.notify(this.#published, 0);
  }

  /** A helper: until it is stopped. */
  help(): void {
    for (let seen; (seen = Atomics.load(this.#published, 0)) !== STOP; Atomics.wait(this.#published, 0, seen)) {
      for (let job = 0; job < MAX_JOBS && Atomics.load(this.#states, job) !== EMPTY; job++) this.#take(job);
    }
  }

  /** Returns once the job is done: by a helper, or here. */
  #finish(job: number): void {
    for (let state; (state = Atomics.load(this.#states, job)) !== DONE;) {
      if (state === FREE) this.#take(job);
      else if (!this.#takeFromBack() && Atomics.wait(this.#states, job, TAKEN, PATIENCE_MS) === "timed-out") this.#do(job);
    }
  }

  #takeFromBack(): boolean {
    while (this.#back > 0) if (this.#take(this.#back--)) return true;
    return false;
  }

  #take(job: number): boolean {
    if (Atomics.compareExchange(this.#states, job, FREE, TAKEN) !== FREE) return false;
    this.#do(job);
    return true;
  }

  #do(job: number): void {
    const at = this.#table[job * TABLE_WORDS]!;
    const length = this.#table[job * TABLE_WORDS + 1]!;
    // A copy: native code is not to read memory that other threads can change.
    const copy = Buffer.from(this.#data.subarray(at, at + length));
    const message = copy.subarray(SIGNATURE + KEY);
    if (this.#table[job * TABLE_WORDS + 2] === 0) {
      this.#data.set(sign(message, this.#secretKey), at);
    } else {
      const genuine = verify(message, copy.subarray(0, SIGNATURE), copy.subarray(SIGNATURE, SIGNATURE + KEY));
      this.#table[job * TABLE_WORDS + 3] = Number(genuine);
    }
    Atomics.store(this.#states, job, DONE);
    Atomics.notify(this.#states, job);
  }
}
