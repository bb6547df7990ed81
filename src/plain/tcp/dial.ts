// A connection to a plain program, opened.

import { connect, type Socket } from "node:net";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { formatTcpAddress, type HostPort } from "../../transport/address.ts";
import { unreachable } from "../../transport/unreachable.ts";
import { PlainSocket } from "./socket.ts";

/** What a socket to or from a plain program needs: each direction ends by itself, and one write is one packet where it fits. */
export const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: LIMITS.tcpKeepAliveMs,
} as const;

const HINT = "See that the program over there runs and listens, and that no firewall stands between.";

/** The signal cuts the connection later, too. Rejects with `unreachable`. */
export async function dial(target: HostPort, signal: AbortSignal | undefined): Promise<PlainSocket> {
  signal?.throwIfAborted();
  const socket = connect({ ...target, ...SOCKET_OPTIONS });
  try {
    await connected(socket, target, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return new PlainSocket(socket, signal);
}

async function connected(socket: Socket, target: HostPort, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(signal!.reason as Error);
  const fail = (error: Error): void => reject(unreachable(formatTcpAddress(target), error, HINT));
  const tooLong = (): void =>
    reject(
      new CoveyError("unreachable", `${formatTcpAddress(target)}: no answer within ${LIMITS.plainConnectMs / 1000} s`, {
        hint: HINT,
      }),
    );
  const timer = setTimeout(tooLong, LIMITS.plainConnectMs);
  signal?.addEventListener("abort", abort, { once: true });
  socket.on("error", fail);
  socket.once("connect", resolve);
  try {
    await promise;
    socket.off("error", fail);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
