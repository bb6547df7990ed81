// The blocks that were handed to a stream and not acknowledged yet: only then may their buffers be written to again.

import { LIMITS } from "../../../core/limits.ts";
import type { BlockBuffers } from "../../../blob/block-buffers.ts";

export class InFlight {
  readonly buffers: BlockBuffers;
  /** Oldest first, each with the count of bytes that acknowledges it. */
  readonly #sent: { readonly bytes: Buffer; readonly at: number }[] = [];
  #at: number;

  /** `from`: what the receiver had before. One file's buffers only: a receiver that lies gets garbage of a file that it may read. */
  constructor(buffers: BlockBuffers, from: number) {
    this.buffers = buffers;
    this.#at = from;
  }

  sent(bytes: Buffer): void {
    this.#at += bytes.length - this.buffers.headroom;
    this.#sent.push({ bytes, at: this.#at });
    // A receiver that reads and does not count has no say in what is kept here: the oldest is left to the garbage collector.
    if (this.#sent.length > LIMITS.blobSpareBlocks) this.#sent.shift();
  }

  /** The receiver has so many bytes. */
  acknowledged(count: number): void {
    while (this.#sent.length > 0 && this.#sent[0]!.at <= count) this.buffers.give(this.#sent.shift()!.bytes);
  }
}
