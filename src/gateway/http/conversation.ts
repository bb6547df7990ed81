// The requests of one connection, answered one after the other: Node tells of those that come together all at once.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

import { createTurns } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { reset } from "../../transport/reset.ts";
import { endWith } from "../linger.ts";
import { type Exchange, type Expectation, hasBody } from "./exchange.ts";
import { isBrowserLike } from "./policy.ts";

/** Any connection may have so many requests waiting. */
const ALWAYS = 16;

/** Node sees only at the end of each timeout whether some of a write has gone: one of the whole length could end twice as late. */
export const IDLE_STEPS = 6;

/** Requests of all connections that wait. */
export interface Waiting {
  count: number;
}

export class Conversation {
  readonly #socket: Socket;
  readonly #waiting: Waiting;
  readonly #clock: Clock;
  readonly #turns = createTurns();
  readonly #gone = new AbortController();
  #answered: Promise<unknown> = Promise.resolve();
  #asked = 0;
  #pending = 0;
  #idleSteps = 0;
  #idleAtMs = 0;
  /** Nothing that comes is a request any more: the last one has come. */
  #isOver = false;

  constructor(socket: Socket, waiting: Waiting, clock: Clock) {
    this.#socket = socket;
    this.#waiting = waiting;
    this.#clock = clock;
    socket.once("close", () => this.#gone.abort(new CoveyError("closed", "the client is gone")));
  }

  /** `carryOut` never rejects. */
  ask(
    request: IncomingMessage,
    response: ServerResponse,
    expectation: Expectation,
    carryOut: (exchange: Exchange) => Promise<void>,
  ): void {
    response.on("error", () => {});
    request.on("error", () => {});
    if (this.#socket.destroyed) return;
    this.#asked++;
    if (this.#isOver) {
      // It gets no answer, and is not worth the memory.
      if (this.#asked > 2 * LIMITS.gatewayRequests) this.cut();
      return;
    }
    if (this.#pending >= ALWAYS && this.#waiting.count >= LIMITS.gatewayPipelined) return this.cut();
    const keepAlive = this.#asked < LIMITS.gatewayRequests && wantsToGoOn(request);
    this.#isOver = !keepAlive;
    this.#pending++;
    this.#waiting.count++;
    this.#answered = this.#turns(async () => {
      try {
        if (!this.#gone.signal.aborted) await carryOut({ request, response, expectation, keepAlive, signal: this.#gone.signal });
      } finally {
        this.#pending--;
        this.#waiting.count--;
      }
    });
  }

  /** After the answers that are due; unless one of them ends the connection. */
  endWith(last: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#answered = this.#turns(async () => {
      if (this.#socket.writable) endWith(this.#socket, last);
    });
  }

  /** For LIMITS.gatewayIdleMs / IDLE_STEPS nothing has come, nor has any of what is being written gone. */
  idle(): void {
    // A head that is late is found by Node, and answered.
    if (this.#pending === 0 && this.#asked > 0) return void this.#socket.destroy();
    const step = LIMITS.gatewayIdleMs / IDLE_STEPS;
    const nowMs = this.#clock.monotonicMs();
    this.#idleSteps = nowMs - this.#idleAtMs < 1.5 * step ? this.#idleSteps + 1 : 1;
    this.#idleAtMs = nowMs;
    if (this.#idleSteps >= IDLE_STEPS) this.cut();
    else this.#socket.setTimeout(step);
  }

  cut(): void {
    reset(this.#socket);
  }

  /** Nothing is left of what was asked so far. */
  async ended(): Promise<void> {
    await this.#answered;
  }
}

/** A connection is kept for those who say that they want it, and not for programs that read to its end. */
function wantsToGoOn(request: IncomingMessage): boolean {
  const { headers, method } = request;
  // Node's parser takes what is behind a wish for another protocol for that protocol.
  if (headers.upgrade !== undefined) return false;
  if (!isBrowserLike(headers) || (method !== "POST" && hasBody(request))) return false;
  return (headers.connection ?? "").split(",").some((option) => option.trim().toLowerCase() === "keep-alive");
}
