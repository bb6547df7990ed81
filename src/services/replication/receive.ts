// The side that takes a push:
//   1. who asks is paired, and the space is the direct one with it; absent and forbidden get the same answer
//   2. it is told how much of its store is here; an earlier stream of the same peer is cut
//   3. batches go to the store in their order, at most LIMITS.pushWindow at once, so that they share commits
//   4. each is answered when it is durable

import { CoveyError } from "../../core/errors.ts";
import type { PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import { parse } from "../../core/parse.ts";
import type { PeerBook } from "../../identity/contract.ts";
import type { Call, Handler, Stream } from "../../session/contract.ts";
import type { IncomingResult, SpaceStore } from "../../space/contract.ts";
import { createFrameReader } from "./frame-reader.ts";
import { decodeBatch, encodeAnswer } from "./frames.ts";
import { pushArgs } from "./protocol.ts";

export interface Receiver {
  readonly handler: Handler;
  /** Ends what this peer sends, also what is just being opened. */
  cut(peer: PeerId): void;
  close(): Promise<void>;
}

interface Needs {
  readonly store: Pick<SpaceStore, "direct" | "cursorFor" | "incoming">;
  readonly book: Pick<PeerBook, "byId">;
  readonly log: Logger;
}

export function createReceiver({ store, book, log }: Needs): Receiver {
  const streams = new Map<PeerId, Stream>();
  const running = new Set<Promise<void>>();
  let closed = false;
  let cuts = 0;

  async function receive(call: Call): Promise<void> {
    const { peer } = call;
    const args = parse(pushArgs, call.args, "a request to push");
    if (closed || book.byId(peer) === undefined || args.space !== (await store.direct(peer))) {
      throw new CoveyError("not-found", "there is no such space");
    }
    const cutsBefore = cuts;
    const have = await store.cursorFor(args.space, peer);
    const stream = await call.accept({ have: have === undefined ? null : { ...have } });
    streams.get(peer)?.reset();
    streams.set(peer, stream);
    if (closed || cuts !== cutsBefore || book.byId(peer) === undefined) stream.reset();
    try {
      await takeBatches(stream, (frame) => {
        if (book.byId(peer) === undefined) throw new CoveyError("not-paired", "the peer was removed");
        return store.incoming(args.space, peer, { store: args.store, ...decodeBatch(frame) });
      });
    } catch (error) {
      if (error instanceof CoveyError && error.code === "protocol") log.warn({ peer, why: error.message }, "a push was refused");
      throw error;
    } finally {
      if (streams.get(peer) === stream) streams.delete(peer);
    }
  }

  return {
    handler(call) {
      const work = receive(call);
      const settled = work.catch(() => {}).finally(() => void running.delete(settled));
      running.add(settled);
      return work;
    },
    cut(peer) {
      cuts++;
      streams.get(peer)?.reset();
    },
    async close() {
      closed = true;
      for (const stream of streams.values()) stream.reset();
      await Promise.all(running);
    },
  };
}

async function takeBatches(stream: Stream, take: (frame: Buffer) => Promise<IncomingResult>): Promise<void> {
  const frames = createFrameReader(stream);
  const answers: Promise<void>[] = [];
  let last = Promise.resolve();
  try {
    for (let frame = await frames.next(); frame !== null; frame = await frames.next()) {
      const result = take(frame);
      const before = last;
      last = Promise.all([result, before]).then(([taken]) => stream.write(encodeAnswer(taken)));
      last.catch(() => stream.reset());
      answers.push(last);
      if (answers.length >= LIMITS.pushWindow) await answers.shift();
    }
    await last;
    await stream.end();
  } finally {
    await Promise.allSettled(answers);
  }
}
