// Waiting for something to become true at a peer.

import { sleep } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";

const EVERY_MS = 20;
const AT_MOST_MS = 20_000;

/** The first value of `look` that is not undefined; rejects with `timeout` when none came. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
  for (let waited = 0; waited < AT_MOST_MS; waited += EVERY_MS) {
    const value = await look();
    if (value !== undefined) return value;
    await sleep(EVERY_MS, signal);
  }
  throw new CoveyError("timeout", `waited ${AT_MOST_MS / 1000} s in vain: ${what}`);
}
