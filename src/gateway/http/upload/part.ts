// One file of an upload: its bytes go to a hidden file of ours, block by block, and appear under a free name when they are durable.

import { randomBytes } from "node:crypto";
import { lstat, readdir, unlink } from "node:fs/promises";
import { basename, join } from "node:path";

import { safeFileName } from "../../../blob/names.ts";
import { Sink } from "../../../blob/sink.ts";
import type { Clock } from "../../../core/clock.ts";
import { LIMITS } from "../../../core/limits.ts";

/** What of a file may have come and not be on the disk yet: a block that fills, and one that is written. */
export const HELD_BYTES = 2 * LIMITS.blockBytes;

const KEY = "upload-";
const ABANDONED = new RegExp(`^\\.covey-${KEY}[0-9a-f]+\\.part$`);

export interface ReceivedFile {
  /** What the client calls it. */
  readonly given: string;
  /** What it is called here. */
  readonly name: string;
  readonly size: number;
}

interface PartNeeds {
  readonly into: string;
  readonly clock: Clock;
  /** Whether more may be written; asked before each block. */
  check(): Promise<void>;
  /** Aborted when what was read may not be all of it: a stream that is cut ends like any other. */
  readonly signal: AbortSignal;
}

/**
 * Whatever happens, nothing but the whole file is left. undefined: it has neither a name nor a byte, which is what a form says of no file
 * chosen. Rejects with what the file system says, what `check` throws, or the signal's reason.
 */
export async function receiveFile(
  bytes: NodeJS.ReadableStream,
  given: string,
  needs: PartNeeds,
): Promise<ReceivedFile | undefined> {
  const { into, clock } = needs;
  const sink = await Sink.create(into, `${KEY}${randomBytes(12).toString("hex")}`, 0);
  try {
    const size = await writeBlocks(bytes, sink, needs);
    needs.signal.throwIfAborted();
    if (given === "" && size === 0) return undefined;
    const path = await sink.place(into, safeFileName(ownName(given)), { mtimeMs: clock.nowMs(), executable: false });
    return { given, name: basename(path), size };
  } finally {
    await sink.discard();
  }
}

/** Forms send a quote as %22, and some clients a path. */
const ownName = (given: string): string => given.slice(given.lastIndexOf("/") + 1).replaceAll("%22", '"');

/** See HELD_BYTES. */
async function writeBlocks(bytes: NodeJS.ReadableStream, sink: Sink, { check }: PartNeeds): Promise<number> {
  let [filling, spare] = [Buffer.allocUnsafe(0), Buffer.allocUnsafe(0)];
  let used = 0;
  let block = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await Promise.all([writing, check()]);
    const { promise, resolve } = Promise.withResolvers<void>();
    writing = promise;
    await sink.write(block++, filling.subarray(0, used), resolve);
    [filling, spare, used] = [spare, filling, 0];
  };
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      if (filling.length === 0) filling = Buffer.allocUnsafeSlow(LIMITS.blockBytes);
      const copied = chunk.copy(filling, used, at);
      used += copied;
      at += copied;
      if (used === LIMITS.blockBytes) await flush();
    }
  }
  const size = block * LIMITS.blockBytes + used;
  if (used > 0) await flush();
  await writing;
  return size;
}

/** Removes what a crash has left here: hidden files of uploads that nobody has written to for a while. */
export async function removeAbandoned(into: string, clock: Clock): Promise<void> {
  for (const name of await readdir(into)) {
    if (!ABANDONED.test(name)) continue;
    const path = join(into, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile() === true && clock.nowMs() - found.mtimeMs > LIMITS.uploadAbandonedMs) await unlink(path).catch(() => {});
  }
}
