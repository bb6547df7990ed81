// What happened on a serving, until its one reader takes it.

import { untilAborted } from "../core/async.ts";
import { LIMITS } from "../core/limits.ts";
import type { Serving, ServingEvent } from "./contract.ts";

/** Begins with the serving. Bounded: the oldest events are dropped and counted. */
export class Followed {
  #first: ServingEvent | undefined;
  readonly #events: ServingEvent[] = [];
  #missed = 0;
  #chars = 0;
  #more = Promise.withResolvers<void>();
  #ended = false;

  constructor(serving: Serving) {
    this.#first = { type: "serving", serving };
  }

  tell(event: ServingEvent): void {
    if (this.#ended) return;
    this.#events.push(event);
    this.#chars += charsOf(event);
    while (this.#events.length > LIMITS.gatewayEvents || this.#chars > LIMITS.gatewayEventChars) {
      this.#take();
      this.#missed++;
    }
    this.#more.resolve();
  }

  /** What is there is still read, then `read` ends. */
  end(): void {
    this.#ended = true;
    this.#more.resolve();
  }

  /** Throws the signal's reason. */
  async *read(signal: AbortSignal): AsyncGenerator<ServingEvent, void> {
    for (;;) {
      signal.throwIfAborted();
      const next = this.#next();
      if (next !== undefined) yield next;
      else if (this.#ended) return;
      else {
        await untilAborted(this.#more.promise, signal);
        this.#more = Promise.withResolvers();
      }
    }
  }

  #next(): ServingEvent | undefined {
    if (this.#first !== undefined) {
      const first = this.#first;
      this.#first = undefined;
      return first;
    }
    if (this.#missed > 0) {
      const count = this.#missed;
      this.#missed = 0;
      return { type: "missed", count };
    }
    return this.#take();
  }

  #take(): ServingEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) this.#chars -= charsOf(event);
    return event;
  }
}

/** Of what clients wrote; the rest of an event is small. */
function charsOf(event: ServingEvent): number {
  if (event.type === "message") return event.text.length;
  return event.type === "request" || event.type === "upload" ? event.path.length : 0;
}
