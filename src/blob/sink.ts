// A file that is received: every byte goes to a private temp file in the target's directory, and the name appears last.
//
//   1. create: a hidden name of ours, exclusively, no link followed, readable by the user only
//   2. write: verified blocks, each at its place
//   3. sync: what was written is durable; only then may anybody say so
//   4. place: mode, time and bytes made durable, then linked under the first free name, never over another file; or `placeAs`: under this
//      name only, over a regular file when that was asked for

import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

import { fromPlatform } from "../core/errors.ts";
import { createHasher } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import { BlockWriter } from "./block-writer.ts";
import type { Manifest } from "./manifest.ts";
import { createTemp, type FileFacts, placeAs, placeFree, removeTemp, type TempFile } from "./placing.ts";

export class Sink {
  readonly temp: TempFile;
  readonly #file: FileHandle;
  readonly #blocks: BlockWriter;
  readonly #size: number;
  /** BLAKE3 of the file so far, in order; as long as blocks come in order, no second pass is needed. */
  readonly #plain = createHasher();
  #plainNext = 0;

  private constructor(file: FileHandle, temp: TempFile, size: number) {
    this.#file = file;
    this.#blocks = new BlockWriter(file, size);
    this.temp = temp;
    this.#size = size;
  }

  /** See BlockWriter. */
  get isSpoilt(): boolean {
    return this.#blocks.isSpoilt;
  }

  /**
   * `key`: letters and digits that are always the same for the same transfer, so that what a crash left before it was noted is found
   * and replaced. Rejects with `no-space` when `size` bytes do not fit, or `io`.
   */
  static async create(directory: string, key: string, size: number): Promise<Sink> {
    const { file, temp } = await createTemp(directory, key, size);
    return new Sink(file, temp, size);
  }

  /** The temp file of an earlier run, checked block by block against what was verified then; undefined when it is not what it was. */
  static async reopen(temp: TempFile, manifest: Manifest, signal: AbortSignal): Promise<Sink | undefined> {
    let file: FileHandle;
    try {
      file = await open(temp.path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (["ENOENT", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
      throw fromPlatform(error, "open the partial file");
    }
    const sink = new Sink(file, temp, manifest.size);
    try {
      const stat = await file.stat({ bigint: true });
      const same = stat.isFile() && String(stat.dev) === temp.device && String(stat.ino) === temp.inode;
      if (same && (await sink.#blocks.verify(manifest, signal, (block, bytes) => sink.#hashNext(block, bytes)))) return sink;
    } catch (error) {
      await file.close();
      throw fromPlatform(error, "read the partial file");
    }
    await file.close();
    return undefined;
  }

  /** Resolves when there is room for the next block; `written` is called once the bytes are not looked at any more. */
  async write(block: number, bytes: Uint8Array, written: () => void): Promise<void> {
    this.#hashNext(block, bytes);
    await this.#blocks.write(block, bytes, written);
  }

  /** Everything written before the call is durable when it resolves. */
  sync(): Promise<void> {
    return this.#blocks.sync();
  }

  /** BLAKE3 of the whole file in hex; reads only what did not come in order. Every block must be written. */
  async blake3(signal: AbortSignal): Promise<string> {
    await this.#blocks.drain();
    for (; this.#plainNext * LIMITS.blockBytes < this.#size; this.#plainNext++) {
      signal.throwIfAborted();
      this.#plain.update(await this.#blocks.readBlock(this.#plainNext));
    }
    return this.#plain.digest().toString("hex");
  }

  /**
   * Makes the file durable and links it into the directory under the safe name or the next free one. Resolves to its path once the
   * directory is durable too. The temp name is still there: `discard` removes it, after the caller has noted the path. Called again
   * after a crash, it finds the file where it already was.
   */
  async place(directory: string, safeName: string, facts: FileFacts): Promise<string> {
    await this.#blocks.drain();
    return placeFree(this.#placeable(), directory, safeName, facts);
  }

  /**
   * The same under this name only. Resolves to undefined when that is taken and nothing is to be replaced; rejects with `conflict` when
   * what should be replaced is no regular file.
   */
  async placeAs(
    directory: string,
    name: string,
    facts: FileFacts,
    options: { readonly overwrite: boolean },
  ): Promise<string | undefined> {
    await this.#blocks.drain();
    return placeAs(this.#placeable(), directory, name, facts, options);
  }

  close(): Promise<void> {
    return this.#blocks.close();
  }

  /** Closes, and removes the temp name. */
  async discard(): Promise<void> {
    await this.close();
    await removeTemp(this.temp);
  }

  #placeable(): { file: FileHandle; temp: TempFile; flush: (work: () => Promise<void>) => Promise<void> } {
    return { file: this.#file, temp: this.temp, flush: (work) => this.#blocks.flush(work) };
  }

  #hashNext(block: number, bytes: Uint8Array): void {
    if (block !== this.#plainNext) return;
    this.#plain.update(bytes);
    this.#plainNext++;
  }
}
