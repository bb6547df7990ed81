// Two sessions with the same peer: which one stays. Pure, and both sides come to the same answer without asking each other.

import type { PeerId } from "../core/ids.ts";

/** What both sides know of a session. */
export interface Contender {
  readonly diallerId: PeerId;
  /** Of the other peer's process. */
  readonly boot: string;
  /** The dialler numbers its sessions with this peer. */
  readonly dial: number;
  /** The highest number of a session dialled by the other side that was over for the dialler when it dialled this one. */
  readonly over: number;
}

/** Whether `next` replaces `current`. */
export function replaces(next: Contender, current: Contender): boolean {
  // The other peer was started anew: of its former life nothing goes on.
  if (next.boot !== current.boot) return true;
  if (next.diallerId === current.diallerId) return next.dial > current.dial;
  // Dialled because the other one was cut, which only one side may have noticed.
  if (next.over >= current.dial) return true;
  if (current.over >= next.dial) return false;
  // Both dialled at once.
  return next.diallerId < current.diallerId;
}
