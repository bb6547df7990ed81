// A load of HTTP requests over raw sockets, so that its own cost is small and the same for every server.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Load {
  /** Asked for by all of them, one request after the other on each connection. */
  readonly url: string;
  readonly connections: number;
  /** Whether a connection is kept for the next request, as long as the server agrees. */
  readonly keepAlive: boolean;
  readonly seconds: number;
}

const END_OF_HEAD = Buffer.from("\r\n\r\n");

/** Whole answers of status 200, a second. Rejects at the first other one. */
export async function requestsPerSecond({ url, connections, keepAlive, seconds }: Load): Promise<number> {
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  let answered = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const socket = await dial(url);
      try {
        for (let kept = true; kept && performance.now() < untilMs; answered++) {
          socket.write(requestFor(url, keepAlive));
          kept = (await readAnswer(socket)) && keepAlive;
        }
      } finally {
        socket.destroy();
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  return answered / ((performance.now() - startedMs) / 1000);
}

/** So many whole answers at once, one on each connection; resolves when all are there, to the bytes of their bodies. */
export async function takeAtOnce(url: string, connections: number): Promise<number> {
  let bytes = 0;
  const one = async (): Promise<void> => {
    const socket = await dial(url);
    socket.write(requestFor(url, false));
    for await (const chunk of socket as AsyncIterable<Buffer>) bytes += chunk.length;
  };
  await Promise.all(Array.from({ length: connections }, one));
  return bytes;
}

/** So many that ask, and take nothing of what comes. Disposing of it cuts them. */
export async function takeNothing(url: string, connections: number): Promise<Disposable> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => dial(url)));
  for (const socket of sockets) socket.pause().write(requestFor(url, false));
  return {
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setNoDelay(true);
  await once(socket, "connect");
  return socket;
}

function requestFor(url: string, keepAlive: boolean): string {
  const { host, pathname } = new URL(url);
  return `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bench\r\nConnection: ${keepAlive ? "keep-alive" : "close"}\r\n\r\n`;
}

/** One whole answer; resolves to whether the server keeps the connection. */
async function readAnswer(socket: Socket): Promise<boolean> {
  let bytes = Buffer.alloc(0);
  let whole = Infinity;
  let kept = false;
  while (bytes.length < whole) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new Error("the server closed before its answer was whole");
      await readable(socket);
      continue;
    }
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf(END_OF_HEAD);
    if (whole !== Infinity || end < 0) continue;
    const head = bytes.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`the server answered ${head.split("\r\n")[0]}`);
    whole = end + END_OF_HEAD.length + Number(/^content-length: (\d+)$/im.exec(head)![1]);
    kept = !/^connection: close$/im.test(head);
  }
  return kept;
}

function readable(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      socket.off("readable", done).off("end", done).off("error", done).off("close", done);
      if (error instanceof Error) reject(error);
      else resolve();
    };
    socket.on("readable", done).on("end", done).on("error", done).on("close", done);
  });
}
