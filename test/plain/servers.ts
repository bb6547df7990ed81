// Plain programs as the other end, byte by byte as a test wants them.

import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface PlainServer extends AsyncDisposable {
  readonly tcp: string;
  readonly http: string;
  /** What each connection sent so far, in the order in which they came. */
  readonly received: readonly Buffer[];
  /** The error of each connection that was cut. */
  readonly errors: readonly Error[];
}

/** `talk` has a connection from its first bytes on, or with `greets` from its beginning. */
export async function startServer(
  talk: (socket: Socket, first: string, connection: number) => unknown,
  { greets = false, host = "127.0.0.1" } = {},
): Promise<PlainServer> {
  const received: Buffer[] = [];
  const errors: Error[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = received.push(Buffer.alloc(0)) - 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", (error) => errors.push(error));
    socket.on("data", (bytes: Buffer) => {
      const isFirst = received[connection]!.length === 0;
      received[connection] = Buffer.concat([received[connection]!, bytes]);
      if (isFirst && !greets) void talk(socket, bytes.toString("latin1"), connection);
    });
    if (greets) void talk(socket, "", connection);
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port, address } = server.address() as AddressInfo;
  const place = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return {
    tcp: `tcp://${place}`,
    http: `http://${place}`,
    received,
    errors,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** An HTTP server that says this and closes. */
export const answering = (answer: string | Buffer): Promise<PlainServer> => startServer((socket) => socket.end(answer));

/** Answers with the bytes of a file, by ranges where they are asked for and still of that version. */
export function sendFile(socket: Socket, request: string, file: { readonly bytes: Buffer; readonly etag: string }): void {
  const { bytes, etag } = file;
  const [, from] = /\r\nRange: bytes=(\d+)-\r\n/.exec(request) ?? [];
  const isSame = request.includes(`\r\nIf-Range: ${etag}\r\n`);
  const start = from !== undefined && isSame ? Number(from) : 0;
  const status = start > 0 ? "206 Partial Content" : "200 OK";
  const range = start > 0 ? `Content-Range: bytes ${start}-${bytes.length - 1}/${bytes.length}\r\n` : "";
  socket.write(`HTTP/1.1 ${status}\r\nETag: ${etag}\r\n${range}Content-Length: ${bytes.length - start}\r\n\r\n`);
  socket.end(bytes.subarray(start));
}
