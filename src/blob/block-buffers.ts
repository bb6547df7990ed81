// Buffers of one block and its header that are used again: a new one for every block keeps the garbage collector busy.

import { LIMITS } from "../core/limits.ts";

export class BlockBuffers {
  readonly headroom: number;
  readonly #free: Buffer[] = [];

  constructor(headroom: number) {
    this.headroom = headroom;
  }

  /** So long, and what was in it before still is. */
  take(length: number): Buffer {
    const whole = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.headroom + LIMITS.blockBytes);
    return whole.subarray(0, this.headroom + length);
  }

  /** Nobody looks at it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < LIMITS.blobSpareBlocks) this.#free.push(Buffer.from(buffer.buffer));
  }
}
