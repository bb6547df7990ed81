// What arrives on one stream, until its reader takes it.
//
// 1. `expect` holds a data frame against the credit that the peer was granted.
// 2. `push` hands its bytes to the reader that waits, or keeps them.
// 3. `read` takes what is kept; only that earns the peer new credit.
// 4. `takeGrant` is the credit to send with the next window update.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { INITIAL_WINDOW } from "./frame.ts";

type InboxState =
  | { readonly is: "open" }
  /** The other side's FIN is in; what is kept can still be read. */
  | { readonly is: "ended" }
  | { readonly is: "cut"; readonly why: CoveyError };

/** Lends credit beyond the spec's window, out of what the session has to lend. */
export interface CreditPool {
  /** At most `bytes`; to a stream that has not shown yet that it needs it, only from the first half. */
  lend(bytes: number, proven: boolean): number;
  giveBack(bytes: number): void;
}

// Bytes that wait for a reader keep the whole chunk alive in which they arrived, so what is small beside it is copied:
// unread bytes hold at most five times their number.
const VIEW_BYTES = 4096;
const VIEW_SHARE = 4;

export class Inbox {
  readonly #pool: CreditPool;
  /** Called when a grant is due. */
  readonly #onDue: () => void;
  #state: InboxState = { is: "open" };
  readonly #kept: Buffer[] = [];
  /** The block that small pieces are copied to; its used part is the last of `#kept`. */
  #block: { readonly bytes: Buffer; used: number } | undefined;
  #reader: PromiseWithResolvers<Buffer | null> | undefined;
  #window = INITIAL_WINDOW;
  /** What the peer may still send. */
  #credit = INITIAL_WINDOW;
  /** What was read and not granted again yet. */
  #owed = 0;

  constructor(pool: CreditPool, onDue: () => void) {
    this.#pool = pool;
    this.#onDue = onDue;
    this.#owed = this.#borrow(false);
  }

  get state(): InboxState["is"] {
    return this.#state.is;
  }

  get credit(): number {
    return this.#credit;
  }

  expect(length: number): void {
    if (this.#state.is === "ended") throw new CoveyError("protocol", "the other peer sent data on a stream after its end");
    if (length > this.#credit) {
      throw new CoveyError("protocol", `the other peer sent ${length} bytes with credit for ${this.#credit}`);
    }
    this.#credit -= length;
  }

  push(bytes: Buffer): void {
    if (this.#state.is === "cut") return;
    if (this.#reader !== undefined) {
      const { resolve } = this.#reader;
      this.#reader = undefined;
      this.#earn(bytes.length);
      return resolve(bytes);
    }
    if (bytes.length >= VIEW_BYTES && bytes.length * VIEW_SHARE >= bytes.buffer.byteLength) {
      this.#block = undefined;
      this.#kept.push(bytes);
    } else {
      this.#copy(bytes);
    }
  }

  end(): void {
    if (this.#state.is === "ended") throw new CoveyError("protocol", "the other peer ended a stream twice");
    if (this.#state.is !== "open") return;
    this.#state = { is: "ended" };
    this.#release();
    this.#reader?.resolve(null);
    this.#reader = undefined;
  }

  /** Forgets what is kept. */
  cut(why: CoveyError): void {
    if (this.#state.is === "cut") return;
    if (this.#state.is === "open") this.#release();
    this.#state = { is: "cut", why };
    this.#kept.length = 0;
    this.#block = undefined;
    this.#reader?.reject(why);
    this.#reader = undefined;
  }

  read(): Promise<Buffer | null> {
    if (this.#state.is === "cut") return Promise.reject(this.#state.why);
    if (this.#reader !== undefined) return Promise.reject(new CoveyError("internal", "a stream has one reader at a time"));
    const bytes = this.#kept.shift();
    if (bytes !== undefined) {
      if (this.#kept.length === 0) this.#block = undefined;
      this.#earn(bytes.length);
      return Promise.resolve(bytes);
    }
    if (this.#state.is === "ended") return Promise.resolve(null);
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** The credit to grant now; 0 if there is none. */
  takeGrant(): number {
    if (this.#state.is !== "open") return 0;
    const grant = this.#owed;
    this.#owed = 0;
    this.#credit += grant;
    return grant;
  }

  #earn(bytes: number): void {
    if (this.#state.is !== "open") return;
    this.#owed += bytes;
    if (this.#owed * 2 < this.#window) return;
    this.#owed += this.#borrow(true);
    this.#onDue();
  }

  #borrow(proven: boolean): number {
    if (this.#window >= LIMITS.yamuxWindowBytes) return 0;
    const lent = this.#pool.lend(LIMITS.yamuxWindowBytes - this.#window, proven);
    this.#window += lent;
    return lent;
  }

  #release(): void {
    this.#pool.giveBack(this.#window - INITIAL_WINDOW);
    this.#window = INITIAL_WINDOW;
  }

  #copy(bytes: Buffer): void {
    if (this.#block === undefined || bytes.length > this.#block.bytes.length - this.#block.used) {
      this.#block = { bytes: Buffer.allocUnsafeSlow(Math.max(VIEW_BYTES, bytes.length)), used: 0 };
      this.#kept.push(this.#block.bytes);
    }
    const { bytes: block, used } = this.#block;
    block.set(bytes, used);
    this.#block.used += bytes.length;
    this.#kept[this.#kept.length - 1] = block.subarray(0, this.#block.used);
  }
}
