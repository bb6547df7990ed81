// What one stream has to send, and the peer's credit for it.
//
// 1. `write` keeps the chunk as it is, and has its writer wait while too much is kept.
// 2. `take` gives the send queue the data of the next frame, as far as the credit goes.
// 3. `end` waits until everything before it was taken and the FIN with it.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { INITIAL_WINDOW, MAX_U32 } from "./frame.ts";

type OutboxState =
  | { readonly is: "open" }
  /** `end` was called; the FIN goes after what is kept. */
  | { readonly is: "ending"; readonly done: PromiseWithResolvers<void> }
  | { readonly is: "ended" }
  | { readonly is: "cut"; readonly why: CoveyError };

export class Outbox {
  /** Called when there is something to take that was not there before. */
  readonly #onReady: () => void;
  #state: OutboxState = { is: "open" };
  readonly #kept: Uint8Array[] = [];
  /** The first of `#kept` that was not taken whole, and how much of it was. */
  #first = 0;
  #taken = 0;
  #bytes = 0;
  #credit = INITIAL_WINDOW;
  readonly #writers: PromiseWithResolvers<void>[] = [];
  #burst = 0;
  #sentAtMs = 0;

  constructor(onReady: () => void) {
    this.#onReady = onReady;
  }

  get state(): OutboxState["is"] {
    return this.#state.is;
  }

  /** Whether `take` would give something, or the FIN is due. */
  get ready(): boolean {
    return this.#bytes > 0 ? this.#credit > 0 : this.#state.is === "ending";
  }

  get finDue(): boolean {
    return this.#bytes === 0 && this.#state.is === "ending";
  }

  /** Whether the stream has sent little since it was last idle. */
  get fresh(): boolean {
    return this.#burst < LIMITS.yamuxFreshBytes;
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#state.is === "cut") return Promise.reject(this.#state.why);
    if (this.#state.is !== "open") return Promise.reject(new CoveyError("internal", "a stream was written to after its end"));
    if (chunk.length === 0) return Promise.resolve();
    if (this.#writers.length >= LIMITS.yamuxQueueWriters) {
      return Promise.reject(new CoveyError("limit", "too many writes to one stream wait", { hint: "Await each write." }));
    }
    if (this.#bytes === 0 && !this.fresh && performance.now() - this.#sentAtMs > LIMITS.yamuxFreshMs) this.#burst = 0;
    this.#kept.push(chunk);
    this.#bytes += chunk.length;
    this.#onReady();
    if (this.#bytes <= LIMITS.yamuxQueueBytes) return Promise.resolve();
    const writer = Promise.withResolvers<void>();
    this.#writers.push(writer);
    return writer.promise;
  }

  /** Resolves when the FIN was handed to the socket. */
  end(): Promise<void> {
    switch (this.#state.is) {
      case "cut":
        return Promise.reject(this.#state.why);
      case "ended":
        return Promise.resolve();
      case "ending":
        return this.#state.done.promise;
      case "open": {
        const done = Promise.withResolvers<void>();
        this.#state = { is: "ending", done };
        if (this.#bytes === 0) this.#onReady();
        return done.promise;
      }
    }
  }

  /** Moves at most `max` bytes, as the credit allows, to `out`; returns how many. */
  take(max: number, out: Uint8Array[]): number {
    const total = Math.min(max, this.#credit, this.#bytes);
    for (let left = total; left > 0;) {
      const chunk = this.#kept[this.#first]!;
      const size = Math.min(left, chunk.length - this.#taken);
      out.push(size === chunk.length ? chunk : chunk.subarray(this.#taken, this.#taken + size));
      this.#taken += size;
      left -= size;
      if (this.#taken < chunk.length) break;
      this.#first++;
      this.#taken = 0;
    }
    this.#forgetTaken();
    this.#credit -= total;
    this.#bytes -= total;
    this.#burst += total;
    if (this.#bytes === 0 && !this.fresh) this.#sentAtMs = performance.now();
    if (this.#bytes <= LIMITS.yamuxQueueBytes) for (const writer of this.#writers.splice(0)) writer.resolve();
    return total;
  }

  /** Half of them at a time: to shift each would move all that are behind it, and many small writes may be kept. */
  #forgetTaken(): void {
    if (this.#first * 2 < this.#kept.length) return;
    this.#kept.splice(0, this.#first);
    this.#first = 0;
  }

  /** The FIN is on its way. */
  finSent(): void {
    if (this.#state.is !== "ending") return;
    const { done } = this.#state;
    this.#state = { is: "ended" };
    done.resolve();
  }

  addCredit(bytes: number): void {
    if (this.#credit + bytes > MAX_U32) throw new CoveyError("protocol", "the other peer granted more credit than there is");
    const waited = this.#credit === 0 && this.#bytes > 0;
    this.#credit += bytes;
    if (waited && bytes > 0) this.#onReady();
  }

  /** Forgets what is kept. */
  cut(why: CoveyError): void {
    if (this.#state.is === "cut" || this.#state.is === "ended") return;
    if (this.#state.is === "ending") this.#state.done.reject(why);
    this.#state = { is: "cut", why };
    this.#kept.length = 0;
    this.#first = 0;
    this.#taken = 0;
    this.#bytes = 0;
    for (const writer of this.#writers.splice(0)) writer.reject(why);
  }
}
