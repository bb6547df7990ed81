// A duplex of the local API over a socket: frames.ts on both ends, in the program and in the daemon.
//
// 1. what comes is kept for the reader, up to controlQueueBytes; then the socket is read no further, but probed: a socket that nobody
//    reads does not tell that it was closed, one that is written to does
// 2. what is written goes to the socket as it is, and its writer waits while more than controlQueueBytes have not gone out
// 3. both directions ended: our half of the socket is closed, and it is over once the other half is. So nobody closes over what the other
//    end has not read, and a socket that is closed before that was cut, with whatever reason was given

import type { Duplex } from "node:stream";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Stream } from "../../session/contract.ts";
import { cutFrame, dataFrames, endFrame, FrameReader } from "./frames.ts";

/** What a kept chunk takes beside its bytes. */
const CHUNK_COST = 256;
const NOTHING = Buffer.alloc(0);

export class FramedStream implements Stream {
  readonly #socket: Duplex;
  readonly #frames = new FrameReader();
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #reader: PromiseWithResolvers<Buffer | null> | undefined;
  #theirsEnded = false;
  readonly #writers: PromiseWithResolvers<void>[] = [];
  #ending: PromiseWithResolvers<void> | undefined;
  #oursEnded = false;
  #probes: NodeJS.Timeout | undefined;
  #why: CoveyError | undefined;
  readonly #closed = Promise.withResolvers<CoveyError | undefined>();

  /**
   * The socket is this stream's from now on; `head` was read from it already. `gone`: what it means when the socket closes before both
   * directions have ended.
   */
  constructor(socket: Duplex, head: Buffer, gone: (cause: unknown) => CoveyError) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => this.#release());
    socket.on("error", (error) => this.#fail(gone(error)));
    // The other side's close may be seen before our own end is confirmed.
    socket.on("end", () => (this.#theirsEnded && this.#ending !== undefined ? undefined : this.reset(gone(undefined))));
    socket.on("close", () => {
      clearInterval(this.#probes);
      if (!this.#fail(gone(undefined))) this.#closed.resolve(this.#why);
    });
    socket.resume();
    if (head.length > 0) this.#receive(head);
  }

  get closed(): Promise<CoveyError | undefined> {
    return this.#closed.promise;
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#why !== undefined) return Promise.reject(this.#why);
    if (this.#ending !== undefined) return Promise.reject(new CoveyError("internal", "a stream was written to after its end"));
    if (this.#writers.length >= LIMITS.yamuxQueueWriters) {
      return Promise.reject(new CoveyError("limit", "too many writes to one stream wait", { hint: "Await each write." }));
    }
    this.#socket.cork();
    for (const part of dataFrames(chunk)) this.#socket.write(part);
    this.#socket.uncork();
    if (this.#socket.writableLength <= LIMITS.controlQueueBytes) return Promise.resolve();
    const writer = Promise.withResolvers<void>();
    this.#writers.push(writer);
    return writer.promise;
  }

  /** Resolves when the end was handed to the system. */
  end(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending.promise;
    if (this.#why !== undefined) return Promise.reject(this.#why);
    this.#ending = Promise.withResolvers();
    // Whoever only waits for `closed` learns of a failure there.
    this.#ending.promise.catch(() => {});
    this.#socket.write(endFrame(), (error) => {
      if (error !== undefined && error !== null) return;
      this.#oursEnded = true;
      this.#ending!.resolve();
      this.#settle();
    });
    return this.#ending.promise;
  }

  read(): Promise<Buffer | null> {
    if (this.#why !== undefined) return Promise.reject(this.#why);
    if (this.#reader !== undefined) return Promise.reject(new CoveyError("internal", "a stream has one reader at a time"));
    const chunk = this.#kept.shift();
    if (chunk !== undefined) {
      this.#keptBytes -= chunk.length + CHUNK_COST;
      if (this.#keptBytes <= LIMITS.controlQueueBytes) this.#goOn();
      return Promise.resolve(chunk);
    }
    if (this.#theirsEnded) return Promise.resolve(null);
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  reset(why: CoveyError = new CoveyError("closed", "the stream was reset here")): void {
    if (this.#fail(why)) this.#socket.destroy();
  }

  /** The same, after the other side was told why; when both have ended, the other side has a while left to read that. */
  cut(why: CoveyError): void {
    if (this.#fail(why)) {
      // What still comes is dropped: a socket that is closed over unread bytes takes the last words with it.
      this.#goOn();
      this.#socket.end(cutFrame(why));
    }
    const timer = setTimeout(() => this.#socket.destroy(), LIMITS.hangUpMs);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #receive(chunk: Buffer): void {
    if (this.#why !== undefined) return;
    try {
      for (const event of this.#frames.read(chunk)) {
        if (event.is === "data") this.#keep(event.bytes);
        else if (event.is === "end") this.#ended();
        else this.reset(event.why);
      }
    } catch (error) {
      this.cut(error as CoveyError);
    }
  }

  #keep(bytes: Buffer): void {
    if (this.#reader !== undefined) {
      this.#reader.resolve(bytes);
      this.#reader = undefined;
      return;
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length + CHUNK_COST;
    if (this.#keptBytes > LIMITS.controlQueueBytes) this.#pause();
  }

  #pause(): void {
    this.#socket.pause();
    this.#probes ??= setInterval(() => this.#probe(), LIMITS.controlProbeMs).unref();
  }

  #goOn(): void {
    clearInterval(this.#probes);
    this.#probes = undefined;
    this.#socket.resume();
  }

  /** A write of nothing: it fails when the other end is closed. So does one that waits already. */
  #probe(): void {
    if (this.#socket.writable && this.#socket.writableLength === 0) this.#socket.write(NOTHING);
  }

  #ended(): void {
    this.#theirsEnded = true;
    this.#reader?.resolve(null);
    this.#reader = undefined;
    this.#settle();
  }

  #release(): void {
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #settle(): void {
    if (!this.#oursEnded || !this.#theirsEnded || this.#why !== undefined) return;
    this.#goOn();
    this.#socket.end();
  }

  /** Whether it was not over before. */
  #fail(why: CoveyError): boolean {
    if (this.#why !== undefined || (this.#oursEnded && this.#theirsEnded)) return false;
    this.#why = why;
    this.#kept.length = 0;
    this.#reader?.reject(why);
    this.#reader = undefined;
    for (const writer of this.#writers.splice(0)) writer.reject(why);
    this.#ending?.reject(why);
    this.#closed.resolve(why);
    return true;
  }
}
