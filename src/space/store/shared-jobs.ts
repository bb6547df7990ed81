// The shared memory in which the store's thread and its helpers divide signing and verifying, which is most of the work of a batch.
//
//   control   round, count, next, done            (int32, changed by Atomics only)
//   table     for each item: offset, length, key  (int32; key: 0 sign, 1 verify)
//   data      for each item: 64 bytes of signature, 32 of public key, the message
//   results   for each item: 1 done or genuine    (uint8)
//
// Nobody takes an item while `next` is CLOSED or beyond `count`, so the owner changes everything else between two rounds.

import { sign, verify } from "../signing.ts";

export const ROUND = 0;
const COUNT = 1;
const NEXT = 2;
const DONE = 3;
const CONTROL_WORDS = 4;
const TABLE_WORDS = 3;

/** More than any count; takers add a little to it. */
const CLOSED = 2 ** 30;
/** `round` when there will be no more. */
export const STOP = -1;
/** Few enough that all end at about the same time. */
const CHUNK = 8;
const MAX_ITEMS = 4096;
const DATA_BYTES = 4 * 1024 * 1024;
const SIGNATURE = 64;
const KEY = 32;
/** A helper that takes longer over a chunk is gone. */
const PATIENCE_MS = 5000;

const TABLE_AT = CONTROL_WORDS * 4;
const RESULTS_AT = TABLE_AT + MAX_ITEMS * TABLE_WORDS * 4;
const DATA_AT = RESULTS_AT + MAX_ITEMS;

export const sharedMemory = (): SharedArrayBuffer => new SharedArrayBuffer(DATA_AT + DATA_BYTES);

/** A claim to verify, or (without signature and key) a message to sign. */
export interface Job {
  readonly message: Buffer;
  readonly signature?: Buffer;
  readonly publicKey?: Buffer;
}

export class SharedJobs {
  readonly control: Int32Array;
  readonly #table: Int32Array;
  readonly #results: Uint8Array;
  readonly #data: Buffer;
  readonly #secretKey: Buffer;

  constructor(memory: SharedArrayBuffer, secretKey: Uint8Array) {
    this.control = new Int32Array(memory, 0, CONTROL_WORDS);
    this.#table = new Int32Array(memory, TABLE_AT, MAX_ITEMS * TABLE_WORDS);
    this.#results = new Uint8Array(memory, RESULTS_AT, MAX_ITEMS);
    this.#data = Buffer.from(memory, DATA_AT, DATA_BYTES);
    this.#secretKey = Buffer.from(secretKey);
  }

  /** The owner: lays out as many jobs as there is room for, and opens the round. Returns how many. */
  open(jobs: readonly Job[], from: number): number {
    Atomics.store(this.control, NEXT, CLOSED);
    let at = 0;
    let count = 0;
    for (let i = from; i < jobs.length && count < MAX_ITEMS; i++, count++) {
      const { message, signature, publicKey } = jobs[i]!;
      if (at + SIGNATURE + KEY + message.length > DATA_BYTES) break;
      this.#table.set([at, message.length, signature === undefined ? 0 : 1], count * TABLE_WORDS);
      if (signature !== undefined) this.#data.set(signature, at);
      if (publicKey !== undefined) this.#data.set(publicKey, at + SIGNATURE);
      this.#data.set(message, at + SIGNATURE + KEY);
      at += SIGNATURE + KEY + message.length;
    }
    this.#results.fill(0, 0, count);
    Atomics.store(this.control, COUNT, count);
    Atomics.store(this.control, DONE, 0);
    Atomics.store(this.control, NEXT, 0);
    Atomics.add(this.control, ROUND, 1);
    Atomics.notify(this.control, ROUND);
    return count;
  }

  /** Everybody: does what nobody has taken yet. */
  work(): void {
    const count = Atomics.load(this.control, COUNT);
    for (let first; (first = Atomics.add(this.control, NEXT, CHUNK)) < count;) {
      const end = Math.min(first + CHUNK, count);
      for (let item = first; item < end; item++) this.#do(item);
      Atomics.add(this.control, DONE, end - first);
      Atomics.notify(this.control, DONE);
    }
  }

  /** The owner: waits for the others. What a helper took and did not finish is done here. */
  finish(count: number): void {
    for (let done; (done = Atomics.load(this.control, DONE)) < count;) {
      if (Atomics.wait(this.control, DONE, done, PATIENCE_MS) !== "timed-out") continue;
      for (let item = 0; item < count; item++) this.#do(item);
      return;
    }
  }

  isGenuine = (item: number): boolean => this.#results[item] === 1;

  signatureOf(item: number): Buffer {
    const at = this.#table[item * TABLE_WORDS]!;
    const signature = Buffer.allocUnsafeSlow(SIGNATURE);
    this.#data.copy(signature, 0, at, at + SIGNATURE);
    return signature;
  }

  #do(item: number): void {
    const [at, length, verifies] = this.#table.subarray(item * TABLE_WORDS) as unknown as [number, number, number];
    // Copies: native code is not to read memory that another thread could change.
    const copy = Buffer.from(this.#data.subarray(at, at + SIGNATURE + KEY + length));
    const message = copy.subarray(SIGNATURE + KEY);
    if (verifies === 0) this.#data.set(sign(message, this.#secretKey), at);
    else this.#results[item] = Number(verify(message, copy.subarray(0, SIGNATURE), copy.subarray(SIGNATURE, SIGNATURE + KEY)));
  }
}
