// The caller's side of the local API (wire.ts): operations as requests on the daemon's socket.

import type { Agent, IncomingMessage } from "node:http";

import { untilAborted } from "../core/async.ts";
import { CoveyError, errorFromJson } from "../core/errors.ts";
import { VERSION } from "../core/version.ts";
import type { Stream } from "../session/contract.ts";
import type { Invoker } from "./invoker.ts";
import { JSON_TYPE, PATH_PREFIX, UPGRADE, VERSION_HEADER, type StreamRecord } from "./wire.ts";

// Not imported: an import of node:http reads all its exports, and with them loads the whole of undici, a third of a short command's time.
const http = process.getBuiltinModule("node:http");

/** An Invoker over the daemon's socket. It is of this same version and user, so its answers have the types of the table. */
export function remoteInvoker(socketPath: string): Invoker {
  const agent = new http.Agent({ keepAlive: true });
  // Streams whose start was not yet confirmed: a call that was made after one began finds it standing.
  const starting = new Set<Promise<void>>();
  const started = async (signal: AbortSignal): Promise<void> => {
    while (starting.size > 0) await untilAborted(Promise.all(starting), signal);
  };

  const post = async (name: string, args: unknown, signal: AbortSignal): Promise<IncomingMessage> => {
    const response = await send(agent, socketPath, name, JSON.stringify(args), signal);
    if (response.statusCode === 200 || response.statusCode === 204) return response;
    throw errorFromJson((await readJson(response, signal)) as Parameters<typeof errorFromJson>[0]);
  };

  return {
    async call(name, args, signal) {
      await started(signal);
      const response = await post(name, args, signal);
      return (await readJson(response, signal)) as never;
    },
    async *stream(name, args, signal) {
      const opened = post(name, args, signal);
      const start = opened.then(
        () => void starting.delete(start),
        () => void starting.delete(start),
      );
      starting.add(start);
      const response = await opened;
      try {
        yield* readRecords(response, signal) as AsyncIterable<never>;
      } finally {
        response.destroy();
      }
    },
    async duplex(name, args, signal) {
      await started(signal);
      return upgrade(socketPath, name, JSON.stringify(args), signal);
    },
    close: async () => agent.destroy(),
  };
}

function send(agent: Agent, socketPath: string, name: string, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const fail = (error: unknown): void => reject(signal.aborted ? (signal.reason as Error) : daemonDown(error));
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  const request = http.request({
    agent,
    socketPath,
    method: "POST",
    path: PATH_PREFIX + name,
    headers: { "content-type": JSON_TYPE, "content-length": Buffer.byteLength(body), [VERSION_HEADER]: VERSION },
    signal,
  });
  request.once("response", resolve);
  request.on("error", fail);
  request.end(body);
  return promise;
}

/** On a connection of its own, which is the stream's from then on. */
async function upgrade(socketPath: string, name: string, body: string, signal: AbortSignal): Promise<Stream> {
  // Loaded for the first of them: with it comes node:crypto, which takes longer than a short command's own code.
  const { FramedStream } = await import("./duplex/framed-stream.ts");
  const { promise, resolve, reject } = Promise.withResolvers<Stream>();
  signal.throwIfAborted();
  const request = http.request({
    agent: false,
    socketPath,
    method: "POST",
    path: PATH_PREFIX + name,
    headers: {
      connection: "Upgrade",
      upgrade: UPGRADE,
      "content-type": JSON_TYPE,
      "content-length": Buffer.byteLength(body),
      [VERSION_HEADER]: VERSION,
    },
  });
  request.once("upgrade", (_, socket, head) => resolve(new FramedStream(socket, head, streamCut)));
  request.once("response", (response) => {
    readJson(response, signal)
      .then((json) => reject(errorFromJson(json as Parameters<typeof errorFromJson>[0])))
      .catch(reject);
  });
  request.on("error", (error) => reject(daemonDown(error)));
  request.end(body);
  try {
    return await untilAborted(promise, signal);
  } catch (error) {
    request.destroy();
    void promise.then(
      (stream) => stream.reset(),
      () => {},
    );
    throw error;
  }
}

const streamCut = (cause: unknown): CoveyError =>
  new CoveyError("closed", "the daemon went away, and cut the stream", {
    hint: "`covey status` shows whether it is back; then `connect()`, and open the stream, again.",
    cause,
  });

async function readJson(response: IncomingMessage, signal: AbortSignal): Promise<unknown> {
  const parts: Buffer[] = [];
  try {
    for await (const part of response) parts.push(part as Buffer);
    return parts.length === 0 ? undefined : (JSON.parse(Buffer.concat(parts).toString()) as unknown);
  } catch (error) {
    throw signal.aborted ? (signal.reason as Error) : daemonDown(error);
  }
}

/** Reads no further than the items are taken. An answer that stops without saying that it ended was cut. */
async function* readRecords(response: IncomingMessage, signal: AbortSignal): AsyncIterable<unknown> {
  try {
    let held = "";
    response.setEncoding("utf8");
    for await (const part of response as AsyncIterable<string>) {
      const lines = (held + part).split("\n");
      held = lines.pop()!;
      for (const line of lines) {
        const record = JSON.parse(line) as StreamRecord;
        if ("end" in record) return;
        if ("error" in record) throw errorFromJson(record.error);
        yield record.item;
        signal.throwIfAborted();
      }
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof CoveyError ? error : daemonDown(error);
  }
  throw signal.aborted ? (signal.reason as Error) : daemonDown(undefined);
}

/** For a socket that nobody listens at, and for a daemon that went away in the middle of a call. */
export function daemonDown(cause: unknown): CoveyError {
  const wasThere = !(cause instanceof Error && "code" in cause && (cause.code === "ECONNREFUSED" || cause.code === "ENOENT"));
  return new CoveyError("daemon-down", wasThere ? "the daemon went away during the call" : "this device's peer is not running", {
    hint: wasThere
      ? "`covey status` shows whether it is back; the file `log` in its home tells why it ended."
      : "`covey up` starts it; a program that needs no daemon calls `open()`.",
    cause,
  });
}
