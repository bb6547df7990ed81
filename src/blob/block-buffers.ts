// Buffers of one block and its header that are used again: a new one for every block keeps the garbage collector busy.

import { LIMITS } from "../core/limits.ts";

export class BlockBuffers {
  readonly headroom: number;
  readonly #length: number;
  readonly #free: Buffer[] = [];

  /** `size`: of the blob, whose longest block has to fit. */
  constructor(headroom: number, size: number) {
    this.headroom = headroom;
    this.#length = headroom + Math.min(size, LIMITS.blockBytes);
  }

  /** So long, and what was in it before still is. */
  take(length: number): Buffer {
    const whole = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#length);
    return whole.subarray(0, this.headroom + length);
  }

  /** Nobody looks at it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < LIMITS.blobSpareBlocks) this.#free.push(Buffer.from(buffer.buffer));
  }
}
