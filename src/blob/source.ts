// A file that is sent: read in place, never copied, and known by its version.
//
//   1. open: no link followed, nothing that could block, a regular file only
//   2. version: device, inode, size, mtime and ctime in ns; any change of the file changes it
//   3. read: whole blocks, the next ones ahead
//   4. check: the version is still the same, so what was read belongs to it

import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import type { BigIntStats } from "node:fs";

import { sleep } from "../core/async.ts";
import { CoveyError, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { BlockBuffers } from "./block-buffers.ts";
import { blockLength, checkBlobSize } from "./manifest.ts";

/** A file's times come from a clock that ticks this coarsely at worst: two changes within one tick look like one. */
const TICK_MS = 20;

export interface FileVersion {
  readonly size: number;
  readonly mtimeMs: number;
  /** For its owner. */
  readonly executable: boolean;
  /** Equal for the same state of the same file only. Says things about this machine: not for peers. */
  readonly token: string;
}

export class Source {
  readonly version: FileVersion;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, version: FileVersion) {
    this.#file = file;
    this.version = version;
  }

  /** Rejects with `not-found`, `bad-argument` (not a regular file), `limit` (too large) or `io`. */
  static async open(path: string): Promise<Source> {
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (["ELOOP", "ENXIO"].includes((error as NodeJS.ErrnoException).code ?? "")) throw notRegular(error);
      throw fromPlatform(error, "read the file");
    }
    return Source.of(file);
  }

  /** The file is the source's from now on. Rejects as `open` does. */
  static async of(file: FileHandle): Promise<Source> {
    try {
      let stat = await file.stat({ bigint: true });
      if (!stat.isFile()) throw notRegular();
      const ageMs = Date.now() - Number(stat.ctimeMs);
      if (ageMs >= 0 && ageMs < TICK_MS) {
        // A change still to come in this tick of the file system's clock would not show.
        await sleep(TICK_MS);
        stat = await file.stat({ bigint: true });
      }
      return new Source(file, versionOf(stat));
    } catch (error) {
      await file.close();
      throw fromPlatform(error, "read the file");
    }
  }

  /**
   * The blocks in the order asked for, read ahead into the buffers, each behind the headroom of its buffer. Rejects with `changed`
   * when the file is shorter than it was.
   */
  async *read(
    blocks: Iterable<number>,
    buffers: BlockBuffers,
  ): AsyncGenerator<{ readonly block: number; readonly bytes: Buffer }> {
    const ahead: { block: number; bytes: Promise<Buffer> }[] = [];
    const order = blocks[Symbol.iterator]();
    try {
      for (;;) {
        while (ahead.length < LIMITS.blobReadAheadBlocks) {
          const next = order.next();
          if (next.done === true) break;
          const bytes = this.#readBlock(next.value, buffers);
          bytes.catch(() => {});
          ahead.push({ block: next.value, bytes });
        }
        const first = ahead.shift();
        if (first === undefined) return;
        yield { block: first.block, bytes: await first.bytes };
      }
    } finally {
      await Promise.allSettled(ahead.map(({ bytes }) => bytes));
    }
  }

  /** Rejects with `changed` unless everything read so far belongs to `version`. */
  async check(): Promise<void> {
    const now = versionOf(await this.#file.stat({ bigint: true }));
    if (now.token !== this.version.token) throw changed();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #readBlock(block: number, buffers: BlockBuffers): Promise<Buffer> {
    const { headroom } = buffers;
    const length = blockLength(this.version.size, block);
    const bytes = buffers.take(length);
    let at = 0;
    try {
      while (at < length) {
        const position = block * LIMITS.blockBytes + at;
        const { bytesRead } = await this.#file.read(bytes, headroom + at, length - at, position);
        if (bytesRead === 0) throw changed();
        at += bytesRead;
      }
    } catch (error) {
      throw fromPlatform(error, "read the file");
    }
    return bytes;
  }
}

function versionOf(stat: BigIntStats): FileVersion {
  return {
    size: checkBlobSize(Number(stat.size)),
    mtimeMs: Number(stat.mtimeMs),
    executable: (stat.mode & 0o100n) !== 0n,
    token: [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":"),
  };
}

const changed = (): CoveyError => new CoveyError("changed", "the file changed while it was read");

const notRegular = (cause?: unknown): CoveyError =>
  new CoveyError("bad-argument", "this is not a regular file", {
    hint: "Name a file; directories, pipes and devices can't be sent.",
    cause,
  });
