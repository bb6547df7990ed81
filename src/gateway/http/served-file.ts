// A file while it is served: read in place, and known by its version. Whoever uses it holds it; it is closed when nobody does.

import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";

import { sleep } from "../../core/async.ts";
import type { FoundFile } from "./open-below.ts";

/** A file's times come from a clock that ticks this coarsely at worst: two changes within one tick look like one. */
const TICK_MS = 20;

export class ServedFile {
  readonly size: number;
  readonly mtimeMs: number;
  /** When anything about it changed last. */
  readonly changedMs: number;
  /** Equal for the same state of the same file only. Says things about this machine: not for clients. */
  readonly version: string;
  readonly #handle: FileHandle;
  readonly #stat: BigIntStats;
  #holders = 1;

  private constructor(handle: FileHandle, stat: BigIntStats) {
    this.#handle = handle;
    this.#stat = stat;
    this.size = Number(stat.size);
    this.mtimeMs = Number(stat.mtimeMs);
    this.changedMs = Math.max(this.mtimeMs, Number(stat.ctimeMs));
    this.version = versionOf(stat);
  }

  /** The handle is the file's from now on. Held once. */
  static async of({ handle, stat }: Pick<FoundFile, "handle" | "stat">): Promise<ServedFile> {
    try {
      const ageMs = Date.now() - Number(stat.ctimeMs);
      if (ageMs < 0 || ageMs >= TICK_MS) return new ServedFile(handle, stat);
      // A change still to come in this tick of the file system's clock would not show.
      await sleep(TICK_MS);
      return new ServedFile(handle, await handle.stat({ bigint: true }));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  hold(): this {
    this.#holders++;
    return this;
  }

  async release(): Promise<void> {
    if (--this.#holders === 0) await this.#handle.close();
  }

  /** Fills the buffer from `position` on; false when the file has less. */
  async readInto(buffer: Buffer, position: number): Promise<boolean> {
    for (let at = 0; at < buffer.length;) {
      const { bytesRead } = await this.#handle.read(buffer, at, buffer.length - at, position + at);
      if (bytesRead === 0) return false;
      at += bytesRead;
    }
    return true;
  }

  /** All of it, as it is at `version`; undefined when it has changed meanwhile. */
  async readWhole(): Promise<Buffer | undefined> {
    // Of its own: a small part of a block that is shared with others would keep all of that in memory.
    const bytes = Buffer.allocUnsafeSlow(this.size);
    return (await this.readInto(bytes, 0)) && (await this.isUnchanged()) ? bytes : undefined;
  }

  /** Whether all that was read so far belongs to `version`. */
  async isUnchanged(): Promise<boolean> {
    return versionOf(await this.#handle.stat({ bigint: true })) === this.version;
  }

  /** Whether all that was read so far is of one state: a new name or right, another file in its place or none change no byte of it. */
  async hasSameBytes(): Promise<boolean> {
    const stat = await this.#handle.stat({ bigint: true });
    return stat.size === this.#stat.size && stat.mtimeNs === this.#stat.mtimeNs;
  }
}

export const versionOf = (stat: BigIntStats): string => [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":");
