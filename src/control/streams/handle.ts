// A program that takes streams: 1. `stream.incoming` stands as long as the registration, 2. each stream that it tells of is claimed by a
// duplex of its own, 3. the handler has it until it is done; then our direction ends, and what the other side still sends is dropped.

import { CoveyError } from "../../core/errors.ts";
import { linger } from "../../session/linger.ts";
import { byteStream } from "./byte-stream.ts";
import type { HandleOptions, StreamHandler, StreamRegistration } from "./contract.ts";
import type { Invoke } from "../invoker.ts";

const ERROR_CHARS = 4000;

/** Resolves once streams of that name are taken. */
export async function takeStreams(
  bound: Invoke,
  name: string,
  { from, signal }: HandleOptions,
  handler: StreamHandler,
): Promise<StreamRegistration> {
  const ending = new AbortController();
  const until = bound.until(signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]));
  const whom = from === undefined ? {} : { from: from.map((one) => (typeof one === "string" ? one : one.name)) };
  const incoming = bound.stream("stream.incoming", { name, ...whom }, until)[Symbol.asyncIterator]();
  await incoming.next();
  const closed = (async (): Promise<CoveyError | undefined> => {
    try {
      for (let next; (next = await incoming.next()).done !== true;)
        if (next.value.type === "stream") void serve(bound, name, next.value, handler);
      return new CoveyError("closed", "the peer takes no more streams");
    } catch (error) {
      if (until.aborted) return undefined;
      return error instanceof CoveyError ? error : new CoveyError("internal", String(error), { cause: error });
    }
  })();
  return {
    closed,
    async [Symbol.asyncDispose]() {
      ending.abort(new CoveyError("closed", "this program takes no more streams"));
      await closed;
    },
  };
}

/** Never rejects. */
async function serve(
  bound: Invoke,
  name: string,
  { id, peer }: { readonly id: string; readonly peer: string },
  handler: StreamHandler,
): Promise<void> {
  const stream = await bound.duplex("stream.take", { id }).catch(() => undefined);
  if (stream === undefined) {
    // Whoever opened it has given up meanwhile, or there is no connection left for it.
    await bound.call("stream.turnAway", { id }).catch(() => {});
    return;
  }
  let cut = false;
  void stream.closed.then((why) => (cut = why !== undefined));
  try {
    await handler(byteStream(stream), { peer });
    await linger(stream);
  } catch (error) {
    // That it was cut is no fault of the handler's.
    if (!cut) await bound.call("stream.failed", { name, peer, error: inWords(error) }).catch(() => {});
  } finally {
    stream.reset();
  }
}

const inWords = (error: unknown): string =>
  (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, ERROR_CHARS).toWellFormed();
