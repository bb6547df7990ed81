// Which paired peers are there: the sessions, as the loops of this service wait for them.

import { untilAborted } from "../../../core/async.ts";
import { createListeners } from "../../../core/listeners.ts";
import type { PeerId } from "../../../core/ids.ts";
import type { Session, Sessions } from "../../../session/contract.ts";

export class Links {
  /** Told when a peer comes or goes. */
  readonly changed = createListeners<PeerId>();
  readonly #sessions: Pick<Sessions, "get" | "subscribe">;
  readonly #end: () => void;

  constructor(sessions: Pick<Sessions, "get" | "subscribe">) {
    this.#sessions = sessions;
    this.#end = sessions.subscribe((event) => this.changed.emit(event.type === "up" ? event.session.peer : event.peer));
  }

  get(peer: PeerId): Session | undefined {
    return this.#sessions.get(peer);
  }

  /** The session with the peer, as soon as there is one. Rejects with the signal's reason. */
  async untilUp(peer: PeerId, signal: AbortSignal): Promise<Session> {
    for (;;) {
      signal.throwIfAborted();
      const session = this.get(peer);
      if (session !== undefined) return session;
      await this.#change(peer, signal);
    }
  }

  async #change(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = this.changed.add((changed) => changed === peer && resolve());
    try {
      await untilAborted(promise, signal);
    } finally {
      end();
    }
  }

  close(): void {
    this.#end();
  }
}
