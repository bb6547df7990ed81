// One request and its one answer:
//
//  1. the target is read; without the token nothing is here
//  2. whoever may not ask is refused
//  3. the answer is made, or the upload is received, which answers by itself
//  4. it is sent, and told of; what can't be sent to its end is cut

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { reset } from "../../transport/reset.ts";
import { clientOf } from "../client.ts";
import type { Served } from "../served.ts";
import { type Answer, type Problem, problem } from "./answer.ts";
import { endAnswer } from "./end-answer.ts";
import { isBrowserLike, refusalOf } from "./policy.ts";
import type { SendBuffers } from "./send-buffers.ts";
import { send } from "./send.ts";
import { isWithFile, nothingHere, type Site } from "./site.ts";
import { parsePath, splitTarget, type Target, withoutToken } from "./target.ts";
import type { Uploads } from "./upload/uploads.ts";

export interface ExchangeNeeds {
  readonly served: Served;
  readonly site: Site;
  /** undefined: nothing may be uploaded. */
  readonly uploads: Uploads | undefined;
  readonly buffers: SendBuffers;
}

/** What is expected of the server before the body is sent (RFC 9110, 10.1.1). */
export type Expectation = "nothing" | "continue" | "unknown";

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly expectation: Expectation;
  readonly keepAlive: boolean;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
}

/** Never rejects. The response has ended, or the connection is cut. */
export async function carryOut(exchange: Exchange, needs: ExchangeNeeds): Promise<void> {
  const { request, response } = exchange;
  const { served } = needs;
  const { socket } = request;
  const from = clientOf(socket);
  let answer: Answer | undefined;
  let bytes = 0;
  try {
    answer = await answerTo(exchange, needs);
    if (answer !== undefined) await deliver(answer, exchange, needs, (count) => (bytes += count));
  } catch (error) {
    const isExpected = socket.destroyed || (error instanceof CoveyError && error.code === "changed");
    if (!isExpected) served.log.warn({ error: String(error) }, "an answer could not be sent");
    reset(socket);
  }
  const path = splitTarget(request.url ?? "")?.path ?? "";
  served.tell({
    ...{ type: "request", atMs: served.clock.nowMs(), from, bytes },
    method: request.method ?? "",
    path: served.token === undefined ? path : withoutToken(path, served.token),
    status: response.writableFinished ? response.statusCode : undefined,
  });
  answer?.over?.();
  if (isWithFile(answer)) await answer.body.file.release().catch(() => {});
}

/** undefined: it has been answered, or the client is gone. */
async function answerTo(exchange: Exchange, needs: ExchangeNeeds): Promise<Answer | undefined> {
  const { request, response, expectation, keepAlive, signal } = exchange;
  const { accept } = request.headers;
  const admitted = admit(exchange, needs);
  if ("status" in admitted) return admitted.status === 404 ? nothingHere(accept) : problem(admitted, accept);
  const { method, headers } = request;
  try {
    if (method === "GET" || method === "HEAD")
      return await needs.site.answer({ method, target: admitted, headers, plain: !isBrowserLike(headers), signal });
    if (!(await needs.site.hasDirectory(admitted))) return nothingHere(accept);
  } catch (error) {
    signal.throwIfAborted();
    needs.served.log.warn({ error: String(error) }, "an answer could not be made");
    return problem({ status: isExhausted(error) ? 503 : 500 }, accept);
  }
  response.shouldKeepAlive = keepAlive;
  await needs.uploads!.answer(request, response, () => {
    if (expectation === "continue") response.writeContinue();
  });
  if (!response.writableFinished) await ended(response, signal);
  return undefined;
}

function admit({ request, expectation }: Exchange, { served, uploads }: ExchangeNeeds): Target | Problem {
  const { token } = served;
  const { method = "", headers, rawHeaders, socket } = request;
  if (rawHeaders.length > 2 * LIMITS.gatewayHeadFields) return { status: 431 };
  const split = splitTarget(request.url ?? "");
  const target = split && parsePath(split.path, token);
  if (token !== undefined && target === undefined) return { status: 404 };
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length;
  const refusal = refusalOf({ method, headers, hosts, authority: split?.authority }, portOf(socket, served));
  if (refusal !== undefined) return refusal;
  if (target === undefined) return { status: 404 };
  const methods = ["GET", "HEAD", ...(uploads === undefined ? [] : ["POST"])];
  if (!methods.includes(method)) return { status: 405, headers: { Allow: methods.join(", ") } };
  if (expectation === "unknown") return { status: 417, why: "The request expects what is not done here." };
  if (method !== "POST" && hasBody(request)) return { status: 400, why: `A request with ${method} has no body.` };
  return target;
}

async function deliver(
  answer: Answer,
  { request, response, keepAlive, signal }: Exchange,
  { served, buffers }: ExchangeNeeds,
  onSent: (bytes: number) => void,
): Promise<void> {
  const { method, headers } = request;
  response.shouldKeepAlive = keepAlive;
  if (hasBody(request) && !isWithFile(answer)) return refuseBody(answer, request, response, signal);
  const plain = !isBrowserLike(headers);
  return send(response, answer, { headOnly: method === "HEAD", plain, buffers, clock: served.clock, signal, onSent });
}

async function refuseBody(
  answer: Answer,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const body = Buffer.isBuffer(answer.body) ? answer.body : Buffer.alloc(0);
  response.shouldKeepAlive = false;
  response.writeHead(answer.status, { ...answer.headers, "Content-Length": body.length });
  await endAnswer(request, response, body.toString());
  await ended(response, signal);
}

/** Nothing behind it on the connection can be told from it, unless it is read. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";

const portOf = ({ localAddress = "", localPort = 0 }: Socket, { isOurHost, token }: Served): Parameters<typeof refusalOf>[1] => ({
  number: localPort,
  isOurHost: (host) => isOurHost(host, localAddress),
  knowsToken: token !== undefined,
});

function ended(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (response.writableFinished || signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
    response.once("finish", resolve);
  });
}

const isExhausted = (error: unknown): boolean =>
  ["EMFILE", "ENFILE", "ENOMEM"].includes((error as NodeJS.ErrnoException).code ?? "");
