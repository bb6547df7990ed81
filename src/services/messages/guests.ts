// What guests wrote: messages of this peer's own space, in the lane of each of its incarnations. Which were read is known here only.
//
// Lanes are read from their ends, or from what is unread: what is asked for costs what it is, however much was ever written.

import { createTurns } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import type { SpaceId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { PathState, SpaceStore, Version } from "../../space/contract.ts";
import { statesBelow } from "../../space/listing.ts";
import type { GuestMessage, GuestMessages } from "./contract.ts";
import { decodeMessage, encodeMessage } from "./envelope.ts";
import { createGuestNames } from "./guest-names.ts";
import { byClock, lanesOf } from "./history.ts";
import { isOfLane, lanePrefix, messagePath, placeOf, type Lane } from "./paths.ts";
import { countOf, decodeRanges, encodeRanges, firstUnread, union, type Ranges } from "./read-ranges.ts";

export type GuestStore = Pick<SpaceStore, "author" | "incarnation" | "self" | "write" | "get" | "list" | "putLocal" | "getLocal">;

const LISTED = 100;
const PAGE = 256;
const SERVICE = "messages";
const readKey = ({ incarnation }: Lane): string => `read/${incarnation}`;

/** What is at one number of a lane: mostly one message. */
interface Heard {
  readonly n: number;
  readonly messages: readonly Placed[];
}

interface Placed {
  readonly message: GuestMessage;
  readonly version: Version;
}

export function createGuestMessages(store: GuestStore): GuestMessages {
  const names = createGuestNames(store);
  /** One after the other: marking is reading and writing. */
  const inTurn = createTurns();

  const currentLane = (): Lane => ({ author: store.author, incarnation: store.incarnation() });

  async function inEveryLane<T>(work: (space: SpaceId, lane: Lane, read: Ranges) => Promise<T>): Promise<readonly T[]> {
    const space = await store.self();
    // Lanes are found up to a limit: what is written now is not to be missed.
    const current = currentLane();
    const others = (await lanesOf(store, space, store.author)).filter(({ incarnation }) => incarnation !== current.incarnation);
    const lanes = [...others, current];
    return Promise.all(lanes.map(async (lane) => work(space, lane, decodeRanges(await store.getLocal(SERVICE, readKey(lane))))));
  }

  const newestFirst = (space: SpaceId, lane: Lane, limit: number): AsyncGenerator<Heard, void> =>
    heardIn(statesBelow(store, space, lanePrefix(lane), { limit, reverse: true }), lane);

  async function lastNumber(space: SpaceId, lane: Lane): Promise<number> {
    for await (const { n } of newestFirst(space, lane, 1)) return n;
    return 0;
  }

  /** From the oldest; what was read is jumped over. */
  async function* unreadIn(space: SpaceId, lane: Lane, read: Ranges): AsyncGenerator<Heard, void> {
    for (let from = firstUnread(read, 1), last = 0; ; from = firstUnread(read, last + 1)) {
      const page = await store.list(space, lanePrefix(lane), { after: messagePath(lane, from - 1), limit: PAGE });
      if (page.length === 0) return;
      for await (const heard of heardIn(page, lane)) {
        if (firstUnread(read, heard.n) === heard.n) yield heard;
        last = heard.n;
      }
    }
  }

  /** Which numbers of a lane are read when these messages were seen. */
  async function seenIn(space: SpaceId, lane: Lane, read: Ranges, shown: ReadonlySet<string>): Promise<Ranges> {
    const seen: [number, number][] = [];
    const found = new Set<string>();
    const look = ({ n, messages }: Heard): void => {
      for (const { message } of messages) if (shown.has(message.id)) found.add(message.id);
      if (messages.every(({ message }) => shown.has(message.id))) seen.push([n, n]);
    };
    // What was shown is what was unread first …
    let looked = 0;
    let left: number = LIMITS.messagePage;
    for await (const heard of unreadIn(space, lane, read)) {
      // Between what is unread is what was read, or removed.
      if (looked + 1 < heard.n) seen.push([looked + 1, heard.n - 1]);
      look(heard);
      looked = heard.n;
      if (--left === 0) break;
    }
    if (left > 0) return seen;
    // … or the newest.
    for await (const heard of newestFirst(space, lane, PAGE)) {
      if (heard.n <= looked || found.size === shown.size) break;
      look(heard);
    }
    return seen;
  }

  async function countUnread(): Promise<number> {
    const counts = await inEveryLane(async (space, lane, read) => (await lastNumber(space, lane)) - countOf(read));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Since it was last counted; undefined: count again. */
  let waiting: number | undefined;

  /** Whoever has nothing here but a connection fills no disk: what nobody reads is not heard for ever. */
  async function assertHeard(): Promise<void> {
    waiting ??= await countUnread();
    if (waiting >= LIMITS.guestUnread)
      throw new CoveyError("limit", `${waiting} messages of guests wait to be read, and no more are taken until some are`, {
        hint: "`covey inbox --read` shows and marks them.",
      });
  }

  return {
    async newGuest() {
      await assertHeard();
      // Before the name is given: its messages come behind.
      const after = await lastNumber(await store.self(), currentLane());
      return names.give(after);
    },

    async hear({ guest, address, text }) {
      const value = encodeMessage(text, { guest, address });
      await assertHeard();
      const [written] = await store.write(await store.self(), [{ append: "msg", value }]);
      if (waiting !== undefined) waiting++;
      return { id: written!.id, guest, address, text, sentAtMs: written!.clockMs };
    },

    async list({ guest, limit = LISTED } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.messagePage)
        throw new CoveyError("bad-argument", `${limit} messages can't be listed; 1 to ${LIMITS.messagePage} can`);
      const beginning = guest === undefined ? undefined : await names.beginningOf(guest);
      if (guest !== undefined && beginning === undefined) return [];
      const tails = await inEveryLane(async (space, lane) => {
        const after = beginning?.incarnation === lane.incarnation ? beginning.after : 0;
        const tail: Placed[] = [];
        for await (const { n, messages } of newestFirst(space, lane, Math.min(limit, PAGE))) {
          if (n <= after) break;
          tail.push(...messages.filter(({ message }) => guest === undefined || message.guest === guest));
          if (tail.length >= limit) break;
        }
        return tail;
      });
      return inOrder(tails).slice(-limit);
    },

    async unread() {
      const heads = await inEveryLane(async (space, lane, read) => {
        const head: Placed[] = [];
        for await (const { messages } of unreadIn(space, lane, read)) {
          head.push(...messages);
          if (head.length >= LIMITS.messagePage) break;
        }
        return head;
      });
      return inOrder(heads).slice(0, LIMITS.messagePage);
    },

    countUnread,

    markRead: (ids) =>
      inTurn(async () => {
        const shown = new Set(ids);
        const records = await inEveryLane(async (space, lane, read) => {
          const now = union(read, await seenIn(space, lane, read, shown));
          return countOf(now) > countOf(read) ? [{ key: readKey(lane), value: encodeRanges(now) }] : [];
        });
        await store.putLocal(SERVICE, records.flat());
        waiting = undefined;
      }),
  };
}

async function* heardIn(states: Iterable<PathState> | AsyncIterable<PathState>, lane: Lane): AsyncGenerator<Heard, void> {
  for await (const { path, versions } of states) {
    const place = placeOf(path);
    if (place?.type === "message") yield { n: place.n, messages: versions.flatMap((version) => messageOf(version, lane)) };
  }
}

function messageOf(version: Version, lane: Lane): Placed[] {
  const { id, value, clockMs: sentAtMs } = version;
  if (value === undefined || !isOfLane(version, lane)) return [];
  const { text, guest, address } = decodeMessage(value) ?? {};
  if (text === undefined || guest === undefined || address === undefined) return [];
  return [{ message: { id, guest, address, text, sentAtMs }, version }];
}

const inOrder = (lanes: readonly (readonly Placed[])[]): readonly GuestMessage[] =>
  lanes
    .flat()
    .toSorted(byClock)
    .map(({ message }) => message);
