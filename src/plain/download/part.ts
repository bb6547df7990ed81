// The partial file of one download.
//
//   1. claim: what an earlier run left of the same address, if there is something
//   2. begin, with nothing, or resume, behind what is there, which is read and hashed once
//   3. write: bytes are gathered, hashed and written, one piece while the next is gathered; now and then they are made durable, and
//      the record beside the file says how far
//   4. place: under its name; or leave: kept for the next run

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import { createHasher, type Hasher } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkSpace, createTemp, placeAs, placeFree, removeTemp, type TempFile, tempPath } from "../../blob/placing.ts";
import type { Remainder } from "../http/request.ts";
import { beginRun, type DownloadRecord, endRun, keyOf, removeRecord, saveRecord, takeLeft } from "./record.ts";

/** Of the file at the server, what tells one version from another. */
export interface Version {
  /** undefined: the server did not say. */
  readonly size: number | undefined;
  /** undefined: it can't be gone on with. */
  readonly validator: string | undefined;
}

export class Part {
  readonly #directory: string;
  readonly #url: URL;
  readonly #key: string;
  readonly #run = randomBytes(4).toString("hex");
  #left: DownloadRecord | undefined;
  #file: FileHandle | undefined;
  #temp: TempFile | undefined;
  #version: Version = { size: undefined, validator: undefined };
  #hasher: Hasher = createHasher();
  /** What came last, and is not being written yet. */
  #gathered = Buffer.allocUnsafeSlow(LIMITS.blockBytes);
  #gatheredBytes = 0;
  #spare = Buffer.alloc(0);
  #writing: Promise<void> | undefined;
  #written = 0;
  #saving: Promise<void> | undefined;
  #savedAtMs = performance.now();
  #isSaved = false;
  #failure: CoveyError | undefined;

  private constructor(directory: string, url: URL, key: string) {
    this.#directory = directory;
    this.#url = url;
    this.#key = key;
  }

  /** Whoever has it ends it with `place`, or `leave`. */
  static async claim(directory: string, url: URL): Promise<Part> {
    const part = new Part(directory, url, keyOf(url));
    beginRun(part.#key, part.#run);
    try {
      part.#left = await takeLeft(directory, part.#key, part.#run);
      if (part.#left !== undefined) await part.#openLeft(part.#left);
      return part;
    } catch (error) {
      await part.leave({ keep: true });
      throw error;
    }
  }

  /** What is still to be asked for; undefined: all of it. */
  get remainder(): Remainder | undefined {
    if (this.#left === undefined || this.#left.validator === null) return undefined;
    const { doneBytes, size, validator } = this.#left;
    // Of a file that is all there the last byte is asked for again, which also shows that it is still the same.
    const from = size === null ? doneBytes : Math.min(doneBytes, size - 1);
    return from > 0 ? { from, validator } : undefined;
  }

  /** What the record says of the file's length. */
  get leftSize(): number | undefined {
    return this.#left?.size ?? undefined;
  }

  /** What came, with what was there. */
  get doneBytes(): number {
    return this.#written + this.#gatheredBytes;
  }

  /** Forgets what was left. Rejects with `no-space` when it does not fit. */
  async begin(version: Version): Promise<void> {
    await this.#drop();
    const { file, temp } = await createTemp(this.#directory, `${this.#key}-${this.#run}`, version.size ?? 0);
    this.#file = file;
    this.#temp = temp;
    this.#version = version;
  }

  /** Goes on from where `remainder` said. */
  async resume(version: Version, signal: AbortSignal | undefined): Promise<void> {
    const { from } = this.remainder!;
    await checkSpace(this.#directory, (version.size ?? from) - from);
    this.#version = version;
    for (let at = 0; at < from;) {
      signal?.throwIfAborted();
      const { bytesRead } = await this.#file!.read(this.#gathered, 0, Math.min(this.#gathered.length, from - at), at);
      if (bytesRead === 0) throw new CoveyError("io", "the partial file is shorter than it was", { hint: "Try again." });
      this.#hasher.update(this.#gathered.subarray(0, bytesRead));
      at += bytesRead;
    }
    this.#written = from;
  }

  /** Copies the bytes; resolves when there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#hasher.update(bytes);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.#gathered.length - this.#gatheredBytes);
      this.#gathered.set(part, this.#gatheredBytes);
      this.#gatheredBytes += part.length;
      at += part.length;
      if (this.#gatheredBytes === this.#gathered.length) await this.#writeGathered();
    }
    // By time alone: what a kill costs takes no longer to be fetched again.
    if (performance.now() - this.#savedAtMs >= LIMITS.checkpointMs) await this.#checkpoint();
  }

  /** BLAKE3 in hex, of all that came. Once. */
  blake3(): string {
    return this.#hasher.digest().toString("hex");
  }

  /** Puts it in its place. Rejects with `conflict` when it is not to be put there. */
  async place(name: string, conflict: "rename" | "skip" | "overwrite", mtimeMs: number): Promise<string> {
    await this.#settle();
    const file = this.#file!;
    const temp = this.#temp!;
    await this.#assertOurs(temp);
    // A run that was killed may have written on behind its last record.
    await this.#try(() => file.truncate(this.#written), "write the file");
    const placeable = { file, temp, flush: (work: () => Promise<void>) => this.#try(work, "make the file durable") };
    const facts = { mtimeMs, executable: false };
    const path =
      conflict === "rename"
        ? await placeFree(placeable, this.#directory, name, facts)
        : await placeAs(placeable, this.#directory, name, facts, { overwrite: conflict === "overwrite" });
    if (path === undefined) throw alreadyThere(name);
    await this.leave({ keep: false });
    return path;
  }

  /** `keep`: for the next run, if it can go on with it. Never rejects. */
  async leave({ keep }: { readonly keep: boolean }): Promise<void> {
    try {
      if (keep && this.#file !== undefined) await this.#keep();
      else await this.#drop();
    } finally {
      await this.#file?.close().catch(() => {});
      this.#file = undefined;
      endRun(this.#key, this.#run);
    }
  }

  async #openLeft(left: DownloadRecord): Promise<void> {
    const path = tempPath(this.#directory, `${this.#key}-${this.#run}`);
    this.#temp = { path, device: left.device, inode: left.inode };
    this.#isSaved = true;
    try {
      this.#file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      throw fromPlatform(error, "open the partial file");
    }
    const { dev, ino, nlink, size } = await this.#file.stat({ bigint: true });
    // Of two names, it is in its place already, and somebody may be changing it there.
    const isSame = String(dev) === left.device && String(ino) === left.inode && nlink === 1n && size >= left.doneBytes;
    if (!isSame) return void (this.#left = undefined);
    this.#version = { size: left.size ?? undefined, validator: left.validator ?? undefined };
    this.#written = left.doneBytes;
  }

  async #writeGathered(): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
    const piece = this.#gathered.subarray(0, this.#gatheredBytes);
    const at = this.#written;
    const full = this.#gathered;
    this.#gathered = this.#spare.length > 0 ? this.#spare : Buffer.allocUnsafeSlow(LIMITS.blockBytes);
    this.#spare = full;
    this.#written += piece.length;
    this.#gatheredBytes = 0;
    this.#writing = this.#try(() => writeAll(this.#file!, piece, at), "write the file").catch(() => {});
  }

  /** Begins one, which goes on while more comes in; waits for the last one. */
  async #checkpoint(): Promise<void> {
    await this.#saving;
    if (this.#gatheredBytes > 0) await this.#writeGathered();
    this.#savedAtMs = performance.now();
    this.#saving = this.#save(true).catch(() => {});
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #save(isHeld: boolean): Promise<void> {
    const doneBytes = this.#written;
    await this.#writing;
    await this.#try(async () => {
      await this.#file!.datasync();
      const { path, device, inode } = this.#temp!;
      const { size = null, validator = null } = this.#version;
      await saveRecord(path, { url: this.#url.href, device, inode, size, doneBytes, validator }, isHeld);
    }, "make the file durable");
    this.#isSaved = true;
  }

  /** All that came is in the file. */
  async #settle(): Promise<void> {
    await this.#writeGathered();
    await this.#writing;
    await this.#saving;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What a failed write or flush left in the page cache can't be known, unless there was just no room: the last record stays true. */
  async #keep(): Promise<void> {
    try {
      if (this.#version.validator === undefined || this.doneBytes === 0) return await this.#drop();
      await this.#settle();
      await this.#save(false);
    } catch {
      if (this.#failure?.code !== "no-space" || !this.#isSaved) await this.#drop();
    }
  }

  async #drop(): Promise<void> {
    await this.#writing;
    await this.#saving;
    await this.#file?.close().catch(() => {});
    this.#file = undefined;
    if (this.#temp !== undefined) {
      await removeTemp(this.#temp);
      await removeRecord(this.#temp.path).catch(() => {});
    }
    this.#temp = undefined;
    this.#left = undefined;
    this.#isSaved = false;
    this.#hasher = createHasher();
    this.#written = 0;
    this.#gatheredBytes = 0;
  }

  async #assertOurs({ path, device, inode }: TempFile): Promise<void> {
    const stat = await lstat(path, { bigint: true }).catch(() => undefined);
    if (stat !== undefined && String(stat.dev) === device && String(stat.ino) === inode) return;
    throw new CoveyError("io", "the partial file was taken away while it was written", { hint: "Try again." });
  }

  async #try(work: () => Promise<void>, doing: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw (this.#failure ??= fromPlatform(error, doing));
    }
  }
}

export function alreadyThere(name: string): CoveyError {
  return new CoveyError("conflict", `there is a ${JSON.stringify(name)} already, and it was left as it is`, {
    hint: "Choose another name, or have it replaced.",
  });
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
