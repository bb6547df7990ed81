// Places for transfers that run at once. Peers take turns, so that whoever asks for a thousand files does not hold up another's one.

import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";

interface Waiter {
  readonly grant: () => void;
}

export class Slots {
  readonly #total: number;
  readonly #perPeer: number;
  readonly #running = new Map<PeerId, number>();
  /** In the order of whose turn it is. */
  readonly #waiting = new Map<PeerId, Waiter[]>();
  #taken = 0;

  constructor(total: number, perPeer: number) {
    this.#total = total;
    this.#perPeer = perPeer;
  }

  /** Resolves to the function that gives the place back; rejects with the signal's reason. */
  async take(peer: PeerId, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { grant: resolve };
    const queue = this.#waiting.get(peer) ?? [];
    queue.push(waiter);
    this.#waiting.set(peer, queue);
    const abort = (): void => {
      const at = queue.indexOf(waiter);
      if (at < 0) return;
      queue.splice(at, 1);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#grant();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
    let held = true;
    return () => {
      if (!held) throw new CoveyError("internal", "a place was given back twice");
      held = false;
      this.#taken--;
      this.#running.set(peer, this.#running.get(peer)! - 1);
      this.#grant();
    };
  }

  /** Whether another peer, with less than its share, waits for a place: one that this peer gives back will be used. */
  wanted(holder: PeerId): boolean {
    return [...this.#waiting].some(([peer, queue]) => peer !== holder && queue.length > 0 && this.#hasShare(peer));
  }

  #hasShare(peer: PeerId): boolean {
    return (this.#running.get(peer) ?? 0) < this.#perPeer;
  }

  #grant(): void {
    for (const [peer, queue] of [...this.#waiting]) {
      if (queue.length === 0) this.#waiting.delete(peer);
      if (queue.length === 0 || !this.#hasShare(peer) || this.#taken >= this.#total) continue;
      this.#taken++;
      this.#running.set(peer, (this.#running.get(peer) ?? 0) + 1);
      queue.shift()!.grant();
      // To the end of the line.
      this.#waiting.delete(peer);
      this.#waiting.set(peer, queue);
      return this.#grant();
    }
  }
}
