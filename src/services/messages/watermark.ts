// This member's watermark in one conversation:
//   1. at the start, each lane of the peer is read on from where the last watermark was
//   2. then, whenever messages of the peer are stored here, the lanes they are in are read on; a gap holds the watermark
//   3. what arrived within LIMITS.markMs is written as one overwritten entry, one write at a time

import { createTurns, sleep } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import type { SpaceStore } from "../../space/contract.ts";
import { followChanges } from "../../space/follow.ts";
import { statesBelow } from "../../space/listing.ts";
import { lanesOf, readMarks, seenUpTo, type Conversation } from "./history.ts";
import { covers, encodeMarks, laneKey, laneOf, marksOf, merge, type Marks } from "./marks.ts";
import { authorPrefix, lanePrefix, markPath, messagePath, placeOf, type Lane } from "./paths.ts";

export interface Watermark {
  /** Of what is here without a gap, how much was not seen. */
  countUnread(): Promise<number>;
  /** All of that was seen, or what comes before the first message that is not among `shown`. Durable when it resolves. */
  markRead(shown?: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export type WatermarkStore = Pick<SpaceStore, "author" | "get" | "list" | "changes" | "now" | "subscribe" | "write">;

const PAGE = 256;

export function createWatermark(store: WatermarkStore, conversation: Conversation, log: Logger): Watermark {
  const { space, peer } = conversation;
  const closing = new AbortController();
  /** Up to where each lane was found without a gap. */
  const reached = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  /** One after the other: reading on, and writing. */
  const inTurn = createTurns();

  async function run(): Promise<void> {
    const { signal } = closing;
    // In turn at once: who counts or marks right after the start comes behind it.
    const [start] = await Promise.all([store.now(space), inTurn(readAllLanes)]);
    schedule();
    for await (const page of followChanges(store, space, authorPrefix(peer), start, signal)) {
      const places = page.changes.map(({ path }) => placeOf(path)).filter((place) => place?.type === "message");
      const lanes = new Map(places.map(({ lane }) => [laneKey(lane), lane]));
      let forward = false;
      for (const lane of lanes.values()) forward = (await inTurn(() => readOn(lane))) || forward;
      if (forward) schedule();
    }
  }

  async function readAllLanes(): Promise<void> {
    const marks = await readMarks(store, space, store.author);
    for (const lane of await lanesOf(store, space, peer)) {
      const key = laneKey(lane);
      if (!reached.has(key)) reached.set(key, marks.get(key)?.delivered ?? 0);
      await readOn(lane);
    }
  }

  /** Resolves to whether the lane is further than before. */
  async function readOn(lane: Lane): Promise<boolean> {
    const key = laneKey(lane);
    const before = reached.get(key) ?? 0;
    let at = before;
    for await (const { path } of statesBelow(store, space, lanePrefix(lane), { after: messagePath(lane, at), limit: PAGE })) {
      const place = placeOf(path);
      if (place?.type !== "message") continue;
      // A message that was taken back leaves no gap.
      while (at + 1 < place.n && (await store.get(space, messagePath(lane, at + 1))) !== undefined) at++;
      if (at + 1 !== place.n) break;
      at = place.n;
    }
    reached.set(key, at);
    return at > before;
  }

  function schedule(delayMs: number = LIMITS.markMs): void {
    if (closing.signal.aborted) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      inTurn(() => write(new Map())).catch((error: unknown) => {
        failed(error);
        schedule(LIMITS.markRetryMs);
      });
    }, delayMs);
  }

  /** Up to where each lane was seen when these messages were. */
  async function seenOf(shown: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const marks = await readMarks(store, space, store.author);
    const ids = new Set(shown);
    const seen = new Map<string, number>();
    for (const [key, end] of reached) {
      const after = marks.get(key)?.read ?? 0;
      if (after < end) seen.set(key, await seenUpTo(store, conversation, laneOf(key), { after, end, shown: ids }));
    }
    return seen;
  }

  /** Raises the stored watermark to what was reached, and to what was seen of that. */
  async function write(seen: ReadonlyMap<string, number>): Promise<void> {
    const path = markPath(store.author);
    for (;;) {
      const state = await store.get(space, path);
      const stored = marksOf(state, store.author);
      const now: Marks = new Map([...reached].map(([key, n]) => [key, { delivered: n, read: seen.get(key) ?? 0 }]));
      // Versions that a restored copy of this home wrote are united by the next write.
      if (covers(stored, now) && (state?.versions.length ?? 0) <= 1) return;
      try {
        await store.write(space, [{ path, value: encodeMarks(merge(stored, now)), expect: state?.token ?? null }]);
        return;
      } catch (error) {
        if (!(error instanceof CoveyError) || error.code !== "conflict") throw error;
      }
    }
  }

  function failed(error: unknown): void {
    if (!closing.signal.aborted) log.warn({ peer, why: String(error) }, "a watermark was not written");
  }

  async function keepRunning(): Promise<void> {
    for (const { signal } = closing; !signal.aborted;) {
      await run().catch(failed);
      await sleep(LIMITS.markRetryMs, signal).catch(() => {});
    }
  }

  const running = keepRunning();

  return {
    countUnread: () =>
      inTurn(async () => {
        const marks = await readMarks(store, space, store.author);
        return [...reached].reduce((count, [key, n]) => count + Math.max(0, n - (marks.get(key)?.read ?? 0)), 0);
      }),
    markRead: (shown) =>
      inTurn(async () => {
        await readAllLanes();
        await write(shown === undefined ? new Map(reached) : await seenOf(shown));
      }),
    async close() {
      clearTimeout(timer);
      closing.abort(new CoveyError("closed", "the peer is closing"));
      await running;
      await inTurn(async () => {});
    },
  };
}
