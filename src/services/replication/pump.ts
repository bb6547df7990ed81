// Does for one peer what the core says: opens the push stream, reads the store, writes batches, reads answers.
// Every opening is an attempt of its own; what an earlier one still hears is dropped.

import { createTurns } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import type { PeerId, SpaceId, StoreId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import { parse } from "../../core/parse.ts";
import type { Session, Stream } from "../../session/contract.ts";
import type { OutgoingBatch, SpaceStore } from "../../space/contract.ts";
import type { ReplicationStatus } from "./contract.ts";
import { createFrameReader } from "./frame-reader.ts";
import { decodeAnswer, encodeBatch } from "./frames.ts";
import { PUSH_ROUTE, pushValue } from "./protocol.ts";
import { newPush, pushState, step, type Opening, type PushEffect, type PushEvent } from "./replication-core.ts";
import { createAcknowledgementSaver } from "./acknowledgements.ts";

export interface Pump {
  /** The session with the peer is this one now. */
  connected(session: Session | undefined): void;
  committed(seq: number): void;
  status(): ReplicationStatus;
  /** Resolves when the store knows of all that was acknowledged. */
  saved(): Promise<void>;
  /** For good: the peer is not paired any more, or everything closes. */
  stop(): Promise<void>;
}

interface Needs {
  readonly store: SpaceStore;
  readonly peer: PeerId;
  readonly space: SpaceId;
  readonly log: Logger;
  /** The peer's cursor is none of this store's, which is an older copy then: what the peer pushes has to begin anew. */
  rewound(): void;
}

interface Attempt {
  readonly store: StoreId;
  readonly ending: AbortController;
  stream: Stream | undefined;
  /** Writes, one behind the other. */
  readonly inTurn: ReturnType<typeof createTurns>;
  /** Runs while a batch waits for its answer. */
  deadline: NodeJS.Timeout | undefined;
}

export function createPump({ store, peer, space, log, rewound }: Needs): Pump {
  let push = newPush;
  let session: Session | undefined;
  let attempt: Attempt | undefined;
  let pausing: NodeJS.Timeout | undefined;
  const running = new Set<Promise<void>>();
  const saver = createAcknowledgementSaver(
    (seq) => store.acknowledged(space, peer, seq),
    (error) => log.warn({ peer, why: String(error) }, "an acknowledgement was not saved"),
  );

  function dispatch(event: PushEvent): void {
    const { push: next, effects } = step(push, event);
    push = next;
    for (const effect of effects) perform(effect);
  }

  /** An event that belongs to an attempt counts only while that attempt is the one. */
  const dispatchOf = (of: Attempt, event: PushEvent): void => {
    if (of === attempt) dispatch(event);
  };

  function perform(effect: PushEffect): void {
    switch (effect.type) {
      case "open":
        return open();
      case "cut":
        return cut();
      case "pause":
        pausing = setTimeout(() => dispatch({ type: "resume" }), effect.ms);
        return;
      case "acknowledge":
        return saver.note(effect.seq);
      case "refused":
        if (push.refused === effect.count)
          log.warn({ peer, count: effect.count }, "the peer will not take entries of this store");
        return;
      case "read":
      case "send":
        if (attempt !== undefined) performOf(attempt, effect);
    }
  }

  function performOf(of: Attempt, effect: PushEffect & { type: "read" | "send" }): void {
    switch (effect.type) {
      case "read":
        return track(of, async () => {
          const batch = await store.outgoing(space, peer, effect.from);
          if (batch.from < effect.from) rewound();
          dispatchOf(of, store.storeId() === of.store ? { type: "read", batch } : { type: "renamed" });
        });
      case "send":
        return send(of, effect.batch);
    }
  }

  function send(of: Attempt, batch: OutgoingBatch): void {
    of.deadline ??= setTimeout(() => dispatchOf(of, { type: "failed" }), LIMITS.pushAnswerMs);
    const frame = encodeBatch(batch);
    enqueue(of, async () => of.stream?.write(frame));
  }

  function open(): void {
    if (session === undefined) return;
    const ending = new AbortController();
    const of: Attempt = { store: store.storeId(), ending, stream: undefined, inTurn: createTurns(), deadline: undefined };
    const over = session;
    attempt = of;
    track(of, async () => {
      const { value, stream } = await over.open(PUSH_ROUTE, { space, store: of.store }, { signal: ending.signal });
      of.stream = stream;
      if (ending.signal.aborted) return stream.reset();
      const { have } = parse(pushValue, value, "the answer to a request to push");
      const opening: Opening = { own: await store.now(space), have: have ?? undefined };
      dispatchOf(of, opening.own.store === of.store ? { type: "opened", opening } : { type: "renamed" });
      await readAnswers(of, stream);
    });
  }

  async function readAnswers(of: Attempt, stream: Stream): Promise<void> {
    const frames = createFrameReader(stream);
    for (let frame = await frames.next(); frame !== null; frame = await frames.next()) {
      clearTimeout(of.deadline);
      of.deadline = undefined;
      dispatchOf(of, { type: "answered", ...decodeAnswer(frame) });
      const { state } = push;
      if (of === attempt && state.name === "pushing" && state.inFlight.length > 0) {
        of.deadline ??= setTimeout(() => dispatchOf(of, { type: "failed" }), LIMITS.pushAnswerMs);
      }
    }
    throw new CoveyError("closed", "the peer ended the push stream");
  }

  function cut(): void {
    clearTimeout(pausing);
    if (attempt === undefined) return;
    clearTimeout(attempt.deadline);
    attempt.ending.abort(new CoveyError("closed", "this push was given up"));
    attempt.stream?.reset();
    attempt = undefined;
    void saver.flush();
  }

  const enqueue = (of: Attempt, work: () => Promise<void>): void => track(of, () => of.inTurn(work));

  /** Whatever fails in an attempt ends it. */
  function track(of: Attempt, work: () => Promise<void>): void {
    const settled = work()
      .catch((error: unknown) => {
        if (of === attempt) log.debug({ peer, why: String(error) }, "a push was cut");
        dispatchOf(of, { type: "failed" });
      })
      .finally(() => void running.delete(settled));
    running.add(settled);
  }

  return {
    connected(now) {
      if (now === session) return;
      session = now;
      dispatch({ type: now === undefined ? "down" : "up" });
    },
    committed(seq) {
      if (attempt !== undefined && attempt.store !== store.storeId()) dispatch({ type: "renamed" });
      dispatch({ type: "committed", seq });
    },
    status: () => ({ state: pushState(push), refused: push.refused }),
    saved: () => saver.flush(),
    async stop() {
      dispatch({ type: "stop" });
      await Promise.all(running);
      await saver.flush();
    },
  };
}
