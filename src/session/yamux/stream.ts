// One stream: its inbox, its outbox, and the flags that open and close it.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Stream } from "../contract.ts";
import { ACK, DATA, encodeHeader, FIN, HEADER_BYTES, RST, SYN, WINDOW_UPDATE } from "./frame.ts";
import { type CreditPool, Inbox } from "./inbox.ts";
import { Outbox } from "./outbox.ts";
import type { SendQueue, Source } from "./send-queue.ts";

/** What a stream asks of its session. */
export interface StreamNeeds {
  readonly queue: SendQueue;
  readonly pool: CreditPool;
  /** A data frame goes out. */
  dataSent(): void;
  /** The stream is over; the peer, which may not know yet, had credit for so many bytes more. */
  over(stream: MuxStream, credit: number): void;
}

/** How far the opening has come. */
type Opening =
  /** SYN or ACK is still to be sent. */
  | { readonly is: "due"; readonly flag: typeof SYN | typeof ACK }
  /** Our SYN is out, the ACK is not in. */
  | { readonly is: "asked" }
  | { readonly is: "open" };

export class MuxStream implements Stream, Source {
  readonly id: number;
  readonly #needs: StreamNeeds;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #closed = Promise.withResolvers<CoveyError | undefined>();
  #opening: Opening;
  #over = false;

  constructor(id: number, ours: boolean, needs: StreamNeeds) {
    this.id = id;
    this.#needs = needs;
    this.#opening = { is: "due", flag: ours ? SYN : ACK };
    this.#inbox = new Inbox(needs.pool, () => needs.queue.control(this));
    this.#outbox = new Outbox(() => needs.queue.ready(this));
    needs.queue.control(this);
  }

  // for those who use the stream

  write(chunk: Uint8Array): Promise<void> {
    return this.#outbox.write(chunk);
  }

  end(): Promise<void> {
    return this.#outbox.end();
  }

  read(): Promise<Buffer | null> {
    return this.#inbox.read();
  }

  reset(): void {
    if (this.#over) return;
    const told = this.#opening.is !== "due" || this.#opening.flag === ACK;
    const credit = this.#inbox.state === "open" ? this.#inbox.credit : 0;
    this.cut(new CoveyError("closed", "the stream was reset here"), credit);
    if (told) this.#needs.queue.answer(encodeHeader(WINDOW_UPDATE, RST, this.id, 0));
  }

  get closed(): Promise<CoveyError | undefined> {
    return this.#closed.promise;
  }

  // for the send queue

  get ready(): boolean {
    return this.#outbox.ready;
  }

  get fresh(): boolean {
    return this.#outbox.fresh;
  }

  controlFrame(): Buffer | undefined {
    const grant = this.#inbox.takeGrant();
    if (this.#opening.is !== "due") return grant > 0 ? encodeHeader(WINDOW_UPDATE, 0, this.id, grant) : undefined;
    const { flag } = this.#opening;
    this.#opening = flag === SYN ? { is: "asked" } : { is: "open" };
    return encodeHeader(WINDOW_UPDATE, flag, this.id, grant);
  }

  dataFrames(out: Uint8Array[]): number {
    let bytes = 0;
    if (!this.#outbox.finDue) {
      const header = out.push(new Uint8Array()) - 1;
      const length = this.#outbox.take(LIMITS.yamuxFrameBytes, out);
      out[header] = encodeHeader(DATA, 0, this.id, length);
      bytes = HEADER_BYTES + length;
      this.#needs.dataSent();
    }
    // A frame of its own: some implementations close a stream at the FIN before they look at the data beside it.
    if (this.#outbox.finDue) {
      out.push(encodeHeader(WINDOW_UPDATE, FIN, this.id, 0));
      bytes += HEADER_BYTES;
      this.#outbox.finSent();
      this.#settle();
    }
    return bytes;
  }

  // for the session

  expect(length: number): void {
    this.#inbox.expect(length);
  }

  receive(bytes: Buffer): void {
    this.#inbox.push(bytes);
  }

  addCredit(bytes: number): void {
    this.#outbox.addCredit(bytes);
  }

  acknowledged(): void {
    if (this.#opening.is !== "asked")
      throw new CoveyError("protocol", "the other peer accepted a stream that it was not asked for");
    this.#opening = { is: "open" };
  }

  ended(): void {
    this.#inbox.end();
    this.#settle();
  }

  /** Cuts what has not ended; `credit` as in StreamNeeds.over. */
  cut(why: CoveyError, credit = 0): void {
    if (this.#over) return;
    this.#outbox.cut(why);
    this.#inbox.cut(why);
    this.#finish(credit, why);
  }

  #settle(): void {
    if (this.#outbox.state === "ended" && this.#inbox.state === "ended") this.#finish(0, undefined);
  }

  #finish(credit: number, why: CoveyError | undefined): void {
    this.#over = true;
    this.#needs.queue.drop(this);
    this.#closed.resolve(why);
    this.#needs.over(this, credit);
  }
}
