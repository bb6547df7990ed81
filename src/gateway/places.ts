// How many connections there may be at once: on all servings together, and on each of them from one host.

import { LIMITS } from "../core/limits.ts";
import { groupOf } from "../transport/address.ts";

/** Of all servings of a gateway. */
export class Places {
  #taken = 0;

  get full(): boolean {
    return this.#taken >= LIMITS.gatewayConnections;
  }

  take(): void {
    this.#taken++;
  }

  give(): void {
    this.#taken--;
  }
}

/** Of one serving. */
export class HostPlaces {
  readonly #all: Places;
  readonly #perHost: number;
  readonly #byHost = new Map<string, number>();

  constructor(all: Places, perHost: number) {
    this.#all = all;
    this.#perHost = perHost;
  }

  /** A place, to be given back once; undefined when there is none for this one. */
  take(ip: string): (() => void) | undefined {
    const host = groupOf(ip);
    const held = this.#byHost.get(host) ?? 0;
    if (this.#all.full || held >= this.#perHost) return undefined;
    this.#all.take();
    this.#byHost.set(host, held + 1);
    return () => {
      this.#all.give();
      const left = this.#byHost.get(host)! - 1;
      if (left > 0) this.#byHost.set(host, left);
      else this.#byHost.delete(host);
    };
  }
}
