// The daemon's side of the local API (wire.ts): 1. a request is looked at before its body is read, 2. the body is bounded, 3. the
// operation runs until it ends or the caller hangs up, 4. its value, or its items one line each, go out as fast as they are read.
// Who may call is decided by the file system: the socket is 0600 in a 0700 directory.

import { once } from "node:events";
import { chmod } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";

import { CoveyError, fromPlatform, type ErrorCode, type ErrorJson } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import { printable } from "../core/text.ts";
import { VERSION } from "../core/version.ts";
import type { Home } from "../identity/home-names.ts";
import type { Peer } from "../peer/contract.ts";
import { isCall, operationNamed, runCall, runStream } from "./invoke.ts";
import type { CallName, OperationName, StreamName } from "./operations.ts";
import { prepareSocket } from "./socket.ts";
import { JSON_TYPE, LINES_TYPE, PATH_PREFIX, VERSION_HEADER, type StreamRecord } from "./wire.ts";

// Not imported: an import of node:http reads all its exports, and with them loads the whole of undici into the daemon's memory.
const http = process.getBuiltinModule("node:http");

export interface ControlServer {
  /** Ends every operation with `closed`, and removes the socket. */
  close(): Promise<void>;
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  "bad-argument": 400,
  "not-found": 404,
  "not-paired": 403,
  refused: 403,
  declined: 403,
  "ticket-invalid": 403,
  conflict: 409,
  changed: 409,
  version: 426,
  unreachable: 502,
  closed: 503,
  timeout: 504,
  "no-space": 507,
};

/** Serves the peer to this user's programs. The caller holds the home's lock. Rejects with `io`. */
export async function serveControl(options: {
  readonly home: Home;
  readonly peer: Peer;
  readonly log: Logger;
}): Promise<ControlServer> {
  const { home, peer, log } = options;
  const closing = new AbortController();
  const running = new Set<Promise<void>>();

  const server = http.createServer({
    maxHeaderSize: LIMITS.controlHeaderBytes,
    headersTimeout: LIMITS.controlReceiveMs,
    requestTimeout: LIMITS.controlReceiveMs,
    keepAliveTimeout: LIMITS.controlIdleMs,
    connectionsCheckingInterval: 5000,
  });
  server.maxConnections = LIMITS.controlConnections;
  server.on("request", (request, response) => {
    const done = answer(peer, request, response, closing.signal)
      .catch((error: unknown) => {
        log.error({ error: String(error) }, "an operation could not be answered");
        response.destroy();
      })
      .finally(() => running.delete(done));
    running.add(done);
  });

  const socket = await prepareSocket(home);
  try {
    server.listen(socket.path);
    await once(server, "listening");
    await chmod(socket.path, 0o600);
    await socket.publish();
  } catch (error) {
    server.close();
    await socket.remove();
    throw fromPlatform(error, `listen on ${printable(socket.path)}`);
  }

  return {
    async close() {
      server.close();
      closing.abort(
        new CoveyError("closed", "the daemon stops", { hint: "What was under way goes on when it is up again: `covey up`." }),
      );
      await Promise.all(running);
      server.closeAllConnections();
      await socket.remove();
    },
  };
}

async function answer(peer: Peer, request: IncomingMessage, response: ServerResponse, closing: AbortSignal): Promise<void> {
  const hangUp = new AbortController();
  // A response that is closed before it has ended: the caller is gone, and what it asked for is given up.
  response.once("close", () => hangUp.abort(new CoveyError("closed", "the caller hung up")));
  response.on("error", () => {});
  response.setHeader(VERSION_HEADER, VERSION);
  const signal = AbortSignal.any([hangUp.signal, closing]);
  try {
    const name = admitted(request);
    const args = await readBody(request);
    if (isCall(name)) await answerCall(peer, name, args, signal, response);
    else await answerStream(peer, name, args, signal, response);
  } catch (error) {
    if (hangUp.signal.aborted) return;
    const told = fromPlatform(error, "do this");
    if (response.headersSent) await writeRecord(response, { error: told.toJSON() }, hangUp.signal).catch(() => {});
    else sendError(response, told, !request.complete);
    response.end();
  }
}

/** The operation that is asked for, if the request is one of covey's own programs, of this version. */
function admitted(request: IncomingMessage): OperationName {
  const version = request.headers[VERSION_HEADER];
  if (version === undefined) {
    throw new CoveyError("bad-argument", `the header ${VERSION_HEADER} is missing`, {
      hint: "docs/control.md tells how to call the daemon.",
    });
  }
  if (version !== VERSION) {
    throw new CoveyError("version", `the daemon is covey ${VERSION}, and this is covey ${printable(String(version))}`, {
      hint: "`covey down` and then `covey up` starts the daemon that fits.",
      details: { daemon: VERSION, pid: process.pid },
    });
  }
  if (request.method !== "POST")
    throw new CoveyError("bad-argument", `${request.method} is not understood here; operations are POSTed`);
  const url = request.url ?? "";
  const name = url.startsWith(PATH_PREFIX) ? operationNamed(url.slice(PATH_PREFIX.length)) : undefined;
  if (name === undefined) throw new CoveyError("bad-argument", `there is no operation ${printable(url.slice(0, 100))}`);
  return name;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const tooLarge = (): CoveyError =>
    new CoveyError("limit", `the arguments are larger than ${LIMITS.controlBodyBytes} bytes`, {
      hint: "Hand them over in several calls.",
    });
  if (Number(request.headers["content-length"] ?? 0) > LIMITS.controlBodyBytes) throw tooLarge();
  const parts: Buffer[] = [];
  let size = 0;
  // `on`, not `for await`: leaving a loop would destroy the connection before the refusal is out.
  await new Promise<void>((resolve, reject) => {
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size > LIMITS.controlBodyBytes) return reject(tooLarge());
      parts.push(part);
    });
    request.once("end", resolve);
    request.once("error", reject);
  });
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts))) as unknown;
  } catch (error) {
    throw new CoveyError("bad-argument", "the arguments are not JSON", { cause: error });
  }
}

async function answerCall(
  peer: Peer,
  name: CallName,
  args: unknown,
  signal: AbortSignal,
  response: ServerResponse,
): Promise<void> {
  const value = await runCall(peer, name, args, signal);
  if (value === undefined) response.writeHead(204).end();
  else sendJson(response, 200, value);
}

async function answerStream(
  peer: Peer,
  name: StreamName,
  args: unknown,
  signal: AbortSignal,
  response: ServerResponse,
): Promise<void> {
  const ending = new AbortController();
  const items = (await runStream(peer, name, args, AbortSignal.any([signal, ending.signal])))[Symbol.asyncIterator]();
  try {
    // The first item is asked for before the caller hears anything, so that it watches from the moment it is told so.
    let next = items.next();
    response.writeHead(200, { "content-type": LINES_TYPE }).flushHeaders();
    for (let item = await next; item.done !== true; item = await next) {
      await writeRecord(response, { item: item.value }, signal);
      next = items.next();
    }
    await writeRecord(response, { end: true }, signal);
    response.end();
  } finally {
    ending.abort(new CoveyError("closed", "nobody reads this any more"));
    await items.return?.().catch(() => {});
  }
}

/** Waits while the caller reads more slowly than the items come. */
async function writeRecord(response: ServerResponse, record: StreamRecord, signal: AbortSignal): Promise<void> {
  if (!response.write(`${JSON.stringify(record)}\n`)) await once(response, "drain", { signal });
}

function sendError(response: ServerResponse, error: CoveyError, unread: boolean): void {
  // What was not read of a refused request is not waited for.
  if (unread) response.setHeader("connection", "close");
  const status = error.code === "limit" ? 413 : (STATUS[error.code] ?? 500);
  sendJson(response, status, error.toJSON() satisfies ErrorJson);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": JSON_TYPE, "content-length": body.length }).end(body);
}
