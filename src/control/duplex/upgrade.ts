// The daemon's side of a duplex (wire.ts): 1. the request is looked at, 2. its arguments are read, which came before the upgrade,
// 3. the operation opens its stream; until then an error is an HTTP answer, 4. the two are one until both are over.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import { untilAborted, withDeadline } from "../../core/async.ts";
import { CoveyError, fromPlatform } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { VERSION } from "../../core/version.ts";
import type { Peer } from "../../peer/contract.ts";
import { admitted, declaredLength, parseArguments } from "../admitted.ts";
import { sendError } from "../answers.ts";
import { FramedStream } from "./framed-stream.ts";
import { runDuplex } from "../invoke.ts";
import { join } from "./join.ts";
import { UPGRADE, VERSION_HEADER } from "../wire.ts";

export interface Upgraded {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the headers already. */
  readonly head: Buffer;
}

/** Never rejects; resolves when the socket is closed. `full`: there is no place for one more. */
export async function answerUpgrade(
  peer: Peer,
  { request, socket, head }: Upgraded,
  respond: () => ServerResponse,
  { closing, full }: { readonly closing: AbortSignal; readonly full: boolean },
): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  try {
    const name = admitted(request, ["duplex"]);
    if (full) {
      throw new CoveyError("limit", `${LIMITS.controlDuplexes} streams between programs and the daemon are open already`, {
        hint: "End some of them first.",
      });
    }
    const { body, rest } = await readBody(socket, head, declaredLength(request), closing);
    const outer = new FramedStream(socket, rest, () => new CoveyError("closed", "the program went away"));
    const hangUp = new AbortController();
    void outer.closed.then((why) => hangUp.abort(why));
    const inner = await runDuplex(peer, name, parseArguments(body), AbortSignal.any([hangUp.signal, closing]));
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE}\r\n${VERSION_HEADER}: ${VERSION}\r\n\r\n`,
    );
    const stop = (): void => outer.cut(closing.reason as CoveyError);
    if (closing.aborted) stop();
    closing.addEventListener("abort", stop, { once: true });
    await join(outer, inner);
    closing.removeEventListener("abort", stop);
  } catch (error) {
    refuse(socket, respond(), fromPlatform(error, "do this"));
  }
  await closed;
}

/** The arguments are of a declared length; the frames begin behind them. */
async function readBody(
  socket: Duplex,
  head: Buffer,
  length: number,
  closing: AbortSignal,
): Promise<{ readonly body: Buffer; readonly rest: Buffer }> {
  const parts = [head];
  let size = head.length;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const take = (chunk: Buffer): void => {
    parts.push(chunk);
    size += chunk.length;
    if (size >= length) resolve();
  };
  const gone = (): void => reject(new CoveyError("closed", "the program went away"));
  socket.on("data", take).on("close", gone).on("end", gone);
  if (size >= length) resolve();
  try {
    await withDeadline(untilAborted(promise, closing), LIMITS.controlReceiveMs, "to send the arguments");
  } finally {
    socket.off("data", take).off("close", gone).off("end", gone).pause();
  }
  const all = Buffer.concat(parts);
  return { body: all.subarray(0, length), rest: all.subarray(length) };
}

/** As to a call; then the connection is over. */
function refuse(socket: Duplex, response: ServerResponse, error: CoveyError): void {
  if (socket.destroyed || socket.writableEnded) return;
  response.on("error", () => {});
  response.setHeader(VERSION_HEADER, VERSION);
  response.assignSocket(socket as Parameters<ServerResponse["assignSocket"]>[0]);
  response.once("finish", () => socket.end(() => socket.destroy()));
  const timer = setTimeout(() => socket.destroy(), LIMITS.hangUpMs);
  socket.once("close", () => clearTimeout(timer));
  sendError(response, error, true);
}
