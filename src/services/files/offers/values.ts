// What the entries of an offer say, from the record and back.

import { isDeepStrictEqual } from "node:util";

import { isErrorCode, type ErrorCode } from "../../../core/errors.ts";
import type { OfferRecord } from "./records.ts";
import { encodeDecision, encodeOffer, type DecisionValue, type OfferValue, type ShareValue } from "./wire.ts";

/** The entry that follows from a record: ours at `offers/<id>`, or the decision below it. Without a value: it is removed. */
export interface OwnEntry {
  readonly at: "offer" | "decision";
  readonly value: Buffer | undefined;
}

/** undefined: nothing is to be said. Nobody is told of what was asked for in a share, and the other side knows what it decided. */
export function entryOf(record: OfferRecord): OwnEntry | undefined {
  const { direction, state, sharePath } = record;
  if (sharePath !== undefined) return undefined;
  if (direction === "in") {
    const decision = decisionOf(record);
    return decision === undefined ? undefined : { at: "decision", value: encodeDecision(decision) };
  }
  if (state === "done" || state === "declined") return undefined;
  return { at: "offer", value: state === "withdrawn" ? undefined : offerValueOf(record) };
}

type Facts = Pick<OfferRecord, "kind" | "name" | "size" | "mtimeMs" | "round" | "pausedThere"> & Partial<OfferRecord>;

/** What an offer says of the thing, as it is in the receiver's record. */
export function factsOf(offer: Exclude<OfferValue, ShareValue>): Facts {
  const { kind, size, round, paused } = offer;
  const shared = { size, round, pausedThere: paused };
  if (offer.kind === "file") {
    const { name, mtimeMs, executable } = offer;
    return { kind, name, mtimeMs, executable, ...shared };
  }
  const { files, roots, rootCount } = offer;
  return { kind, name: roots[0]!.name, mtimeMs: 0, files, roots, rootCount, ...shared };
}

/** What the receiver's record has to take over from the sender's entry; undefined when that is nothing. */
export function renewalOf(record: OfferRecord, facts: Facts): Partial<OfferRecord> | undefined {
  const { state, name, round } = record;
  if (state === "done" || state === "declined" || state === "withdrawn" || facts.round < round) return undefined;
  if (!isSameThing(record, facts)) return undefined;
  // Sent again: whoever would have been asked at first is asked.
  if (state === "failed" && facts.round > round) return { ...facts, state: "waiting", problem: undefined };
  // The source changed before it was fetched. What was agreed to was the thing, under its name, so that goes on with its new state; of a
  // tree, these things: what is in them is seen when they come.
  const { pausedThere } = facts;
  const agreed = facts.kind === "file" ? { ...facts, name } : { round: facts.round, pausedThere };
  const renewed = state === "waiting" ? facts : agreed;
  return isDeepStrictEqual({ ...record, ...renewed }, record) ? undefined : renewed;
}

/** Somebody may just be agreeing to what was shown: how much it is may change, and of several things some may be gone. */
function isSameThing({ kind, name, roots = [], rootCount }: OfferRecord, facts: Facts): boolean {
  if (kind !== facts.kind) return false;
  if (kind === "file") return name === facts.name;
  const known = new Set(roots.map((root) => `${root.kind} ${root.name}`));
  const isKnown = (facts.roots ?? []).every((root) => known.has(`${root.kind} ${root.name}`));
  return (facts.rootCount ?? 1) <= rootCount && (isKnown || rootCount > roots.length);
}

/** What the sender's record has to take over from the receiver's decision; undefined when that is nothing. */
export function answerOf(
  record: OfferRecord,
  { state, paused, round, problem, notes }: DecisionValue,
): Partial<OfferRecord> | undefined {
  if (record.state === "done" || record.state === "declined") return undefined;
  // Taken back at the moment in which it ended over there: what is there counts, and the receiver never looks back.
  if (record.state === "withdrawn" && state !== "done" && state !== "declined") return undefined;
  // It was sent again since.
  if (state === "failed" && round < record.round) return undefined;
  const pausedThere = state === "accepted" && paused;
  const told = problem === undefined ? undefined : problemOf(problem, state);
  if (record.state === state) {
    const now = { pausedThere, problem: state === "accepted" ? told : record.problem };
    return record.pausedThere === pausedThere && isDeepStrictEqual(record.problem, now.problem) ? undefined : now;
  }
  return {
    state,
    pausedThere,
    problem: told,
    // The receiver counted everything: what this side noted when it made the offer, and what came to it later.
    ...(state === "done" && notes !== undefined ? { notes: { first: record.notes?.first ?? [], count: notes } } : {}),
  };
}

function offerValueOf({ kind, name, size, mtimeMs, executable, files, roots, rootCount, paused, round }: OfferRecord): Buffer {
  if (kind === "tree") return encodeOffer({ v: 1, kind, files, size, roots: roots ?? [], rootCount, paused, round });
  return encodeOffer({ v: 1, kind, name, size, mtimeMs, executable, paused, round });
}

function decisionOf({ kind, state, paused, round, blob, notes, problem }: OfferRecord): DecisionValue | undefined {
  if (state === "waiting" || state === "withdrawn") return undefined;
  return {
    v: 1,
    state,
    paused: state === "accepted" && paused,
    round,
    ...(state === "done" && blob !== undefined ? { blob } : {}),
    ...(state === "done" && kind === "tree" ? { notes: missingOf(notes) } : {}),
    ...(tellsProblem(state, problem) && problem !== undefined
      ? { problem: { code: problem.code, message: problem.message.slice(0, 500) } }
      : {}),
  };
}

/** What the receiver wanted so, a free name or what is there already, is no concern of the sender. */
function missingOf({ count, first }: NonNullable<OfferRecord["notes"]> = { count: 0, first: [] }): number {
  return count - first.filter(({ code }) => code === "renamed" || code === "exists").length;
}

/** Of what waits for room: both sides see why nothing comes. Else a transfer that was agreed to has problems of its own side only. */
const tellsProblem = (state: OfferRecord["state"], problem: OfferRecord["problem"]): boolean =>
  state === "failed" || (state === "accepted" && problem?.code === "no-space");

function problemOf(
  { code, message }: NonNullable<DecisionValue["problem"]>,
  state: DecisionValue["state"],
): OfferRecord["problem"] {
  const problem = { code: codeOf(code), message };
  return state === "accepted" ? { ...problem, hint: "It goes on by itself once there is room over there." } : problem;
}

const codeOf = (code: string): ErrorCode => (isErrorCode(code) ? code : "internal");
