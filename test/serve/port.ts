// HTTP of the gateway on a port of its own, as a test serves it, and raw sockets to it.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

import { systemClock } from "../../src/core/clock.ts";
import { silentLog } from "../../src/core/log.ts";
import type { ServingEvent } from "../../src/gateway/contract.ts";
import { createHttp } from "../../src/gateway/http/http.ts";
import type { Served } from "../../src/gateway/served.ts";

export interface HttpPort extends AsyncDisposable {
  readonly port: number;
  readonly origin: string;
  readonly events: readonly ServingEvent[];
}

/** On loopback, for requests to 127.0.0.1, localhost and [::1]. */
export async function serveHttp(served: Partial<Served>): Promise<HttpPort> {
  const events: ServingEvent[] = [];
  const http = createHttp({
    directory: undefined,
    uploadInto: undefined,
    list: undefined,
    token: undefined,
    isOurHost: (host) => ["127.0.0.1", "localhost", "[::1]"].includes(host),
    tell: (event) => void events.push(event),
    clock: systemClock,
    log: silentLog,
    ...served,
  });
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // As the gateway's port does, which has to see the first bytes.
    socket.once("readable", () => {
      socket.pause();
      http.take(socket, (socket.read() as Buffer | null) ?? Buffer.alloc(0));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    events,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      await http.close();
      // What has said nothing yet is nobody's.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** One connection, all that comes back on it, and how it ended. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  /** Each read as it came. */
  readonly reads: Buffer[] = [];
  readonly closed: Promise<"end" | "cut">;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("data", (bytes) => this.reads.push(bytes));
    let isCut = false;
    this.socket.on("error", () => (isCut = true));
    this.socket.once("end", () => this.socket.end());
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve(isCut ? "cut" : "end")));
  }

  get all(): Buffer {
    return Buffer.concat(this.reads);
  }

  /** Everything until the server has closed. */
  async rest(): Promise<Buffer> {
    await this.closed;
    return this.all;
  }

  /** Waits until that many bytes have come. */
  async has(bytes: number): Promise<void> {
    while (this.all.length < bytes) await once(this.socket, "data");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** What one request is answered with, head and body. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export async function ask(port: number, request: string | Buffer): Promise<RawAnswer> {
  using client = new RawClient(port);
  client.socket.write(request);
  return parseAnswer(await client.rest());
}

export function parseAnswer(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf("\r\n\r\n");
  const [first = "", ...lines] = bytes.toString("latin1", 0, Math.max(0, end)).split("\r\n");
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
  );
  return { status: Number(first.split(" ")[1]), headers, body: bytes.subarray(end + 4) };
}

/** As a browser or curl sends it: with a User-Agent, and the right Host. */
export const browserRequest = (port: number, path: string, fields: readonly string[] = [], method = "GET"): string =>
  [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "User-Agent: test", ...fields, "", ""].join("\r\n");
