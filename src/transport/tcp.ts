// TCP over IPv4 and IPv6: the way that is fast, and taken whenever there is one.

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";

import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { formatTcpAddress, groupOf, parseTcpAddress, reachableHosts } from "./address.ts";
import { bind } from "./bind.ts";
import type { Connection, Listener, Transport } from "./transport.ts";
import { unreachable } from "./unreachable.ts";

const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: LIMITS.tcpKeepAliveMs } as const;

export const tcpTransport: Transport = { scheme: "tcp", dial, listen };

function dial(address: Address, signal: AbortSignal): Promise<Connection> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { host, port } = parseTcpAddress(address);
    if (host === "*" || port === 0) throw new CoveyError("bad-argument", `${address} can be listened on, not dialled`);
    const socket = connect({ host, port, ...SOCKET_OPTIONS });
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", (error) => {
      signal.removeEventListener("abort", abort);
      reject(unreachable(address, error));
    });
    socket.once("connect", () => {
      signal.removeEventListener("abort", abort);
      resolve(connectionOf(socket, address));
    });
  });
}

async function listen(address: Address, onConnection: (connection: Connection) => void): Promise<Listener> {
  const wanted = parseTcpAddress(address);
  const server = createServer(SOCKET_OPTIONS, (socket) => {
    // A connection can be gone before it is accepted; then it has no remote end.
    const { remoteAddress, remotePort } = socket;
    socket.on("error", () => {});
    if (remoteAddress === undefined || remotePort === undefined) socket.destroy();
    else onConnection(connectionOf(socket, formatTcpAddress({ host: unmapped(remoteAddress), port: remotePort })));
  });
  await bind(server, wanted);
  // Out of descriptors, say: those who wait are accepted later.
  server.on("error", () => {});
  const bound = server.address() as AddressInfo;
  return {
    addresses: () =>
      reachableHosts(bound.address, networkInterfaces()).map((host) => formatTcpAddress({ host, port: bound.port })),
    async close() {
      // Node's callback waits for the connections to end as well, and those belong to others.
      server.close();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function connectionOf(socket: Socket, address: Address): Connection {
  // Errors are told by whoever reads and writes; without any listener one would end the process.
  socket.on("error", () => {});
  return { duplex: socket, address, group: groupOf(socket.remoteAddress ?? "") };
}

const unmapped = (ip: string): string => (ip.startsWith("::ffff:") ? groupOf(ip) : ip);
