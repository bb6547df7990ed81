// Bytes that are no file yet, on their way to become an offer: they go into a private file, and when they have ended whole and lie on
// disk, the file is handed over. Whatever cuts them before leaves nothing.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, mkdir, open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { createTurns } from "../../core/async.ts";
import { syncDirectory } from "../../core/atomic-file.ts";
import { CoveyError, fromPlatform } from "../../core/errors.ts";
import { checkOwnedAndClosed } from "../../identity/private-file.ts";
import type { Stream } from "../../session/contract.ts";

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * A duplex that takes the bytes, and answers, once they have ended, with what `handOver` resolves to, as JSON; when that rejects, the
 * file is removed. Fails with `no-space` and the like.
 */
export async function spool(directory: string, handOver: (path: string) => Promise<unknown>): Promise<Stream> {
  const path = join(directory, randomBytes(16).toString("hex"));
  try {
    await mkdir(directory, { mode: 0o700, recursive: true });
    checkOwnedAndClosed(directory, await lstat(directory), 0o700);
    return new Spool(directory, path, await open(path, CREATE, 0o600), handOver);
  } catch (error) {
    throw fromPlatform(error, "keep what is to be sent");
  }
}

class Spool implements Stream {
  readonly #directory: string;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #handOver: (path: string) => Promise<unknown>;
  readonly #turn = createTurns();
  readonly #answer = Promise.withResolvers<Buffer>();
  readonly #closed = Promise.withResolvers<CoveyError | undefined>();
  #state: "taking" | "ended" | "over" = "taking";
  #told = false;

  constructor(directory: string, path: string, file: FileHandle, handOver: (path: string) => Promise<unknown>) {
    this.#directory = directory;
    this.#path = path;
    this.#file = file;
    this.#handOver = handOver;
    // Whoever still writes hears of it there.
    this.#answer.promise.catch(() => {});
  }

  get closed(): Promise<CoveyError | undefined> {
    return this.#closed.promise;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#step(async () => {
      for (let at = 0; at < chunk.length;) at += (await this.#file.write(chunk, at)).bytesWritten;
    });
  }

  end(): Promise<void> {
    return this.#step(async () => {
      this.#state = "ended";
      await this.#file.sync();
      await this.#file.close();
      await syncDirectory(this.#directory);
      const answer = await this.#handOver(this.#path);
      this.#answer.resolve(Buffer.from(JSON.stringify(answer)));
    });
  }

  async read(): Promise<Buffer | null> {
    const answer = await this.#answer.promise;
    if (!this.#told) {
      this.#told = true;
      return answer;
    }
    this.#state = "over";
    this.#closed.resolve(undefined);
    return null;
  }

  /** Once all of it came, it is handed over whether somebody waits for the answer or not. */
  reset(): void {
    const why = new CoveyError("closed", "what was to be sent was cut before its end");
    void this.#turn(async () => (this.#state === "taking" ? this.#fail(why) : this.#closed.resolve(why)));
  }

  /** One after the other; the first that fails is what ends it. */
  #step(work: () => Promise<void>): Promise<void> {
    return this.#turn(async () => {
      if (this.#state !== "taking") {
        await this.#answer.promise;
        return;
      }
      try {
        await work();
      } catch (error) {
        const why = fromPlatform(error, "keep what is to be sent");
        await this.#fail(why);
        throw why;
      }
    });
  }

  /** Whoever hears of it finds nothing left. */
  async #fail(why: CoveyError): Promise<void> {
    this.#state = "over";
    await this.#file.close().catch(() => {});
    await rm(this.#path, { force: true }).catch(() => {});
    this.#answer.reject(why);
    this.#closed.resolve(why);
  }
}
