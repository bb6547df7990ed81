// How long to wait before a peer is dialled again. Pure.

/** Doubles from `minMs` with every failure, up to `maxMs`; half of it is random, so that many do not come at once. `random` is in [0, 1). */
export function backOffMs(failures: number, minMs: number, maxMs: number, random: number): number {
  const whole = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
  return Math.round(whole / 2 + (whole / 2) * random);
}
