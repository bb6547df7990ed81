// One connection, as messages and answers:
//
//   1. bytes come and are framed; when none have come for LIMITS.textPause…, or no more will, what is there is a message
//   2. whoever reads `messages` gets one after the other; meanwhile it is read ahead, until too much waits
//   3. what is written has to be taken in time
//
// A client may send and close at once: what it sent is heard all the same, although nothing can be written any more.

import type { Socket } from "node:net";
import { setImmediate as everybodysTurn } from "node:timers/promises";

import { withDeadline } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import { parseIp, scopeOfIp } from "../../core/ip.ts";
import { LIMITS } from "../../core/limits.ts";
import { clientOf, plainIp } from "../client.ts";
import { endWith } from "../linger.ts";
import { Framing, type TextMessage } from "./framing.ts";

export class TextConnection {
  /** An IP address and port. */
  readonly client: string;
  readonly #socket: Socket;
  readonly #framing = new Framing();
  readonly #pause: NodeJS.Timeout;
  #silence: NodeJS.Timeout;
  /** There while a message has begun and not ended. */
  #lasting: NodeJS.Timeout | undefined;
  /** Whether nothing has come since the pause was due. */
  #quiet = false;
  /** Nothing more will come. */
  #ended = false;
  #cut = false;
  /** There while somebody waits for a message. */
  #wake: (() => void) | undefined;

  /** `first`: what has been read of the socket, which is paused. */
  constructor(socket: Socket, first: Buffer) {
    this.#socket = socket;
    this.client = clientOf(socket);
    this.#pause = setTimeout(() => this.#pauseDue(), pauseOf(socket.remoteAddress));
    this.#silence = setTimeout(() => socket.destroy(), LIMITS.gatewayIdleMs);
    socket.on("error", () => {});
    socket.on("data", this.#receive);
    socket.once("end", () => this.#end());
    socket.once("close", () => {
      clearTimeout(this.#silence);
      this.#end();
    });
    if (first.length > 0) this.#receive(first);
    if (socket.readableEnded || socket.destroyed) this.#end();
    else socket.resume();
  }

  /** Whether what is written may still arrive. */
  get isOpen(): boolean {
    return this.#socket.writable;
  }

  /** For one reader. Ends when the client will send no more. */
  async *messages(): AsyncGenerator<TextMessage | "too-long", void> {
    while (!this.#cut) {
      const message = this.#framing.next();
      if (message !== undefined) {
        yield message;
        // An answer that waited for nothing has let nobody in between, and there may be many thousands in one chunk.
        await everybodysTurn();
      } else if (this.#ended) return;
      else await this.#more();
    }
  }

  /** A client that is silent for so long is cut. */
  allowSilence(ms: number): void {
    clearTimeout(this.#silence);
    if (!this.#socket.destroyed) this.#silence = setTimeout(() => this.#socket.destroy(), ms);
  }

  /** Resolves when it was taken, or never will be; who does not take it in time is cut. */
  async write(text: string): Promise<void> {
    if (!this.isOpen) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.write(text, () => resolve());
    await withDeadline(promise, LIMITS.gatewayIdleMs, "an answer").catch(() => this.#socket.destroy());
  }

  /** Does not wait. Throws `limit` when the client takes nothing. */
  push(text: string): void {
    if (this.#socket.writableLength + Buffer.byteLength(text) > LIMITS.textUnsentBytes)
      throw new CoveyError("limit", "more than this client takes is waiting for it", { hint: "Wait until it has read some." });
    this.#socket.write(text);
  }

  /** Nothing is heard from now on. Resolves when it is closed. */
  async end(last = ""): Promise<void> {
    clearTimeout(this.#pause);
    this.#messageEnded();
    this.#socket.off("data", this.#receive);
    if (this.#socket.closed) return;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#socket.once("close", () => resolve());
    endWith(this.#socket, last);
    await closed;
  }

  cut(): void {
    this.#cut = true;
    this.#socket.destroy();
  }

  readonly #receive = (chunk: Buffer): void => {
    this.#framing.push(chunk);
    this.#quiet = false;
    if (chunk.includes("\n")) this.#messageEnded();
    if (this.#framing.isOpen) this.#lasting ??= setTimeout(() => this.#socket.destroy(), LIMITS.textMessageMs);
    this.#pause.refresh();
    this.#silence.refresh();
    if (this.#wake === undefined && this.#isFull) {
      this.#socket.pause();
      // What it sends now is not read: it can't be too slow.
      this.#messageEnded();
    }
    this.#wake?.();
  };

  get #isFull(): boolean {
    return this.#framing.bytes > LIMITS.textMessageBytes || this.#framing.pauses >= LIMITS.textQueue;
  }

  /** What came while this program was busy may not have been read yet: it is before an immediate runs. */
  #pauseDue(): void {
    // Nor is it known of what is not read for now.
    if (this.#socket.isPaused()) return;
    this.#quiet = true;
    setImmediate(() => {
      if (!this.#quiet || this.#ended) return;
      this.#messageEnded();
      this.#framing.pause();
      this.#wake?.();
    });
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#pause);
    this.#messageEnded();
    this.#framing.pause();
    this.#wake?.();
  }

  #messageEnded(): void {
    clearTimeout(this.#lasting);
    this.#lasting = undefined;
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (this.#socket.isPaused()) {
      this.#socket.resume();
      this.#pause.refresh();
    }
    await promise;
    this.#wake = undefined;
  }
}

function pauseOf(ip: string | undefined): number {
  const bytes = parseIp(plainIp(ip ?? ""));
  return bytes !== undefined && scopeOfIp(bytes) === "host" ? LIMITS.textPauseLoopbackMs : LIMITS.textPauseMs;
}
