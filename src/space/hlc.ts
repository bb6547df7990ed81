// Hybrid logical clocks: 48 bits of milliseconds, 16 bits of counter, compared as one number.

import { LIMITS } from "../core/limits.ts";

/** ms × 2^16 + counter. */
export type Hlc = bigint;

const COUNTER_BITS = 16n;
const COUNTER_MASK = 0xffffn;

export const hlcOf = (ms: number, counter: number): Hlc => (BigInt(ms) << COUNTER_BITS) | BigInt(counter);
export const msOf = (clock: Hlc): number => Number(clock >> COUNTER_BITS);
export const counterOf = (clock: Hlc): number => Number(clock & COUNTER_MASK);

const laterOf = (a: Hlc, b: Hlc): Hlc => (a > b ? a : b);

/** The clock of the next entry: later than the last one here and than every version that it replaces. */
export const nextClock = (nowMs: number, last: Hlc, replaced: Hlc): Hlc => laterOf(hlcOf(nowMs, 0), laterOf(last, replaced) + 1n);

/** Whether an entry must wait: moved by it, our own entries would have to wait elsewhere. */
export const isTooFarAhead = (clock: Hlc, nowMs: number): boolean => msOf(clock) > nowMs + LIMITS.futureMs;

/** When such an entry may be looked at again, ms since 1970. */
export const dueMs = (clock: Hlc): number => msOf(clock) - LIMITS.futureMs;

/** What an accepted or written clock makes of the last one. One too far ahead leaves it: only its own path has to follow it. */
export const advance = (last: Hlc, seen: Hlc, nowMs: number): Hlc => (isTooFarAhead(seen, nowMs) ? last : laterOf(last, seen));
