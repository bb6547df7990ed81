// The answering side of a request.
//
// 1. read the head, within a limit of size, of time, and of what all heads of the session hold
// 2. find the route; who may ask for it is decided there
// 3. run the handler; `accept` answers at once and hands out the stream, otherwise its result or its error is the answer
// 4. end an answered stream; cut one whose handler failed after it had accepted: never an end that could pass for success

import type { Cbor } from "../core/cbor.ts";
import { untilAborted } from "../core/async.ts";
import { CoveyError } from "../core/errors.ts";
import type { Logger } from "../core/log.ts";
import type { Call, Handler, Session, Stream } from "./contract.ts";
import { createDeadline } from "./deadline.ts";
import { type Budget, decodeRequest, encodeFailed, encodeOk, readHead, type Request, type WithHead } from "./heads.ts";
import { linger } from "./linger.ts";
import type { RouteTable } from "./routes.ts";

export interface RespondNeeds {
  readonly session: Session;
  readonly routes: RouteTable;
  /** Of one request's head, at most. */
  readonly headBytes: number;
  readonly heads: Budget;
  readonly answers: Budget;
  readonly handlers: Budget;
  readonly requestMs: number;
  readonly log: Logger;
}

/** Never rejects: whatever happens is told to the other side, or nobody is left to be told. */
export async function respond(stream: Stream, needs: RespondNeeds): Promise<void> {
  let request: Request;
  let rest: Stream;
  try {
    const read = await readRequest(stream, needs);
    request = decodeRequest(read.head);
    rest = read.rest;
  } catch (error) {
    // Something still waits to read a head that did not come.
    if (error instanceof CoveyError && error.code === "timeout") stream.reset();
    else await say(stream, encodeFailed(error), needs);
    return;
  }
  await answer(request, rest, needs);
}

async function readRequest(stream: Stream, { headBytes, heads, requestMs }: RespondNeeds): Promise<WithHead> {
  using deadline = createDeadline(requestMs, "the head of a request");
  return await untilAborted(readHead(stream, "a request", headBytes, heads), deadline.signal);
}

async function answer({ route, args }: Request, stream: Stream, needs: RespondNeeds): Promise<void> {
  const { session, routes, log } = needs;
  let state = "asked" as "asked" | "accepted" | "answered";
  const gone = new AbortController();
  void stream.closed.then((why) => {
    if (why !== undefined && state !== "answered")
      gone.abort(new CoveyError("closed", "the asking side is gone", { cause: why }));
  });

  const accept = async (value: Cbor = null): Promise<Stream> => {
    if (state !== "asked") throw new CoveyError("internal", `${route} was accepted twice, or after its answer`);
    const head = encodeOk(value, true);
    state = "accepted";
    await stream.write(head);
    return stream;
  };

  try {
    const handler = routes.find(route, session.paired);
    const call = { peer: session.peer, paired: session.paired, session, args, signal: gone.signal, accept };
    const value = await run(handler, call, needs.handlers);
    const head = state === "accepted" ? undefined : encodeOk(value ?? null, false);
    state = "answered";
    await say(stream, head, needs);
  } catch (error) {
    if (!(error instanceof CoveyError || gone.signal.aborted))
      log.error({ route, error }, "a request failed by a fault in covey");
    const accepted = state === "accepted";
    state = "answered";
    if (accepted) stream.reset();
    else await say(stream, encodeFailed(error), needs);
  }
}

/** Bounded by itself: a handler may still be running when its stream was reset, and has made room for the next. */
async function run(handler: Handler, call: Call, handlers: Budget): Promise<Cbor | void> {
  if (handlers.left === 0) throw new CoveyError("limit", "too many requests are being answered at once");
  handlers.left--;
  try {
    return await handler(call);
  } finally {
    handlers.left++;
  }
}

/** A last head, if there is one, and the end. */
async function say(stream: Stream, head: Buffer | undefined, { answers }: RespondNeeds): Promise<void> {
  const bytes = head?.length ?? 0;
  if (bytes > answers.left) return stream.reset();
  answers.left -= bytes;
  try {
    if (head !== undefined) await stream.write(head);
    await linger(stream);
  } catch {
    // Nobody is there to hear it.
  } finally {
    answers.left += bytes;
  }
}
