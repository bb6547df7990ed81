// HTTP/1.1 on a port of the gateway.

import type { Socket } from "node:net";

import type { Served, Speaker } from "../served.ts";

export function createHttp(_: Served): Speaker {
  const open = new Set<Socket>();
  return {
    take(socket) {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      socket.end("HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      socket.resume();
    },
    async close() {
      for (const socket of open) socket.destroy();
    },
  };
}
