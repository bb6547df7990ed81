// After both have said what they had to say: our direction ends, the other's end is waited for, what it still sends is dropped.

import { LIMITS } from "../core/limits.ts";
import type { Stream } from "./contract.ts";

/** Never rejects. Cuts the stream when the other side has not ended LIMITS.lingerMs after it took what we had to say. */
export async function linger(stream: Stream): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await stream.end();
    timer = setTimeout(() => stream.reset(), LIMITS.lingerMs);
    while ((await stream.read()) !== null);
    await stream.closed;
  } catch {
    // Cut, by either side: nothing is left to wait for.
  } finally {
    clearTimeout(timer);
  }
}
