// Reads messages out of a space. Lanes are found by skipping from one to the next, and read from their ends, so that what is asked
// for costs what it is, however long the conversation.

import type { PeerId, SpaceId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Page, PathState, SpaceStore, Version } from "../../space/contract.ts";
import { statesBelow } from "../../space/listing.ts";
import type { Message, MessageState } from "./contract.ts";
import { decodeMessage } from "./envelope.ts";
import { markOf, marksOf, type Mark, type Marks } from "./marks.ts";
import {
  authorPrefix,
  behind,
  componentBelow,
  isIncarnation,
  isOfLane,
  lanePrefix,
  markPath,
  messagePath,
  placeOf,
  type Lane,
} from "./paths.ts";

export type Reader = Pick<SpaceStore, "author" | "get" | "list">;

const SEEN_PAGE = 256;

/** A direct space, and who its other member is. */
export interface Conversation {
  readonly space: SpaceId;
  readonly peer: PeerId;
}

/** What each side has said of the other's messages. */
export interface BothMarks {
  readonly mine: Marks;
  readonly theirs: Marks;
}

export async function readMarks(store: Reader, space: SpaceId, owner: PeerId): Promise<Marks> {
  return marksOf(await store.get(space, markPath(owner)), owner);
}

export async function readBothMarks(store: Reader, { space, peer }: Conversation): Promise<BothMarks> {
  const [mine, theirs] = await Promise.all([readMarks(store, space, store.author), readMarks(store, space, peer)]);
  return { mine, theirs };
}

export async function lanesOf(store: Reader, space: SpaceId, author: PeerId): Promise<readonly Lane[]> {
  const lanes: Lane[] = [];
  const prefix = authorPrefix(author);
  let after = prefix;
  for (let i = 0; i < LIMITS.messageLanes; i++) {
    const [first] = await store.list(space, prefix, { limit: 1, after });
    if (first === undefined) break;
    const component = componentBelow(first.path);
    if (isIncarnation(component)) lanes.push({ author, incarnation: component });
    after = behind(author, component);
  }
  return lanes;
}

/** The newest messages of both sides, oldest first. */
export async function newest(store: Reader, conversation: Conversation, limit: number): Promise<readonly Message[]> {
  const { space, peer } = conversation;
  const [marks, mine, theirs] = await Promise.all([
    readBothMarks(store, conversation),
    lanesOf(store, space, store.author),
    lanesOf(store, space, peer),
  ]);
  const tails = await Promise.all(
    [...mine, ...theirs].map((lane) => first(store, conversation, marks, lane, { limit, reverse: true })),
  );
  return tails
    .flat()
    .toSorted(byClock)
    .slice(-limit)
    .map(({ message }) => message);
}

/** From the other side and behind the read watermark, oldest first: at most LIMITS.messagePage. */
export async function unread(store: Reader, conversation: Conversation): Promise<readonly Message[]> {
  const { space, peer } = conversation;
  const limit = LIMITS.messagePage;
  const [marks, lanes] = await Promise.all([readBothMarks(store, conversation), lanesOf(store, space, peer)]);
  const heads = await Promise.all(
    lanes.map((lane) => {
      const after = messagePath(lane, markOf(marks.mine, lane).read);
      return first(store, conversation, marks, lane, { limit, after });
    }),
  );
  return heads
    .flat()
    .toSorted(byClock)
    .slice(0, limit)
    .map(({ message }) => message);
}

/** The messages at the first paths of a page, and not what else is there. */
async function first(
  store: Reader,
  { space, peer }: Conversation,
  marks: BothMarks,
  lane: Lane,
  page: Page & { readonly limit: number },
): Promise<readonly Placed[]> {
  const found: Placed[] = [];
  let paths = 0;
  for await (const state of statesBelow(store, space, lanePrefix(lane), page)) {
    found.push(...messagesOf(state, store.author, peer, marks));
    if (++paths >= page.limit) break;
  }
  return found;
}

/** Up to where a lane of the peer was seen when these messages were: from `after`, at most to `end`. */
export async function seenUpTo(
  store: Reader,
  { space, peer }: Conversation,
  lane: Lane,
  { after, end, shown }: { readonly after: number; readonly end: number; readonly shown: ReadonlySet<string> },
): Promise<number> {
  const marks: BothMarks = { mine: new Map(), theirs: new Map() };
  for await (const state of statesBelow(store, space, lanePrefix(lane), { after: messagePath(lane, after), limit: SEEN_PAGE })) {
    const place = placeOf(state.path);
    if (place?.type !== "message") continue;
    if (place.n > end) break;
    if (messagesOf(state, store.author, peer, marks).some(({ message }) => !shown.has(message.id))) return place.n - 1;
  }
  return end;
}

/** A message and its place in the conversation. */
export interface Placed {
  readonly message: Message;
  readonly version: Version;
}

/** The messages at one path: one, or more when a restored copy of a home wrote there again, or none. */
export function messagesOf(state: PathState, me: PeerId, peer: PeerId, marks: BothMarks): readonly Placed[] {
  const place = placeOf(state.path);
  if (place?.type !== "message") return [];
  const { lane, n } = place;
  if (lane.author !== me && lane.author !== peer) return [];
  return state.versions.flatMap((version) => {
    const text = version.value === undefined || !isOfLane(version, lane) ? undefined : decodeMessage(version.value)?.text;
    if (text === undefined) return [];
    const mark = markOf(lane.author === me ? marks.theirs : marks.mine, lane);
    // What is here was delivered, whether a watermark says so yet or not.
    const reached = stateBy(lane.author === me ? mark : { ...mark, delivered: n }, n);
    return [
      { message: { id: version.id, with: peer, from: lane.author, text, sentAtMs: version.clockMs, state: reached }, version },
    ];
  });
}

/** How far message `n` got, as the other side's mark tells. */
const stateBy = ({ delivered, read }: Mark, n: number): MessageState =>
  n <= read ? "read" : n <= delivered ? "delivered" : "queued";

/** By hybrid clock, then author, then id: the same on both sides. */
export function byClock({ version: a }: { readonly version: Version }, { version: b }: { readonly version: Version }): number {
  if (a.clockMs !== b.clockMs) return a.clockMs - b.clockMs;
  if (a.counter !== b.counter) return a.counter - b.counter;
  if (a.author !== b.author) return a.author < b.author ? -1 : 1;
  return a.id < b.id ? -1 : Number(a.id > b.id);
}
