// The memory that answers are read into: large blocks while there is room for them, to be used again; small ones beyond it.

import { LIMITS } from "../../core/limits.ts";

/** Large blocks that are kept while nobody needs them. */
const SPARE = 4;

export class SendBuffers {
  readonly #spare: Buffer[] = [];
  #largeBytes = 0;
  #taken = 0;

  /** Something is being sent. */
  get inUse(): boolean {
    return this.#taken > 0;
  }

  /** At most `wanted` bytes long. */
  take(wanted: number, large: boolean): Buffer {
    this.#taken++;
    const { gatewayBlockBytes: largest, gatewaySlowBlockBytes: small } = LIMITS;
    if (!large || wanted <= small || this.#largeBytes + largest > LIMITS.gatewaySendBytes)
      return Buffer.allocUnsafeSlow(Math.min(wanted, small));
    this.#largeBytes += largest;
    return (this.#spare.pop() ?? Buffer.allocUnsafeSlow(largest)).subarray(0, wanted);
  }

  /** To be used again: nobody reads or writes it any more. */
  give(buffer: Buffer): void {
    if (this.drop(buffer) && this.#spare.length < SPARE) this.#spare.push(Buffer.from(buffer.buffer));
  }

  /** Not to be used again: somebody may still be at it. Whether it was a large one. */
  drop(buffer: Buffer): boolean {
    this.#taken--;
    const isLarge = buffer.buffer.byteLength === LIMITS.gatewayBlockBytes;
    if (isLarge) this.#largeBytes -= LIMITS.gatewayBlockBytes;
    return isLarge;
  }
}
