// Cutting a TCP connection so that the other end sees a fault and no end.

import type { Socket } from "node:net";

/**
 * By a reset; but not while our own end is just being sent: the system refuses a reset then, and Node would keep the socket for ever, without
 * a "close". Everything has been written by that time.
 */
export function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
