// Time is handed in, so that tests and simulations own it.

export interface Clock {
  /** Wall clock, ms since 1970. May jump; never used for durations. */
  nowMs(): number;
  /** Monotonic ms since some moment of this process. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
