// One TCP connection to a plain program, each direction with an end of its own.
//
//   1. what comes is held, to a bound; beyond it the socket is paused, so that TCP slows the other end
//   2. `ready` waits for something to read, and no longer than it is told; `read` takes it
//   3. `write` waits while the other end takes nothing
//   4. an end is the other's FIN; everything else that stops it is a cut, which both directions throw, reading behind what had come

import type { Socket } from "node:net";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { formatTcpAddress } from "../../transport/address.ts";
import { reset } from "../../transport/reset.ts";

export class PlainSocket {
  /** IP address and port. */
  readonly remote: string;
  readonly ip: string;
  readonly #socket: Socket;
  readonly #signal: AbortSignal | undefined;
  readonly #chunks: Buffer[] = [];
  #heldBytes = 0;
  #hasEnded = false;
  #isLeft = false;
  /** Why it was cut. */
  #failure: { readonly why: unknown } | undefined;
  #wakeReader = (): void => {};
  #wakeWriter = (): void => {};

  /** The socket is this one's from now on; it must allow half-open. When the signal aborts, it is cut, and throws the reason. */
  constructor(socket: Socket, signal: AbortSignal | undefined) {
    this.#socket = socket;
    this.#signal = signal;
    const { remoteAddress = "", remotePort = 0 } = socket;
    this.ip = remoteAddress.replace(/^::ffff:(?=[\d.]+$)/, "");
    this.remote = formatTcpAddress({ host: this.ip, port: remotePort }).slice("tcp://".length);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#wakeReader();
    });
    socket.on("drain", () => this.#wakeWriter());
    socket.on("error", (cause) => this.#fail(connectionLost(this.remote, cause)));
    const abort = (): void => this.cut(signal!.reason);
    socket.on("close", () => {
      signal?.removeEventListener("abort", abort);
      if (!this.#hasEnded || !socket.writableFinished) this.#fail(connectionLost(this.remote));
    });
    if (socket.destroyed) this.#fail(connectionLost(this.remote));
    socket.resume();
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  }

  /** Whether there is something to read, or an end or a cut to be told, within so long; without a limit, waits for it. */
  async ready(ms?: number): Promise<boolean> {
    if (this.#chunks.length > 0 || this.#hasEnded || this.#failure !== undefined) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wakeReader = () => resolve(true);
    const timer = ms === undefined ? undefined : setTimeout(() => resolve(false), ms);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What came next, or null at the other end's end. For one reader. Rejects with `connection-lost` when it was cut. */
  async read(): Promise<Buffer | null> {
    await this.ready();
    // Both ends may have come, and the socket be closed, with something left to read.
    this.#signal?.throwIfAborted();
    const chunk = this.#chunks.shift();
    if (chunk === undefined) {
      if (this.#hasEnded) return null;
      throw this.#failure!.why;
    }
    this.#heldBytes -= chunk.length;
    if (this.#heldBytes < LIMITS.plainHeldBytes && this.#socket.isPaused()) this.#socket.resume();
    return chunk;
  }

  /** Gives back what was read too much: it is read next. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks.unshift(bytes);
    this.#heldBytes += bytes.length;
  }

  /** Hands the bytes over, in one piece; they must not change afterwards. Resolves when there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfCut();
    if (this.#socket.writableEnded) throw new CoveyError("closed", "this direction of the connection has ended");
    if (this.#socket.write(bytes)) return;
    while (this.#socket.writableNeedDrain && this.#failure === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeWriter = resolve;
      await promise;
    }
    this.#throwIfCut();
  }

  /** Resolves when everything that was written is on its way, and our end behind it. */
  async end(): Promise<void> {
    this.#throwIfCut();
    if (this.#socket.writableFinished) return;
    await new Promise<void>((resolve) => this.#socket.end(() => resolve()));
    this.#throwIfCut();
  }

  /** The other end sees an error, unless both directions have ended. */
  cut(why: unknown = new CoveyError("closed", "the connection was closed here")): void {
    this.#forget();
    // Whoever still reads must not take what was dropped for an end.
    this.#hasEnded = false;
    this.#failure = { why };
    this.#fail(why);
    if (this.#socket.writableFinished) this.#socket.destroy();
    else reset(this.#socket);
  }

  /**
   * All was said: our end, and what still comes is dropped for a moment, since a socket that is closed with something unread ends with
   * an error over there, and most programs of twenty lines don't expect one. Keeps no process up.
   */
  leave(): void {
    if (this.#socket.destroyed) return;
    this.#isLeft = true;
    this.#forget();
    this.#socket.end();
    this.#socket.resume();
    this.#socket.unref();
    const timer = setTimeout(() => this.#socket.destroy(), LIMITS.hangUpMs).unref();
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #take(chunk: Buffer): void {
    if (this.#isLeft) return;
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= LIMITS.plainHeldBytes) this.#socket.pause();
    this.#wakeReader();
  }

  #fail(why: unknown): void {
    this.#failure ??= { why };
    this.#wakeReader();
    this.#wakeWriter();
  }

  #forget(): void {
    this.#chunks.length = 0;
    this.#heldBytes = 0;
  }

  #throwIfCut(): void {
    if (this.#failure !== undefined) throw this.#failure.why;
  }
}

function connectionLost(remote: string, cause?: Error): CoveyError {
  return new CoveyError("connection-lost", `the connection to ${remote} was cut`, {
    hint: "The program over there ended, or the network did: try again.",
    ...(cause === undefined ? {} : { cause }),
  });
}
