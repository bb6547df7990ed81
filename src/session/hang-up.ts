// Two ways to be done with a connection that never became a session.

import { Socket } from "node:net";
import type { Duplex } from "node:stream";

import { LIMITS } from "../core/limits.ts";
import { reset } from "../transport/reset.ts";

/** Sends what was written, then ends; what still comes in is dropped. Resolves, never rejects, when the connection is closed. */
export function hangUp(duplex: Duplex): Promise<void> {
  if (duplex.closed) return Promise.resolve();
  return new Promise((resolve) => {
    // Unread bytes would make TCP send a reset, which overtakes the last words.
    duplex
      .removeAllListeners("readable")
      .on("data", () => {})
      .resume();
    const timer = setTimeout(() => duplex.destroy(), LIMITS.hangUpMs);
    duplex.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    if (!duplex.writableEnded) duplex.end();
  });
}

/** Cuts now, so that the other side sees a fault and no end: on TCP a reset. */
export function cut(duplex: Duplex): void {
  if (duplex instanceof Socket) reset(duplex);
  else duplex.destroy();
}
