// The answer to files/fetch, once it is clear which file it is of.
//
//   1. the version that is asked for, or "changed"
//   2. blocks in the order asked for, each read ahead, hashed and written once; nobody waits for the hash of the whole
//   3. the rest is hashed if it must be, the version checked once more, and END names the blob

import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { encodeCbor } from "../../../core/cbor.ts";
import { fromHex, u16 } from "../../../core/bytes.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HASH_BYTES, type BlockRange } from "../../../blob/manifest.ts";
import { BlockBuffers } from "../../../blob/block-buffers.ts";
import type { Source } from "../../../blob/source.ts";
import type { Call, Stream } from "../../../session/contract.ts";
import { countsOf } from "./counts.ts";
import { InFlight } from "./in-flight.ts";
import type { SourceHashes } from "./source-hashes.ts";
import { cutWhenStalled } from "./watchdog.ts";
import { blocksOf, readRanges, RECORD, type FetchArgs } from "./wire.ts";

/** A file that the peer may read, open. */
export interface ServedFile {
  readonly source: Source;
  readonly hashes: SourceHashes;
  /** What the peer calls the version. */
  readonly token: string;
}

interface SendNeeds {
  readonly clock: Clock;
  /** So many bytes were there before. */
  onStart(bytes: number): void;
  /** The receiver has so many bytes. */
  onCount(bytes: number): void;
  /** Everything has gone by: noted before the receiver hears of it. */
  onWhole(hashes: SourceHashes): Promise<void>;
}

const HEADER_BYTES = 1 + HASH_BYTES;
/** How often the version is looked at while blocks are sent. */
const BLOCKS_PER_CHECK = 8;

/** Resolves when the receiver has everything and has ended its side. */
export async function sendBlocks(
  needs: SendNeeds,
  call: Call,
  file: ServedFile,
  args: FetchArgs,
  signal: AbortSignal,
): Promise<void> {
  const { source, hashes, token } = file;
  const { size } = source.version;
  if (args.size !== size || (args.token !== undefined && args.token !== token))
    throw new CoveyError("changed", "the file is not what it was");
  const ranges = readRanges(args.ranges, hashes.manifest.blocks);
  if (ranges === undefined) throw new CoveyError("protocol", "the ranges do not fit the file");

  const watched = cutWhenStalled(await call.accept({ token }));
  const { stream } = watched;
  const cut = (): void => stream.reset();
  signal.addEventListener("abort", cut, { once: true });
  const had = size - ranges.reduce((sum, { from, count }) => sum + lengthOf(size, from, count), 0);
  const flight = new InFlight(new BlockBuffers(HEADER_BYTES, size), had);
  needs.onStart(had);
  const listening = listen(needs, stream, size, flight);
  listening.catch(() => {});
  try {
    signal.throwIfAborted();
    await send(needs.clock, stream, file, ranges, flight).catch((error: unknown) => sayWhy(stream, error));
    await needs.onWhole(hashes);
    await stream.write(Buffer.concat([Buffer.of(RECORD.end), fromHex(hashes.manifest.blobId())!]));
    await stream.end();
    await listening;
  } finally {
    watched.stop();
    signal.removeEventListener("abort", cut);
    await hashes.save();
  }
}

async function send(
  clock: Clock,
  stream: Stream,
  { source, hashes }: ServedFile,
  ranges: readonly BlockRange[],
  flight: InFlight,
): Promise<void> {
  let sent = 0;
  for await (const { block, bytes } of source.read(blocksOf(ranges), flight.buffers)) {
    bytes[0] = RECORD.block;
    bytes.set(hashes.add(block, bytes.subarray(HEADER_BYTES)), 1);
    if (++sent % BLOCKS_PER_CHECK === 0) await source.check();
    flight.sent(bytes);
    await stream.write(bytes);
    await hashes.saveSome();
  }
  await hashRest(clock, stream, source, hashes);
  await source.check();
}

/** What was not asked for in this life still belongs into the blob's id. The receiver hears that we are alive meanwhile. */
async function hashRest(clock: Clock, stream: Stream, source: Source, hashes: SourceHashes): Promise<void> {
  let toldAtMs = clock.monotonicMs();
  const buffers = new BlockBuffers(0, source.version.size);
  for await (const { block, bytes } of source.read(hashes.unknown(), buffers)) {
    hashes.add(block, bytes);
    buffers.give(bytes);
    await hashes.saveSome();
    if (clock.monotonicMs() - toldAtMs < LIMITS.fileBusyMs) continue;
    toldAtMs = clock.monotonicMs();
    await stream.write(Buffer.of(RECORD.busy));
  }
}

/** The receiver's counts of what is verified and written there. */
async function listen({ onCount }: SendNeeds, stream: Stream, size: number, flight: InFlight): Promise<void> {
  for await (const count of countsOf(stream)) {
    const done = count > BigInt(size) ? size : Number(count);
    flight.acknowledged(done);
    onCount(done);
  }
}

const lengthOf = (size: number, from: number, count: number): number =>
  Math.min(size, (from + count) * LIMITS.blockBytes) - from * LIMITS.blockBytes;

/** Tells the receiver, if it can still be told, and gives up. Only `changed` says more than that the file can't be read. */
async function sayWhy(stream: Stream, error: unknown): Promise<never> {
  const { code, message } = fromPlatform(error, "read the file");
  if (code !== "closed") {
    const body = encodeCbor({ code, message: code === "changed" ? message : "the file can't be read" });
    await stream.write(Buffer.concat([Buffer.of(RECORD.problem), u16(body.length), body]));
    await stream.end();
  }
  throw error;
}
