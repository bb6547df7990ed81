// A way to a server that lets so many bytes of each answer through, and then nothing more: what waits behind it can be stopped in its midst.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Gate extends AsyncDisposable {
  readonly port: number;
  /** Of each connection from now on; Infinity lets all through. */
  bytes: number;
}

export async function openGate(port: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const far = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [client, far],
      [far, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => (sockets.delete(socket), other.destroySoon()));
    }
    let left = gate.bytes;
    client.pipe(far);
    far.on("data", (chunk: Buffer) => {
      const through = chunk.subarray(0, left);
      left -= through.length;
      if (left === 0) far.pause();
      if (through.length > 0 && !client.write(through)) far.pause();
    });
    client.on("drain", () => left > 0 && far.resume());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const gate: Gate = {
    port: (server.address() as AddressInfo).port,
    bytes: Infinity,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening || sockets.size > 0) await once(server, "close");
    },
  };
  return gate;
}
