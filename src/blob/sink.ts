// A file that is received: every byte goes to a private temp file in the target's directory, and the name appears last.
//
//   1. create: a hidden name of ours, exclusively, no link followed, readable by the user only
//   2. write: verified blocks, each at its place
//   3. sync: what was written is durable; only then may anybody say so
//   4. place: mode, time and bytes made durable, then linked under the first free name, never over another file; or `placeAs`: under this
//      name only, over a regular file when that was asked for

import { constants } from "node:fs";
import { lstat, open, rename, link, statfs, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { createHasher } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import { BlockWriter } from "./block-writer.ts";
import type { Manifest } from "./manifest.ts";
import { freeNames } from "./names.ts";

// Asking for the umask sets it for a moment: once, before there are files to make in other threads.
// oxlint-disable-next-line typescript/no-deprecated
const UMASK = process.umask();
const PLAIN_MODE = 0o666 & ~UMASK;
const EXECUTABLE_MODE = 0o777 & ~UMASK;

/** What a file keeps of what it was at the sender's. */
interface FileFacts {
  readonly mtimeMs: number;
  readonly executable: boolean;
}

/** Enough to find the temp file again, and to know that it is the same one. JSON-plain. */
export interface TempFile {
  readonly path: string;
  readonly device: string;
  readonly inode: string;
}

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
    await checkSpace(directory, size);
    const path = tempPath(directory, key);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const create = (): Promise<FileHandle> => open(path, flags, 0o600);
    try {
      const file = await create().catch(async (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        await unlink(path);
        return create();
      });
      const stat = await file.stat({ bigint: true });
      return new Sink(file, { path, device: String(stat.dev), inode: String(stat.ino) }, size);
    } catch (error) {
      throw fromPlatform(error, "create a file in the target directory");
    }
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
    await this.#complete(facts);
    for (const name of freeNames(safeName)) {
      const path = join(directory, name);
      if (!(await this.#linkTo(path))) continue;
      try {
        await this.#blocks.flush(() => syncDirectory(directory));
      } catch (error) {
        // What is not acknowledged is not shown either.
        await unlink(path).catch(() => {});
        throw error;
      }
      return path;
    }
    throw new CoveyError("conflict", `${LIMITS.freeNames} names beside "${safeName}" are taken`, {
      hint: "Receive it into another directory.",
    });
  }

  /**
   * The same under this name only. Resolves to undefined when that is taken and nothing is to be replaced; rejects with `conflict` when
   * what should be replaced is no regular file.
   */
  async placeAs(
    directory: string,
    name: string,
    facts: FileFacts,
    { overwrite }: { readonly overwrite: boolean },
  ): Promise<string | undefined> {
    await this.#complete(facts);
    const path = join(directory, name);
    if (!(await this.#linkTo(path))) {
      if (!overwrite) return undefined;
      await this.#replace(path);
    }
    await this.#blocks.flush(() => syncDirectory(directory));
    return path;
  }

  close(): Promise<void> {
    return this.#blocks.close();
  }

  /** Closes, and removes the temp name. */
  async discard(): Promise<void> {
    await this.close();
    await removeTemp(this.temp);
  }

  async #complete({ mtimeMs, executable }: FileFacts): Promise<void> {
    await this.#blocks.drain();
    // A Date: Node takes a negative number for "now".
    const mtime = new Date(mtimeMs);
    await this.#blocks.flush(async () => {
      await this.#file.chmod(executable ? EXECUTABLE_MODE : PLAIN_MODE);
      await this.#file.utimes(mtime, mtime);
      await this.#file.sync();
    });
  }

  /** By one rename: whoever looks finds the old file or the new one. A link of that name is not followed. */
  async #replace(path: string): Promise<void> {
    const second = secondPath(this.temp.path);
    try {
      const found = await lstat(path);
      if (!found.isFile())
        throw new CoveyError("conflict", `${JSON.stringify(path)} is not a file, and is not replaced by one`, {
          hint: "Choose another name or directory for it.",
        });
      await unlink(second).catch(() => {});
      // Of two names, so that the first one is still there after a crash; without hard links, of one.
      const from = await link(this.temp.path, second).then(
        () => second,
        () => this.temp.path,
      );
      await rename(from, path);
    } catch (error) {
      await unlink(second).catch(() => {});
      throw fromPlatform(error, "put the file in its place");
    }
  }

  #hashNext(block: number, bytes: Uint8Array): void {
    if (block !== this.#plainNext) return;
    this.#plain.update(bytes);
    this.#plainNext++;
  }

  /** False when the name is taken by another file. */
  async #linkTo(path: string): Promise<boolean> {
    try {
      await link(this.temp.path, path);
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EEXIST") return this.#isAt(path);
      // File systems without hard links: take the name with an empty file of ours, then rename over that one.
      if (code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS") return this.#renameTo(path);
      throw fromPlatform(error, "put the file in its place");
    }
  }

  async #renameTo(path: string): Promise<boolean> {
    try {
      const placeholder = await open(
        path,
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600,
      );
      await placeholder.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw fromPlatform(error, "put the file in its place");
    }
    try {
      await rename(this.temp.path, path);
      return true;
    } catch (error) {
      await unlink(path).catch(() => {});
      throw fromPlatform(error, "put the file in its place");
    }
  }

  async #isAt(path: string): Promise<boolean> {
    const stat = await lstat(path, { bigint: true }).catch(() => undefined);
    return stat !== undefined && String(stat.dev) === this.temp.device && String(stat.ino) === this.temp.inode;
  }
}

/** Where the bytes are until the file is whole. */
export const tempPath = (directory: string, key: string): string => join(directory, `.covey-${key}.part`);

/** Another name for the same file, for the moment in which it replaces one. */
const secondPath = (path: string): string => path.replace(/\.part$/, "-2.part");

/** Removes what `Sink` left under its names, if it is still that file. */
export async function removeTemp(temp: TempFile): Promise<void> {
  for (const path of [secondPath(temp.path), temp.path]) {
    const stat = await lstat(path, { bigint: true }).catch(() => undefined);
    if (stat === undefined || String(stat.dev) !== temp.device || String(stat.ino) !== temp.inode) continue;
    await unlink(path).catch(() => {});
  }
}

/** Rejects with `no-space` when `bytes` more do not fit beside what is there. */
async function checkSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory, { bigint: true }).catch((error: unknown) => {
    throw fromPlatform(error, "look at the target directory");
  });
  if (bavail * bsize >= BigInt(bytes)) return;
  throw new CoveyError("no-space", `the disk has no room for ${bytes} bytes`, {
    hint: "Free some space; the transfer then goes on by itself.",
    details: { neededBytes: bytes, freeBytes: Number(bavail * bsize) },
  });
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
