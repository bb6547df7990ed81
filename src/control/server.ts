// The daemon's side of the local API (wire.ts): 1. a request is looked at before its body is read, 2. the body is bounded, 3. the
// operation runs until it ends or the caller hangs up, 4. its value, or its items one line each, go out as fast as they are read.
// Who may call is decided by the file system: the socket is 0600 in a 0700 directory.

import { once } from "node:events";
import { chmod } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import { printable } from "../core/text.ts";
import { VERSION } from "../core/version.ts";
import type { Home } from "../identity/home-names.ts";
import type { Peer } from "../peer/contract.ts";
import { admitted, readArguments } from "./admitted.ts";
import { sendError, sendJson } from "./answers.ts";
import { isCall, runCall, runStream } from "./invoke.ts";
import type { CallName, StreamName } from "./operations.ts";
import { prepareSocket } from "./socket.ts";
import { answerUpgrade } from "./duplex/upgrade.ts";
import { LINES_TYPE, UPGRADE, VERSION_HEADER, type StreamRecord } from "./wire.ts";

// Not imported: an import of node:http reads all its exports, and with them loads the whole of undici into the daemon's memory.
const http = process.getBuiltinModule("node:http");

export interface ControlServer {
  /** Ends every operation with `closed`, and removes the socket. */
  close(): Promise<void>;
}

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
    shouldUpgradeCallback: ({ headers }) => headers.upgrade === UPGRADE,
  });
  const duplexes = new Set<Promise<void>>();
  server.on("upgrade", (request, socket, head) => {
    const respond = (): ServerResponse => new http.ServerResponse(request);
    const done = answerUpgrade(peer, { request, socket, head }, respond, {
      closing: closing.signal,
      full: duplexes.size >= LIMITS.controlDuplexes,
    }).finally(() => duplexes.delete(done));
    duplexes.add(done);
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
      await Promise.all([...running, ...duplexes]);
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
    const name = admitted(request, ["call", "stream"]);
    const args = await readArguments(request);
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
