// The side that pushes, as one state machine for one space and one peer. No I/O, no clock: `step` is told what happened
// and answers with what to do. The order in which a push runs:
//   1. up        a session is there: open a push stream
//   2. opened    the peer's cursor is known: where to start
//   3. read      a batch came out of the store: send it, and read on while the window has room
//   4. answered  the peer's cursor moved: acknowledge, read on; or it did not move: pause, and open again
//   5. committed something new is in the store: read it at once
// A cut or a failure anywhere leads to a pause and a new opening; only one stream is ever open.

import type { StoreId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Cursor, OutgoingBatch, Verdict } from "../../space/contract.ts";
import type { PushState } from "./contract.ts";

/** What is known when the peer has taken the stream. */
export interface Opening {
  readonly own: Cursor;
  /** What the peer holds of our store. */
  readonly have: Cursor | undefined;
}

export type PushEvent =
  | { readonly type: "up" }
  | { readonly type: "down" }
  | { readonly type: "opened"; readonly opening: Opening }
  | { readonly type: "committed"; readonly seq: number }
  | { readonly type: "read"; readonly batch: OutgoingBatch }
  | { readonly type: "answered"; readonly verdicts: readonly Verdict[]; readonly cursor: Cursor }
  /** The stream broke, could not be opened, or the store failed. */
  | { readonly type: "failed" }
  /** Our store got a new id: it turned out to be a copy. */
  | { readonly type: "renamed" }
  | { readonly type: "resume" }
  | { readonly type: "stop" };

export type PushEffect =
  | { readonly type: "open" }
  | { readonly type: "read"; readonly from: number }
  | { readonly type: "send"; readonly batch: OutgoingBatch }
  | { readonly type: "acknowledge"; readonly seq: number }
  | { readonly type: "refused"; readonly count: number }
  | { readonly type: "cut" }
  | { readonly type: "pause"; readonly ms: number };

interface Pushing {
  readonly name: "pushing";
  readonly store: StoreId;
  /** The peer's. */
  readonly cursor: number;
  /** Up to here everything was read from the store and handed to the stream. */
  readonly read: number;
  readonly reading: boolean;
  /** The last read said that another batch is ready. */
  readonly more: boolean;
  /** What was sent and not answered: size and end of each batch, in order. */
  readonly inFlight: readonly { readonly count: number; readonly to: number }[];
}

type State =
  | { readonly name: "offline" }
  | { readonly name: "opening" }
  | Pushing
  | { readonly name: "pausing" }
  | { readonly name: "stopped" };

export interface Push {
  readonly state: State;
  /** The highest sequence number that the store told of. */
  readonly end: number;
  /** Openings in a row that brought nothing forward. */
  readonly failures: number;
  readonly refused: number;
}

export interface Step {
  readonly push: Push;
  readonly effects: readonly PushEffect[];
}

export const newPush: Push = { state: { name: "offline" }, end: 0, failures: 0, refused: 0 };

export function step(push: Push, event: PushEvent): Step {
  const { state } = push;
  if (state.name === "stopped") return { push, effects: [] };
  switch (event.type) {
    case "up":
      return { push: { ...push, state: { name: "opening" }, failures: 0 }, effects: [{ type: "cut" }, { type: "open" }] };
    case "down":
      return { push: { ...push, state: { name: "offline" } }, effects: [{ type: "cut" }] };
    case "stop":
      return { push: { ...push, state: { name: "stopped" } }, effects: [{ type: "cut" }] };
    case "committed": {
      const told = { ...push, end: Math.max(push.end, event.seq) };
      return state.name === "pushing" ? readOn(told, state, []) : { push: told, effects: [] };
    }
    case "opened":
      return state.name === "opening" ? opened(push, event.opening) : { push, effects: [] };
    case "read":
      return state.name === "pushing" ? wasRead(push, state, event.batch) : { push, effects: [] };
    case "answered":
      return state.name === "pushing" ? answered(push, state, event.verdicts, event.cursor) : { push, effects: [] };
    case "failed":
      return state.name === "opening" || state.name === "pushing" ? pause(push) : { push, effects: [] };
    case "renamed":
      return state.name === "opening" || state.name === "pushing" ? reopen(push) : { push, effects: [] };
    case "resume":
      return state.name === "pausing" ? reopen(push) : { push, effects: [] };
  }
}

/** How the machine looks from outside. */
export function pushState({ state, end }: Push): PushState {
  if (state.name !== "pushing") return state.name;
  return state.read >= end && !state.more && !state.reading && state.inFlight.length === 0 ? "in-sync" : "pushing";
}

function opened(push: Push, { own, have }: Opening): Step {
  // A cursor of another store says nothing about this one.
  const cursor = have?.store === own.store ? have.seq : 0;
  // One beyond our end is read behind, too: that tells the store that it is an older copy.
  const more = cursor > own.seq;
  const state: Pushing = { name: "pushing", store: own.store, cursor, read: cursor, reading: false, more, inFlight: [] };
  return readOn({ ...push, end: Math.max(push.end, own.seq) }, state, []);
}

function wasRead(push: Push, state: Pushing, batch: OutgoingBatch): Step {
  // The batch begins earlier than asked for when the store never gave out that cursor.
  const cursor = Math.min(state.cursor, batch.from);
  const after = { ...state, cursor, reading: false, read: batch.to, more: batch.more };
  // What came from the peer itself is not worth a round trip: the next batch begins where the peer's cursor is, and steps over it.
  if (batch.entries.length === 0) return readOn(push, after, []);
  const from = state.inFlight.at(-1)?.to ?? cursor;
  const inFlight = [...state.inFlight, { count: batch.entries.length, to: batch.to }];
  return readOn(push, { ...after, inFlight }, [{ type: "send", batch: { ...batch, from } }]);
}

function answered(push: Push, state: Pushing, verdicts: readonly Verdict[], cursor: Cursor): Step {
  const [first, ...inFlight] = state.inFlight;
  if (first === undefined || first.count !== verdicts.length) return pause(push);
  const count = verdicts.filter((verdict) => verdict === "refused").length;
  const refused: PushEffect[] = count === 0 ? [] : [{ type: "refused", count }];
  const counted = { ...push, refused: push.refused + count };
  // Behind the batch: it was held, or came behind a gap. Then all that is in flight behind it has no place either.
  const reached = cursor.store === state.store ? Math.min(cursor.seq, first.to) : 0;
  const forward = reached > state.cursor;
  const acknowledge: PushEffect[] = forward ? [{ type: "acknowledge", seq: reached }] : [];
  const failures = forward ? 0 : push.failures;
  const effects = [...refused, ...acknowledge];
  if (reached < first.to) {
    const paused = pause({ ...counted, failures });
    return { push: paused.push, effects: [...effects, ...paused.effects] };
  }
  const after = { ...state, cursor: reached, inFlight };
  return readOn({ ...counted, failures }, after, effects);
}

/** The next read, when there is something to read and room to send it. */
function readOn(push: Push, state: Pushing, effects: readonly PushEffect[]): Step {
  const due = state.more || push.end > state.read;
  if (!due || state.reading || state.inFlight.length >= LIMITS.pushWindow) return { push: { ...push, state }, effects };
  const next: PushEffect = { type: "read", from: state.read };
  return { push: { ...push, state: { ...state, reading: true } }, effects: [...effects, next] };
}

const reopen = (push: Push): Step => ({
  push: { ...push, state: { name: "opening" } },
  effects: [{ type: "cut" }, { type: "open" }],
});

function pause(push: Push): Step {
  const ms = Math.min(LIMITS.pushRetryMs * 2 ** push.failures, LIMITS.pushRetryMaxMs);
  const failures = Math.min(push.failures + 1, 30);
  return { push: { ...push, state: { name: "pausing" }, failures }, effects: [{ type: "cut" }, { type: "pause", ms }] };
}
