// The asking side of a request.
//
// 1. open a stream and send the head; who wants no bytes ends its direction with it
// 2. wait for the answer's head: a limit of time, the caller's signal, the other side's cut and the end of the session all end the wait
// 3. an answer that is there in part is an error; the other side's error is thrown here

import type { Cbor } from "../core/cbor.ts";
import { untilAborted } from "../core/async.ts";
import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { RequestOptions, Stream } from "./contract.ts";
import { createDeadline } from "./deadline.ts";
import { type Answer, decodeAnswer, encodeRequest, readHead } from "./heads.ts";
import { linger } from "./linger.ts";

export interface Asking {
  /** Opens a stream; throws `closed` or `limit`. */
  readonly openStream: () => Stream;
  readonly requestMs: number;
}

/** For an answer without bytes. */
export async function request(asking: Asking, route: string, args: Cbor, options: RequestOptions = {}): Promise<unknown> {
  const { value, bytes, stream } = await ask(asking, route, args, options, { last: true });
  if (bytes) {
    stream.reset();
    throw new CoveyError("protocol", `${route} is answered with bytes, which nobody asked for`);
  }
  void linger(stream);
  return value;
}

/** The stream is open both ways. */
export async function open(
  asking: Asking,
  route: string,
  args: Cbor,
  options: RequestOptions = {},
): Promise<{ value: unknown; stream: Stream }> {
  const { value, stream } = await ask(asking, route, args, options, { last: false });
  return { value, stream };
}

interface Asked {
  readonly value: unknown;
  readonly bytes: boolean;
  readonly stream: Stream;
}

/** `last`: nothing follows the head. */
async function ask(
  { openStream, requestMs }: Asking,
  route: string,
  args: Cbor,
  { signal, timeoutMs = requestMs }: RequestOptions,
  { last }: { readonly last: boolean },
): Promise<Asked> {
  signal?.throwIfAborted();
  const head = encodeRequest(route, args);
  const stream = openStream();
  // Not waited for: an answer can come before all of the head was taken.
  void send(stream, head, last);
  const { answer, rest } = await answerOn(stream, route, timeoutMs, signal);
  if (answer.is === "ok") return { value: answer.value, bytes: answer.bytes, stream: rest };
  void linger(rest);
  throw answer.error;
}

async function answerOn(
  stream: Stream,
  route: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly answer: Answer; readonly rest: Stream }> {
  using deadline = createDeadline(timeoutMs, `the answer to ${route}`, signal);
  try {
    const { head, rest } = await untilAborted(readHead(stream, "an answer", LIMITS.headBytes), deadline.signal);
    return { answer: decodeAnswer(head), rest };
  } catch (error) {
    stream.reset();
    throw error;
  }
}

async function send(stream: Stream, head: Buffer, last: boolean): Promise<void> {
  try {
    await stream.write(head);
    if (last) await stream.end();
  } catch {
    // Whoever waits for the answer learns of it.
  }
}
