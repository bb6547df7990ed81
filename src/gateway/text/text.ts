// Plain text on a port of the gateway.

import type { Socket } from "node:net";

import { CoveyError } from "../../core/errors.ts";
import type { GuestMessages } from "../../services/messages/contract.ts";
import type { Served, TextSpeaker } from "../served.ts";

export interface TextOptions {
  /** What every client is told when it connects. */
  readonly greeting: string | undefined;
  /** The connection ends after the greeting. */
  readonly close: boolean;
  /** The answer to a message. */
  readonly reply: string;
  readonly guests: GuestMessages;
}

export function createText(_: Served, { reply }: TextOptions): TextSpeaker {
  const open = new Set<Socket>();
  return {
    take(socket) {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      socket.end(reply);
      socket.resume();
    },
    guests: () => [],
    async tell(guest) {
      throw new CoveyError("not-found", `there is no ${guest} now`);
    },
    async close() {
      for (const socket of open) socket.destroy();
    },
  };
}
