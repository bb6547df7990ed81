// HTTP/1.1 on a port of the gateway: Node's parser on sockets that it is given, with limits for all that a client can do to it.
//
//  1. a connection comes with what was read of it   2. its requests are answered in their order (conversation.ts, exchange.ts)
//  3. what is no request is answered too, once, and ends the connection

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

import { LIMITS } from "../../core/limits.ts";
import type { Served, Speaker } from "../served.ts";
import { Conversation, IDLE_STEPS, type Waiting } from "./conversation.ts";
import { carryOut, type Expectation } from "./exchange.ts";
import { Hashes } from "./hashes.ts";
import { SendBuffers } from "./send-buffers.ts";
import { Site } from "./site.ts";
import { Uploads } from "./upload/uploads.ts";

// Not imported: see control/server.ts.
const http = process.getBuiltinModule("node:http");

export function createHttp(served: Served): Speaker {
  const open = new Map<Duplex, Conversation>();
  const waiting: Waiting = { count: 0 };
  const buffers = new SendBuffers();
  const hashes = new Hashes(() => buffers.inUse);
  const { uploadInto: into, tell, clock, log } = served;
  const uploads = into === undefined ? undefined : new Uploads({ into, tell, clock, log });
  const needs = { served, site: new Site(served, hashes, uploads), uploads, buffers };

  const ask = (request: IncomingMessage, response: ServerResponse, expectation: Expectation): void =>
    open.get(request.socket)?.ask(request, response, expectation, (exchange) => carryOut(exchange, needs));

  const server = createServer();
  server.on("request", (request, response) => ask(request, response, "nothing"));
  server.on("checkContinue", (request, response) => ask(request, response, "continue"));
  server.on("checkExpectation", (request, response) => ask(request, response, "unknown"));
  server.on("connect", (_, socket) => open.get(socket)?.endWith(refusal(405, "This is no proxy.", { Allow: "GET, HEAD" })));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const [status, why] = BROKEN[error.code ?? ""] ?? [400, "This is not a request that can be understood."];
    if (error.code === "ECONNRESET" || error.code === "EPIPE") socket.destroy();
    else open.get(socket)?.endWith(refusal(status, why));
  });
  server.on("timeout", (socket: Socket) => open.get(socket)?.idle());

  return {
    take(socket, first) {
      const conversation = new Conversation(socket, waiting, clock);
      open.set(socket, conversation);
      socket.once("close", () => {
        void conversation.ended().then(() => open.delete(socket));
      });
      socket.setNoDelay(true);
      if (first.length > 0) socket.unshift(first);
      server.emit("connection", socket);
      socket.resume();
    },
    async close() {
      server.close();
      for (const conversation of open.values()) conversation.cut();
      const ended = [...open.values()].map((conversation) => conversation.ended());
      await Promise.all([...ended, hashes.close(), uploads?.close()]);
    },
  };
}

function createServer(): Server {
  const server = http.createServer({
    maxHeaderSize: LIMITS.gatewayHeadBytes,
    headersTimeout: LIMITS.gatewayHeadMs,
    // Of an upload any length: see `timeout`.
    requestTimeout: 0,
    // Node looks for what is too late every 30 s otherwise.
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: LIMITS.gatewayKeepAliveMs,
    // policy.ts decides.
    requireHostHeader: false,
  });
  server.timeout = LIMITS.gatewayIdleMs / IDLE_STEPS;
  // One more than is allowed: what is beyond it is left out without a word.
  server.maxHeadersCount = LIMITS.gatewayHeadFields + 1;
  // A client that sends its request and an end still wants the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  // Node starts to look for what is too late when a server listens; this one never does by itself.
  server.emit("listening");
  return server;
}

const BROKEN: Readonly<Record<string, readonly [status: number, why: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "The head of the request is too large."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request took too long to arrive."],
};

function refusal(status: number, why: string, headers: Readonly<Record<string, string>> = {}): string {
  const body = `${status}: ${why}\n`;
  const fields = {
    ...headers,
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
    Connection: "close",
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`;
}
