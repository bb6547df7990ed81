// A raw conversation, as either side: a program connects to one that listens, or listens for one.

import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";

import { untilAborted } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import { formatTcpAddress, parseTcpAddress, reachableHosts } from "../../transport/address.ts";
import { bind } from "../../transport/bind.ts";
import type { PlainListener, PlainStream } from "../contract.ts";
import { dialledAddress } from "../urls.ts";
import { dial, SOCKET_OPTIONS } from "./dial.ts";
import { PlainSocket } from "./socket.ts";

export async function openStream(url: string, signal: AbortSignal | undefined): Promise<PlainStream> {
  return streamOf(await dial(dialledAddress(url), signal));
}

/** Whoever connects first is held until it is asked for; nobody else gets in. */
export async function openListener(url: string): Promise<PlainListener> {
  const first = Promise.withResolvers<Socket>();
  first.promise.catch(() => {});
  let socket: Socket | undefined;
  let isTaken = false;
  const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true }, (connecting) => {
    // A connection can be gone before it is accepted; then it has no remote end.
    if (socket !== undefined || connecting.remoteAddress === undefined) return void connecting.destroy();
    socket = connecting;
    // Until somebody reads it; the socket tells its reader then.
    connecting.on("error", () => {});
    server.close();
    first.resolve(connecting);
  });
  await bind(server, parseTcpAddress(url));
  server.on("error", () => {});
  return {
    address: addressOf(server),
    async accept({ signal } = {}) {
      signal?.throwIfAborted();
      const connected = await untilAborted(first.promise, signal);
      if (isTaken) throw new CoveyError("closed", "the one connection of this port was taken already");
      isTaken = true;
      return streamOf(new PlainSocket(connected, signal));
    },
    async [Symbol.asyncDispose]() {
      first.reject(new CoveyError("closed", "this port was closed"));
      server.close();
      if (!isTaken) socket?.destroy();
      isTaken = true;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return formatTcpAddress({ host: reachableHosts(address, networkInterfaces())[0]!, port });
}

function streamOf(socket: PlainSocket): PlainStream {
  return {
    remote: socket.remote,
    async *read() {
      for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) yield bytes;
    },
    write: (bytes) => socket.write(bytes),
    end: () => socket.end(),
    async [Symbol.asyncDispose]() {
      socket.cut();
    },
  };
}
