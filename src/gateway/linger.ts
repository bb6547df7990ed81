// A connection that is ended with a last word.

import type { Socket } from "node:net";

import { LIMITS } from "../core/limits.ts";

/** Writes it, and reads on for a while and throws that away: a socket that is closed with something unread cuts off what it wrote last. */
export function endWith(socket: Socket, last: string): void {
  const timer = setTimeout(() => socket.destroy(), LIMITS.gatewayLingerMs);
  socket.once("close", () => clearTimeout(timer));
  socket.end(last);
  socket.resume();
}
