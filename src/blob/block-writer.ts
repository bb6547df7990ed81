// A file that comes in by its blocks, in any order: a few are written at once, and what was verified before is read again later.

import type { FileHandle } from "node:fs/promises";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { hash } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import { blockLength, type Manifest } from "./manifest.ts";

export class BlockWriter {
  readonly #file: FileHandle;
  readonly #size: number;
  #reading: Buffer | undefined;
  readonly #writing = new Set<Promise<void>>();
  #writingBytes = 0;
  /** The first failure is final: what a failed write or flush left in the page cache can't be known. */
  #broken: CoveyError | undefined;

  /** The file is the writer's from now on. */
  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** A write or a flush failed, and not for want of room: nothing of what is in the file is to be relied on. */
  get isSpoilt(): boolean {
    return this.#broken !== undefined && this.#broken.code !== "no-space";
  }

  /** Resolves when there is room for the next block; `written` is called once the bytes are not looked at any more. */
  async write(block: number, bytes: Uint8Array, written: () => void): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const writing = this.#writeAll(bytes, block * LIMITS.blockBytes)
      .catch((error: unknown) => void (this.#broken ??= fromPlatform(error, "write the file")))
      .finally(() => {
        this.#writing.delete(writing);
        this.#writingBytes -= bytes.length;
        written();
      });
    this.#writing.add(writing);
    this.#writingBytes += bytes.length;
    while (this.#writingBytes > LIMITS.blobWriteBytes - LIMITS.blockBytes) await Promise.race(this.#writing);
  }

  /** Everything that `write` was called for is in the file. */
  async drain(): Promise<void> {
    await Promise.all(this.#writing);
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Everything written before the call is durable when it resolves. */
  async sync(): Promise<void> {
    await this.drain();
    await this.flush(() => this.#file.datasync());
  }

  /** Whatever of the work fails, nothing is written any more. */
  async flush(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw (this.#broken = fromPlatform(error, "make the file durable"));
    }
  }

  /** Whether the blocks that the manifest knows are in the file as they should be; `seen` gets each, in order. */
  async verify(manifest: Manifest, signal: AbortSignal, seen?: (block: number, bytes: Buffer) => void): Promise<boolean> {
    const { size } = await this.#file.stat();
    for (let block = 0; block < manifest.blocks; block++) {
      const expected = manifest.get(block);
      if (expected === undefined) continue;
      signal.throwIfAborted();
      if (size < block * LIMITS.blockBytes + blockLength(manifest.size, block)) return false;
      const bytes = await this.readBlock(block);
      if (!hash(bytes).equals(expected)) return false;
      seen?.(block, bytes);
    }
    return true;
  }

  /** Into the one buffer that there is for this: a view that holds until the next call. */
  async readBlock(block: number): Promise<Buffer> {
    this.#reading ??= Buffer.allocUnsafeSlow(Math.min(this.#size, LIMITS.blockBytes));
    const bytes = this.#reading.subarray(0, blockLength(this.#size, block));
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await this.#file.read(bytes, at, bytes.length - at, block * LIMITS.blockBytes + at);
      if (bytesRead === 0) throw new CoveyError("io", "the partial file is shorter than it was");
      at += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await Promise.all(this.#writing);
    await this.#file.close();
  }

  async #writeAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, position + at);
      at += bytesWritten;
    }
  }
}
