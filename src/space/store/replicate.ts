// Replication with one neighbour. In: 1. check each entry but for its signature  2. leave out what is here  3. have the rest verified, while
// the next one is checked  4. defer, or store in the place of what it dominates  5. move the cursor, in the same transaction. Out: rows by seq.

import { CoveyError } from "../../core/errors.ts";
import type { PeerId, SpaceId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import { type Admission, admit } from "../admission.ts";
import type { Cursor, IncomingResult, OutgoingBatch, SpaceStore, Verdict, WireEntry } from "../contract.ts";
import { keyOf } from "../entry.ts";
import { dueMs, isTooFarAhead } from "../hlc.ts";
import type { Claim } from "./crypto.ts";
import type { Deferred } from "./deferred.ts";
import type { Space } from "./members.ts";
import { neighbourRow, saveNeighbour } from "./neighbours.ts";
import { Touched } from "./versions.ts";
import type { WriteNeeds } from "./write.ts";

export interface ReplicateNeeds extends WriteNeeds {
  readonly deferred: Deferred;
  readonly log: Logger;
}

type Batch = Parameters<SpaceStore["incoming"]>[2];
type Candidate = Extract<Admission, { type: "candidate" }>;

export function incoming(
  needs: ReplicateNeeds,
  nowMs: number,
  spaceId: SpaceId,
  neighbour: PeerId,
  batch: Batch,
): IncomingResult {
  const { db, life, members } = needs;
  const space = members.space(spaceId);
  members.checkNeighbour(space, neighbour);
  if (batch.entries.length > LIMITS.pushEntries) throw new CoveyError("limit", "the batch has too many entries");
  if (batch.to < batch.from) throw new CoveyError("protocol", "the batch ends before it begins");
  const storeBefore = life.storeId;
  const touched = new Touched(db, life, space);
  const verdicts = take(needs, nowMs, space, touched, batch.entries, members.peerNum(neighbour));
  touched.finish();
  if (touched.lastSeq > 0) needs.changed(spaceId, touched.lastSeq);

  const { store, seq } = neighbourRow(db, members, space, neighbour);
  const before: Cursor = { store: batch.store, seq: store === batch.store ? seq : 0 };
  // Redrawn midway: what was skipped as "came from there" in the lost life has to be told again, from 0.
  if (life.storeId !== storeBefore) return { verdicts, cursor: { store: batch.store, seq: 0 } };
  if (batch.from > before.seq || verdicts.includes("held")) return { verdicts, cursor: before };
  // A batch from 0 may also move it back: the neighbour began anew because it did not know our cursor.
  const cursor = { store: batch.store, seq: batch.from === 0 ? batch.to : Math.max(before.seq, batch.to) };
  saveNeighbour(db, members, space, neighbour, cursor);
  return { verdicts, cursor };
}

/** Checks and stores entries from the neighbour of that number. */
function take(
  needs: ReplicateNeeds,
  nowMs: number,
  space: Space,
  touched: Touched,
  entries: readonly WireEntry[],
  origin: number,
): readonly Verdict[] {
  const signatures = needs.crypto.batch(entries.length);
  const admissions = entries.map((wire) => {
    const admission = admit(wire, space.id, space.genesis);
    const isNew = admission.type === "candidate" && !touched.has(admission);
    return { admission, isGenuine: isNew ? signatures.verify(claimOf(admission, wire)) : undefined };
  });
  const refusals: string[] = [];
  const verdicts = admissions.map(({ admission, isGenuine }, i): Verdict => {
    const wire = entries[i]!;
    switch (admission.type) {
      case "refused":
        refusals.push(admission.why);
        return "refused";
      case "later": {
        const kept = needs.deferred.keep(space, {
          id: admission.id,
          wire,
          accountNum: origin,
          originNum: origin,
          dueMs: undefined,
        });
        return kept ? "deferred" : "held";
      }
      case "candidate":
        if (isGenuine === undefined) return "have";
        if (!isGenuine()) {
          refusals.push("its signature is wrong");
          return "refused";
        }
        return accept(needs, nowMs, space, touched, admission, wire, origin);
    }
  });
  // One line for a batch, however much of it is refused.
  if (refusals.length > 0)
    needs.log.warn({ space: space.id, count: refusals.length, first: refusals[0] }, "entries were refused");
  return verdicts;
}

function accept(
  needs: ReplicateNeeds,
  nowMs: number,
  space: Space,
  touched: Touched,
  { id, entry }: Candidate,
  wire: WireEntry,
  origin: number,
): Verdict {
  const { life, members, deferred, author, log } = needs;
  // Again: the batch itself may have brought it, or what replaces it.
  if (touched.has({ id, entry })) return "have";
  if (isTooFarAhead(entry.clock, nowMs)) {
    const accountNum = members.peerNum(entry.author);
    const kept = deferred.keep(space, { id, wire, accountNum, originNum: origin, dueMs: dueMs(entry.clock) });
    return kept ? "deferred" : "held";
  }
  if (!touched.hasRoomFor({ id, entry }, wire.signed)) return "held";
  if (entry.author === author && life.isOfLostLife(entry.incarnation)) {
    log.warn({ space: space.id }, "a peer holds an entry of ours that is not here: this database is an older copy");
    life.redrawStore();
  }
  touched.store({ id, entry, signed: wire.signed, signature: wire.signature, value: wire.value, origin });
  life.saw(entry.clock, nowMs);
  return "stored";
}

const claimOf = ({ message, entry }: Candidate, { signature }: WireEntry): Claim => ({
  message,
  signature: Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength),
  publicKey: keyOf(entry.author),
});

/** Takes up deferred entries again: those whose time has come, and at open those that an older program could not read. */
export function retryDeferred(needs: ReplicateNeeds, nowMs: number, isOpening: boolean): void {
  const bySpace = Map.groupBy(needs.deferred.due(nowMs, isOpening), (entry) => entry.space);
  for (const space of needs.members.all()) {
    const waiting = bySpace.get(space.num) ?? [];
    if (waiting.length === 0) continue;
    const touched = new Touched(needs.db, needs.life, space);
    for (const entry of waiting) {
      const [verdict] = take(needs, nowMs, space, touched, [entry], entry.origin);
      if (verdict === "held") needs.deferred.postpone(entry.num, nowMs);
      else if (verdict !== "deferred") needs.deferred.remove(entry.num);
    }
    touched.finish();
    if (touched.lastSeq > 0) needs.changed(space.id, touched.lastSeq);
  }
}

interface OutgoingRow {
  readonly seq: number;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly value: Uint8Array | null;
}

export function outgoing(needs: WriteNeeds, spaceId: SpaceId, neighbour: PeerId, from: number): OutgoingBatch {
  const { db, life, members } = needs;
  const space = members.space(spaceId);
  members.checkNeighbour(space, neighbour);
  const { last: end } = db.get<{ last: number }>("SELECT coalesce(max(seq), 0) AS last FROM entries WHERE space = ?", space.num)!;
  const isOurs = life.gaveOut(from);
  const start = isOurs ? from : 0;
  // It holds less than it had acknowledged, so it may have lost what it once told us, too: all of that goes back.
  const isBehind = start < neighbourRow(db, members, space, neighbour).acked;
  if (start === 0 || isBehind) saveNeighbour(db, members, space, neighbour, { acked: start, echo: end });
  // It has seen a life of this store that this one knows nothing of. What it kept of that is to be told to us from 0.
  if (!isOurs) saveNeighbour(db, members, space, neighbour, { store: null, seq: 0 });
  const { echo } = neighbourRow(db, members, space, neighbour);
  const rows = db.iterate<OutgoingRow>(
    "SELECT seq, signed, signature, value FROM entries WHERE space = ? AND seq > ? AND (origin <> ? OR seq <= ?) ORDER BY seq",
    space.num,
    start,
    members.peerNum(neighbour),
    echo,
  );
  const entries: WireEntry[] = [];
  let bytes = 0;
  let to = start;
  for (const { seq, signed, signature, value } of rows) {
    const size = signed.length + signature.length + (value?.length ?? 0);
    const full = entries.length >= LIMITS.batchEntries || (entries.length > 0 && bytes + size > LIMITS.batchBytes);
    if (full) return { entries, from: start, to, more: true };
    entries.push({ signed, signature, value: value ?? undefined });
    bytes += size;
    to = seq;
  }
  return { entries, from: start, to: Math.max(start, end), more: false };
}

/** The neighbour holds everything of ours up to `seq`. */
export function acknowledged({ db, members }: WriteNeeds, spaceId: SpaceId, neighbour: PeerId, seq: number): void {
  saveNeighbour(db, members, members.space(spaceId), neighbour, { acked: seq });
}
