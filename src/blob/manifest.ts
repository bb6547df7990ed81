// What is known of a blob: its size, and the hashes of the blocks that were read or verified so far.
// Everything else (how many blocks, how long each is) follows from the size alone, which is checked before anything is allocated.

import { u64 } from "../core/bytes.ts";
import { CoveyError } from "../core/errors.ts";
import { domainHash } from "../core/hash.ts";
import type { BlobId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";

const BLOCK = LIMITS.blockBytes;
export const HASH_BYTES = 32;
/** Hashes are kept in pages that are allocated when the first one of a page is known. */
const PAGE = 1024;

/** Neighbouring blocks: the first one's number, and how many. */
export interface BlockRange {
  readonly from: number;
  readonly count: number;
}

/** Throws `limit` for anything that can't be the size of a blob. */
export function checkBlobSize(size: number): number {
  if (Number.isSafeInteger(size) && size >= 0 && size <= LIMITS.blobBytes) return size;
  throw new CoveyError("limit", `a size of ${size} bytes is impossible or above the limit blobBytes (${LIMITS.blobBytes})`);
}

export const blockCount = (size: number): number => Math.ceil(size / BLOCK);

/** Every block is whole but the last. */
export const blockLength = (size: number, block: number): number => Math.min(BLOCK, size - block * BLOCK);

export class Manifest {
  readonly size: number;
  readonly blocks: number;
  readonly #pages: (Buffer | undefined)[] = [];
  readonly #known: Uint8Array;
  #knownBlocks = 0;
  #knownBytes = 0;

  constructor(size: number) {
    this.size = checkBlobSize(size);
    this.blocks = blockCount(size);
    this.#known = new Uint8Array(Math.ceil(this.blocks / 8));
  }

  get complete(): boolean {
    return this.#knownBlocks === this.blocks;
  }

  /** The length of all blocks whose hash is known. */
  get knownBytes(): number {
    return this.#knownBytes;
  }

  has(block: number): boolean {
    return (this.#known[block >> 3]! & (1 << (block & 7))) !== 0;
  }

  /** A view of the block's hash. */
  get(block: number): Buffer | undefined {
    if (!this.has(block)) return undefined;
    const at = (block % PAGE) * HASH_BYTES;
    return this.#pages[Math.floor(block / PAGE)]!.subarray(at, at + HASH_BYTES);
  }

  set(block: number, hash: Uint8Array): void {
    if (!Number.isInteger(block) || block < 0 || block >= this.blocks || hash.length !== HASH_BYTES)
      throw new CoveyError("internal", `block ${block} of ${this.blocks} with a hash of ${hash.length} bytes`);
    const page = Math.floor(block / PAGE);
    (this.#pages[page] ??= Buffer.alloc(Math.min(PAGE, this.blocks - page * PAGE) * HASH_BYTES)).set(
      hash,
      (block % PAGE) * HASH_BYTES,
    );
    if (this.has(block)) return;
    this.#known[block >> 3]! |= 1 << (block & 7);
    this.#knownBlocks++;
    this.#knownBytes += blockLength(this.size, block);
  }

  /** The first ranges of blocks whose hash is not known, in order. */
  missing(maxRanges: number): BlockRange[] {
    const ranges: BlockRange[] = [];
    let block = 0;
    while (block < this.blocks && ranges.length < maxRanges) {
      if (this.#known[block >> 3] === 0xff) block = (block | 7) + 1;
      else if (this.has(block)) block++;
      else {
        const from = block;
        while (block < this.blocks && !this.has(block)) block++;
        ranges.push({ from, count: block - from });
      }
    }
    return ranges;
  }

  /** The blob's name; every block must be known. */
  blobId(): BlobId {
    if (!this.complete) throw new CoveyError("internal", `${this.blocks - this.#knownBlocks} blocks of a blob are not known`);
    const root = domainHash("covey/manifest/1", ...(this.#pages as Buffer[]));
    return domainHash("covey/blob/1", u64(this.size), root).toString("hex") as BlobId;
  }
}
