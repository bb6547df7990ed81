// A conversation as events. Each has the cursor to resume behind; of several events that one entry brings, only the last one moves it.
//   - a message is told with the state that the watermarks told so far give it
//   - a watermark that rose is told as the new state of each message that it passed
//   - after a resume, how far an earlier watermark was told is not known: the newest LIMITS.messagePage states are told again

import type { EntryId, PeerId, SpaceId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Cursor, SpaceStore } from "../../space/contract.ts";
import { followChanges } from "../../space/follow.ts";
import { statesBelow } from "../../space/listing.ts";
import type { MessageEvent } from "./contract.ts";
import { messagesOf, readBothMarks, type Conversation } from "./history.ts";
import { laneOf, marksOf, noMark, type Mark, type Marks } from "./marks.ts";
import { everything, isOfLane, lanePrefix, messagePath, placeOf, type Lane } from "./paths.ts";

export type WatchStore = Pick<SpaceStore, "author" | "get" | "list" | "changes" | "now" | "subscribe">;

const PAGE = 256;

type Untold = Omit<Extract<MessageEvent, { readonly type: "state" }>, "cursor">;

export async function* watchConversation(
  store: WatchStore,
  conversation: Conversation,
  after: Cursor | undefined,
  signal: AbortSignal,
): AsyncGenerator<MessageEvent, void> {
  const { space, peer } = conversation;
  signal.throwIfAborted();
  // The marks first: a rise between the two reads is then told, and not lost.
  let told = await readBothMarks(store, conversation);
  let cursor = after ?? (await store.now(space));
  if (after === undefined) yield { type: "now", cursor };
  const unsure = new Set<PeerId>(after === undefined ? [] : [store.author, peer]);
  for await (const page of followChanges(store, space, everything, cursor, signal)) {
    if (page.reset) {
      cursor = { store: page.cursor.store, seq: 0 };
      unsure.clear();
      yield { type: "reset", cursor };
    }
    for (const change of page.changes) {
      const next = { store: page.cursor.store, seq: Math.max(...change.versions.map(({ seq }) => seq)) };
      const place = placeOf(change.path);
      if (place?.type === "message") {
        const messages = messagesOf(change, store.author, peer, told).toSorted((a, b) => a.version.seq - b.version.seq);
        for (const [i, { message }] of messages.entries()) {
          yield { type: "message", message, cursor: i === messages.length - 1 ? next : cursor };
        }
      } else if (place?.type === "mark" && (place.owner === peer || place.owner === store.author)) {
        const mine = place.owner === store.author;
        const marks = marksOf(change, place.owner);
        const before = unsure.delete(place.owner) ? lowered(marks) : mine ? told.mine : told.theirs;
        let held: Untold | undefined;
        for await (const state of risen(store, space, mine ? peer : store.author, before, marks, mine)) {
          if (held !== undefined) yield { ...held, cursor };
          held = state;
        }
        if (held !== undefined) yield { ...held, cursor: next };
        told = mine ? { ...told, mine: marks } : { ...told, theirs: marks };
      }
      cursor = next;
    }
  }
}

/** The new states of the messages of `author` that a watermark passed when it rose from `before` to `now`. */
async function* risen(
  store: WatchStore,
  space: SpaceId,
  author: PeerId,
  before: Marks,
  now: Marks,
  readOnly: boolean,
): AsyncGenerator<Untold, void> {
  for (const [key, mark] of now) {
    const lane = laneOf(key);
    const old = before.get(key) ?? noMark;
    if (lane.author !== author) continue;
    for await (const id of idsBetween(store, space, lane, old.read, mark.read)) yield { type: "state", id, state: "read" };
    if (readOnly) continue;
    const from = Math.max(old.delivered, mark.read);
    for await (const id of idsBetween(store, space, lane, from, mark.delivered)) yield { type: "state", id, state: "delivered" };
  }
}

/** The ids of the messages numbered from `after` + 1 to `to`. */
async function* idsBetween(
  store: WatchStore,
  space: SpaceId,
  lane: Lane,
  after: number,
  to: number,
): AsyncGenerator<EntryId, void> {
  if (after >= to) return;
  for await (const { path, versions } of statesBelow(store, space, lanePrefix(lane), {
    after: messagePath(lane, after),
    limit: PAGE,
  })) {
    const place = placeOf(path);
    if (place?.type !== "message") continue;
    if (place.n > to) return;
    for (const version of versions) if (isOfLane(version, lane) && version.value !== undefined) yield version.id;
    if (place.n === to) return;
  }
}

/** As if the newest LIMITS.messagePage messages of each lane had not been told of yet. */
const lowered = (marks: Marks): Marks =>
  new Map(
    [...marks].map(([key, { delivered, read }]): [string, Mark] => [
      key,
      { delivered: Math.max(0, delivered - LIMITS.messagePage), read: Math.max(0, read - LIMITS.messagePage) },
    ]),
  );
