// A Yamux session: many streams over one duplex of bytes, opened from either side.
//
// 1. What arrives goes through the decoder, at once and always: the duplex is never paused, a stream's credit is all that is withheld.
// 2. `#frame` holds each header against the rules and the limits, and gives it to its stream; `#data` the bytes behind it.
// 3. What streams have to send, they send through the send queue.
// 4. One function, `#finish`, ends the session: an orderly goodbye, a cut, or a fault of the other peer. Streams that have not
//    ended by then reject: only a FIN is an end.

import type { Duplex } from "node:stream";

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Stream } from "../contract.ts";
import {
  ACK,
  DATA,
  encodeHeader,
  FIN,
  FrameDecoder,
  type FrameType,
  GO_AWAY,
  GOODBYE,
  INITIAL_WINDOW,
  INTERNAL_ERROR,
  MAX_U32,
  PING,
  PROTOCOL_ERROR,
  RST,
  SYN,
  WINDOW_UPDATE,
} from "./frame.ts";
import { keepAlive } from "./keep-alive.ts";
import { RateLimit } from "./rate-limit.ts";
import { SendQueue } from "./send-queue.ts";
import { MuxStream, type StreamNeeds } from "./stream.ts";

const GOODBYE_SAID = "the other peer closed the session";
const TRY_AGAIN = "Try again when the other peer is back.";

export interface YamuxOptions {
  /** Whether this side made the connection: decides whose stream ids are odd. */
  readonly dialled: boolean;
  /** A stream that the other side opened. Must not throw. */
  readonly onStream: (stream: Stream) => void;
  /** What the other side may have open at once. Default: LIMITS.yamuxStreams. */
  readonly maxIncoming?: number;
  /** The highest id of a stream. Default: the spec's. */
  readonly lastId?: number;
}

export interface Yamux {
  /** Throws `closed` when the session is over or either side said goodbye, `limit` when too many are open. */
  open(): Stream;
  /** Streams that are open now, from both sides. */
  readonly streams: number;
  /** Says goodbye, sends what the other side has credit for (within LIMITS.yamuxFarewellMs), cuts the rest and closes the duplex. */
  close(): Promise<void>;
  /** Cuts every stream now with `why`, and the duplex. */
  destroy(why: CoveyError): void;
  /** Resolves like `closed`, but as soon as nothing new can be opened: at the goodbye, not when what is open has ended. */
  readonly spent: Promise<CoveyError | undefined>;
  /** Resolves, never rejects, when it is over: undefined after an orderly goodbye of either side, else why. */
  readonly closed: Promise<CoveyError | undefined>;
}

/** Takes the duplex over: nothing else may read, write or end it. */
export function createYamux(duplex: Duplex, options: YamuxOptions): Yamux {
  return new YamuxSession(duplex, options);
}

type SessionState =
  | { readonly is: "open" }
  /** The other side said goodbye and opens nothing more; what is open goes on, within LIMITS.yamuxLeftMs. */
  | { readonly is: "left" }
  /** We did, and send what is still queued. */
  | { readonly is: "closing" }
  | { readonly is: "closed"; readonly why: CoveyError | undefined };

class YamuxSession implements Yamux {
  readonly #duplex: Duplex;
  readonly #onStream: (stream: Stream) => void;
  readonly #maxIncoming: number;
  readonly #lastId: number;
  readonly #queue: SendQueue;
  readonly #decoder = new FrameDecoder({
    frame: (type, flags, id, length) => this.#frame(type, flags, id, length),
    data: (bytes, last) => this.#data(bytes, last),
  });
  readonly #stopKeepAlive: () => void;
  readonly #spent = Promise.withResolvers<CoveyError | undefined>();
  readonly #closed = Promise.withResolvers<CoveyError | undefined>();
  #state: SessionState = { is: "open" };

  readonly #streams = new Map<number, MuxStream>();
  readonly #ourParity: number;
  #nextId: number;
  #lastIncomingId = 0;
  #incoming = 0;
  #heard = 0;
  /** Whose data comes in now, and whether its FIN came with the header. */
  #receiver: { readonly stream: MuxStream; readonly fin: boolean } | undefined;

  readonly #needs: StreamNeeds;

  /** Lent beyond INITIAL_WINDOW per stream. */
  #lent = 0;
  /** What the peer may still send on streams that we cut before it knew. */
  #strayCredit = 0;
  readonly #pings = new RateLimit("pings", LIMITS.yamuxPingsPerSecond);
  readonly #opens = new RateLimit("new streams", LIMITS.yamuxOpensPerSecond);
  readonly #resets = new RateLimit("resets", LIMITS.yamuxResetsPerSecond);
  readonly #empties = new RateLimit("empty frames", LIMITS.yamuxEmptyPerSecond);
  readonly #updates = new RateLimit("window updates", LIMITS.yamuxUpdatesPerSecond);

  constructor(duplex: Duplex, options: YamuxOptions) {
    this.#duplex = duplex;
    this.#onStream = options.onStream;
    this.#maxIncoming = options.maxIncoming ?? LIMITS.yamuxStreams;
    this.#lastId = options.lastId ?? MAX_U32;
    this.#queue = new SendQueue(duplex, (why) => this.destroy(why));
    this.#needs = {
      queue: this.#queue,
      pool: { lend: (bytes, proven) => this.#lend(bytes, proven), giveBack: (bytes) => void (this.#lent -= bytes) },
      dataSent: () => this.#updates.give(),
      over: (stream, credit) => this.#remove(stream, credit),
    };
    this.#ourParity = options.dialled ? 1 : 0;
    this.#nextId = options.dialled ? 1 : 2;
    this.#stopKeepAlive = keepAlive({
      heard: () => this.#heard,
      ping: () => this.#queue.answer(encodeHeader(PING, SYN, 0, 0)),
      dead: () => this.destroy(new CoveyError("closed", "the other peer stopped answering", { hint: TRY_AGAIN })),
    });
    // Stays for good: a duplex may fail once more after it was destroyed.
    duplex.on("error", (error) => this.#lost(error));
    duplex.on("data", this.#onData);
    duplex.once("end", () => this.#lost());
    duplex.once("close", () => this.#lost());
    if (duplex.destroyed || duplex.readableEnded) queueMicrotask(() => this.#lost());
    // Who had it before may have paused it; listening alone would not undo that.
    duplex.resume();
  }

  get streams(): number {
    return this.#streams.size;
  }

  get spent(): Promise<CoveyError | undefined> {
    return this.#spent.promise;
  }

  get closed(): Promise<CoveyError | undefined> {
    return this.#closed.promise;
  }

  open(): Stream {
    // The ids are used up, for good: whoever wants to go on needs a new session.
    if (this.#nextId > this.#lastId) void this.close();
    if (this.#state.is !== "open") throw new CoveyError("closed", "the session with the other peer is over", { hint: TRY_AGAIN });
    if (this.#streams.size - this.#incoming >= LIMITS.yamuxStreams) {
      throw new CoveyError("limit", "too many streams are open to the other peer", { hint: "Try again when some have ended." });
    }
    const id = this.#nextId;
    this.#nextId += 2;
    return this.#add(id, true);
  }

  async close(): Promise<void> {
    if (this.#state.is === "open" || this.#state.is === "left") {
      this.#state = { is: "closing" };
      this.#spent.resolve(undefined);
      this.#queue.answer(encodeHeader(GO_AWAY, 0, 0, GOODBYE));
      const timer = setTimeout(() => this.#queue.stop(), LIMITS.yamuxFarewellMs);
      await this.#queue.drained();
      clearTimeout(timer);
      if (this.#finish(undefined, new CoveyError("closed", "the session was closed here"))) this.#farewell();
    }
    await this.closed;
  }

  destroy(why: CoveyError): void {
    if (!this.#finish(why, why)) return;
    // Behind what the socket still holds it would come too late.
    if (this.#duplex.writable && this.#duplex.writableLength === 0) {
      const fault = why.code === "protocol" || why.code === "limit";
      this.#duplex.write(encodeHeader(GO_AWAY, 0, 0, fault ? PROTOCOL_ERROR : INTERNAL_ERROR));
      this.#farewell();
    } else {
      this.#duplex.destroy();
    }
  }

  // in

  readonly #onData = (chunk: Buffer): void => {
    this.#heard++;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.destroy(fromPlatform(error, "read what the other peer sent"));
    }
  };

  #frame(type: FrameType, flags: number, id: number, length: number): void {
    if (this.#state.is === "closed") return;
    switch (type) {
      case PING:
        this.#pings.take();
        if (flags === SYN) this.#queue.answer(encodeHeader(PING, ACK, 0, length));
        return;
      case GO_AWAY:
        return this.#goodbye(length);
      case DATA:
      case WINDOW_UPDATE:
        return this.#streamFrame(type, flags, id, length);
    }
  }

  #streamFrame(type: typeof DATA | typeof WINDOW_UPDATE, flags: number, id: number, length: number): void {
    this.#receiver = undefined;
    if (flags === 0 && type === WINDOW_UPDATE) this.#updates.take();
    if (flags === 0 && type === DATA && length === 0) this.#empties.take();
    if ((flags & RST) !== 0) this.#resets.take();

    const stream = (flags & SYN) === 0 ? this.#streams.get(id) : this.#accept(id);
    if (stream === undefined) return this.#stray(type, flags, id, length);
    if (type === DATA) stream.expect(length);
    else stream.addCredit(length);
    if ((flags & ACK) !== 0) stream.acknowledged();
    if ((flags & RST) !== 0) return stream.cut(new CoveyError("closed", "the other peer reset the stream"));
    const fin = (flags & FIN) !== 0;
    if (type === DATA && length > 0) this.#receiver = { stream, fin };
    else if (fin) stream.ended();
  }

  #data(bytes: Buffer, last: boolean): void {
    if (this.#receiver === undefined) return;
    const { stream, fin } = this.#receiver;
    stream.receive(bytes);
    if (last && fin) stream.ended();
  }

  /** The stream that a SYN opens, or undefined when it was refused. */
  #accept(id: number): MuxStream | undefined {
    this.#opens.take();
    if (id % 2 === this.#ourParity || id <= this.#lastIncomingId) {
      throw new CoveyError("protocol", `the other peer opened a stream with the id ${id}, which it may not use`);
    }
    this.#lastIncomingId = id;
    if (this.#state.is !== "open" || this.#incoming >= this.#maxIncoming) {
      this.#resets.take();
      this.#queue.answer(encodeHeader(WINDOW_UPDATE, RST, id, 0));
      this.#strayCredit += INITIAL_WINDOW;
      return undefined;
    }
    this.#incoming++;
    const stream = this.#add(id, false);
    this.#onStream(stream);
    return stream;
  }

  /** A frame for a stream that is not here: it was late, or it is a fault. */
  #stray(type: typeof DATA | typeof WINDOW_UPDATE, flags: number, id: number, length: number): void {
    const opened = id % 2 === this.#ourParity ? id < this.#nextId : id <= this.#lastIncomingId;
    if (!opened && (flags & RST) === 0)
      throw new CoveyError("protocol", `the other peer spoke of stream ${id}, which nobody opened`);
    if (type === DATA) this.#strayCredit -= length;
    if (this.#strayCredit < 0) throw new CoveyError("protocol", "the other peer sent data on streams that are over");
    if ((flags & (ACK | FIN)) !== 0) this.#resets.take();
  }

  #goodbye(reason: number): void {
    if (reason === GOODBYE) {
      if (this.#state.is === "open") this.#left();
      return;
    }
    const what = reason === PROTOCOL_ERROR ? "it did not accept what it was sent" : `it failed (reason ${reason})`;
    const why = new CoveyError("closed", `the other peer gave the session up: ${what}`, { hint: TRY_AGAIN });
    this.#finish(why, why);
    this.#duplex.destroy();
  }

  /** Nothing new can begin: a peer that kept something open for ever would keep up a session that is of no use. */
  #left(): void {
    this.#state = { is: "left" };
    this.#spent.resolve(undefined);
    const timer = setTimeout(() => this.#followGoodbye(), LIMITS.yamuxLeftMs);
    void this.closed.then(() => clearTimeout(timer));
    if (this.#streams.size === 0) this.#followGoodbye();
  }

  // streams

  #add(id: number, ours: boolean): MuxStream {
    const stream = new MuxStream(id, ours, this.#needs);
    this.#streams.set(id, stream);
    return stream;
  }

  #remove(stream: MuxStream, credit: number): void {
    this.#streams.delete(stream.id);
    if (stream.id % 2 !== this.#ourParity) this.#incoming--;
    this.#strayCredit += credit;
    if (this.#streams.size === 0) this.#followGoodbye();
  }

  #lend(bytes: number, proven: boolean): number {
    const pool = proven ? LIMITS.yamuxCreditBytes : LIMITS.yamuxCreditBytes / 2;
    const lent = Math.max(0, Math.min(bytes, pool - this.#lent));
    this.#lent += lent;
    return lent;
  }

  // out

  /** Once the other side has said goodbye and nothing is open any more, or its time is over, there is nothing left to wait for. */
  #followGoodbye(): void {
    if (this.#state.is !== "left") return;
    if (this.#finish(undefined, new CoveyError("closed", GOODBYE_SAID, { hint: TRY_AGAIN }))) this.#farewell();
  }

  /** The duplex failed or ended, before or after the session was over. */
  #lost(cause?: Error): void {
    if (this.#state.is === "left" || this.#state.is === "closing") {
      this.#finish(undefined, new CoveyError("closed", GOODBYE_SAID, { hint: TRY_AGAIN }));
    } else if (this.#state.is === "open") {
      const why = new CoveyError("closed", "the connection to the other peer was cut", { hint: TRY_AGAIN, cause });
      this.#finish(why, why);
    }
    this.#duplex.destroy();
  }

  /** The one way to the state closed; false if it is closed already. */
  #finish(why: CoveyError | undefined, streamsWhy: CoveyError): boolean {
    if (this.#state.is === "closed") return false;
    this.#state = { is: "closed", why };
    this.#stopKeepAlive();
    this.#queue.stop();
    this.#receiver = undefined;
    this.#duplex.off("data", this.#onData);
    for (const stream of [...this.#streams.values()]) stream.cut(streamsWhy);
    this.#spent.resolve(why);
    this.#closed.resolve(why);
    return true;
  }

  /** Ends the duplex behind what it still holds; reads on meanwhile, as unread bytes would have TCP drop what we sent. */
  #farewell(): void {
    const timer = setTimeout(() => this.#duplex.destroy(), LIMITS.yamuxFarewellMs);
    timer.unref();
    this.#duplex.once("close", () => clearTimeout(timer));
    this.#duplex.resume();
    this.#duplex.end();
  }
}
