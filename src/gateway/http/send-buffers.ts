// The memory that answers are read into, to be used again: large blocks while there is room for them, small ones beyond it.

import { LIMITS } from "../../core/limits.ts";

const LARGE = LIMITS.gatewayBlockBytes;
const SMALL = LIMITS.gatewaySlowBlockBytes;
/** Of each size, kept while nobody needs them. */
const SPARE_BYTES = 4 * LARGE;

export class SendBuffers {
  readonly #spare = new Map<number, Buffer[]>([LARGE, SMALL].map((size) => [size, []]));
  #largeBytes = 0;
  #taken = 0;

  /** Something is being sent. */
  get inUse(): boolean {
    return this.#taken > 0;
  }

  /** At most `wanted` bytes long. */
  take(wanted: number, large: boolean): Buffer {
    const size = large && wanted > SMALL && this.#largeBytes + LARGE <= LIMITS.gatewaySendBytes ? LARGE : SMALL;
    this.#taken++;
    if (size === LARGE) this.#largeBytes += LARGE;
    return (this.#spare.get(size)!.pop() ?? Buffer.allocUnsafeSlow(size)).subarray(0, wanted);
  }

  /** To be used again: nobody reads or writes it any more. */
  give(buffer: Buffer): void {
    const size = this.drop(buffer);
    const spare = this.#spare.get(size)!;
    if (spare.length < SPARE_BYTES / size) spare.push(Buffer.from(buffer.buffer));
  }

  /** Not to be used again: somebody may still be at it. Its whole size. */
  drop({ buffer: { byteLength } }: Buffer): number {
    this.#taken--;
    if (byteLength === LARGE) this.#largeBytes -= LARGE;
    return byteLength;
  }
}
