// Streams between programs, by name.
//
//   open ⇒ streams/open {name} ⇒ the other side: 1. is the name taken, and from this peer?   2. is there a place for one more?
//                                                3. the handler has a while to take it        4. bytes, until both directions ended

import { randomBytes } from "node:crypto";

import { untilAborted } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import type { PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import type { PeerBook } from "../../identity/contract.ts";
import type { Call, Sessions, Stream } from "../../session/contract.ts";
import type { Opened, StreamHandler, Streams, TakeOptions, Waiting } from "./contract.ts";
import { inUse } from "./in-use.ts";
import { Places } from "./places.ts";
import { OPEN_ROUTE, parseOpen, parseStreamName } from "./wire.ts";

export interface StreamsNeeds {
  readonly sessions: Pick<Sessions, "handle" | "connect">;
  readonly book: Pick<PeerBook, "byId" | "subscribe">;
  readonly log: Logger;
}

interface Registration {
  readonly handler: StreamHandler;
  /** undefined: every paired peer. */
  from: readonly PeerId[] | undefined;
  readonly ended: AbortController;
}

export function createStreams({ sessions, book, log }: StreamsNeeds): Streams {
  const registrations = new Map<string, Registration>();
  const unclaimed = new Map<string, Opened & { readonly taken: PromiseWithResolvers<ReturnType<typeof inUse>> }>();
  const coming = new Places();
  const going = new Places();
  const closing = new AbortController();

  const unsubscribe = book.subscribe(() => {
    for (const registration of registrations.values())
      registration.from = registration.from?.filter((peer) => book.byId(peer) !== undefined);
  });

  const admits = ({ from }: Registration, peer: PeerId): boolean => from === undefined || from.includes(peer);

  /** The same answer for a name that nobody takes and for one that is taken from others. */
  const permitted = (peer: PeerId, name: string): Registration => {
    const found = registrations.get(name);
    if (found !== undefined && admits(found, peer)) return found;
    throw notTaken();
  };

  async function answer(call: Call): Promise<void> {
    const { handler, ended } = permitted(call.peer, parseOpen(call.args));
    using _ = coming.take(call.peer);
    const late = new AbortController();
    const tooLate = (): void => late.abort(new CoveyError("timeout", "nothing took the stream on the other device"));
    const timer = setTimeout(tooLate, LIMITS.streamTakeMs);
    const signal = AbortSignal.any([call.signal, ended.signal, late.signal]);
    let taken = false;
    const take = async (): Promise<Stream> => {
      signal.throwIfAborted();
      taken = true;
      clearTimeout(timer);
      return call.accept({});
    };
    try {
      const handled = handler({ peer: call.peer, signal, take });
      await untilAborted(handled, signal).catch(async (error: unknown) => {
        if (!taken) throw error;
        await handled;
      });
      if (!taken) throw new CoveyError("refused", "the other device does not want this stream");
    } finally {
      clearTimeout(timer);
    }
  }
  sessions.handle(OPEN_ROUTE, answer);

  function handle(text: string, { from }: TakeOptions, handler: StreamHandler): () => void {
    closing.signal.throwIfAborted();
    const name = parseStreamName(text);
    if (registrations.has(name)) {
      throw new CoveyError("conflict", `something on this device takes streams of the name ${JSON.stringify(name)} already`, {
        hint: "End it first, or use another name.",
      });
    }
    if (registrations.size >= LIMITS.streamNames)
      throw new CoveyError("limit", `streams of ${LIMITS.streamNames} names are taken already, which is all there can be`);
    const registration = { handler, from, ended: new AbortController() };
    registrations.set(name, registration);
    return () => {
      if (registrations.get(name) !== registration) return;
      registrations.delete(name);
      registration.ended.abort(notTaken());
    };
  }

  async function* waiting(
    name: string,
    { from, signal }: TakeOptions & { readonly signal: AbortSignal },
  ): AsyncGenerator<Waiting | undefined, void> {
    const until = AbortSignal.any([signal, closing.signal]);
    // As many as there are places at most.
    const arrived: Waiting[] = [];
    let more = Promise.withResolvers<void>();
    const end = handle(name, { from }, async (opened) => {
      const id = randomBytes(16).toString("hex");
      const taken = Promise.withResolvers<ReturnType<typeof inUse>>();
      unclaimed.set(id, { ...opened, taken });
      try {
        arrived.push({ id, peer: opened.peer });
        more.resolve();
        const { done } = await untilAborted(taken.promise, opened.signal);
        await done;
      } finally {
        unclaimed.delete(id);
      }
    });
    try {
      yield undefined;
      for (;;) {
        const next = arrived.shift();
        if (next === undefined) {
          await untilAborted(more.promise, until);
          more = Promise.withResolvers();
        } else if (unclaimed.has(next.id)) yield next;
      }
    } finally {
      end();
    }
  }

  async function take(id: string): Promise<Stream> {
    const opened = unclaimed.get(id);
    if (opened === undefined) throw new CoveyError("not-found", "that stream was taken, or the other side has given up");
    unclaimed.delete(id);
    const taken = inUse(await opened.take());
    opened.taken.resolve(taken);
    return taken.stream;
  }

  function turnAway(id: string): void {
    unclaimed.get(id)?.taken.reject(
      new CoveyError("limit", "the program on the other device has no room for one more stream", {
        hint: "Try again once some of its streams have ended.",
      }),
    );
  }

  async function open(peer: PeerId, text: string, { signal }: { readonly signal: AbortSignal }): Promise<Stream> {
    const name = parseStreamName(text);
    const until = AbortSignal.any([signal, closing.signal]);
    const place = going.take(peer);
    try {
      const session = await sessions.connect(peer, until);
      const { stream } = await session.open(OPEN_ROUTE, { name }, { signal: until });
      void stream.closed.then(() => place[Symbol.dispose]());
      return stream;
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
  }

  return {
    handle,
    waiting,
    namesFor: (peer) => [...registrations].flatMap(([name, one]) => (admits(one, peer) ? [name] : [])).sort(),
    take,
    turnAway,
    open,
    note: (failure) => log.warn(failure, "a program failed with a stream that it took"),
    async close() {
      closing.abort(new CoveyError("closed", "this peer is closing"));
      unsubscribe();
      for (const { ended } of registrations.values()) ended.abort(closing.signal.reason);
      registrations.clear();
    },
  };
}

const notTaken = (): CoveyError =>
  new CoveyError("refused", "the other device takes no stream of that name from this one", {
    hint: "See that the program over there runs, and takes streams from this device.",
  });
