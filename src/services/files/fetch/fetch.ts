// The asking side of files/fetch: one attempt to get what is missing of one file from the peer that has it.
//
//   1. ask for the ranges that are missing
//   2. every block: hash as it comes in, compare, and only then hand it on
//   3. tell the sender what is verified and written, now and then
//   4. END names the blob: the caller compares it with what arrived, whatever the sender does from there on

import type { Clock } from "../../../core/clock.ts";
import { CoveyError, errorFromJson } from "../../../core/errors.ts";
import { hash } from "../../../core/hash.ts";
import { u64 } from "../../../core/bytes.ts";
import { LIMITS } from "../../../core/limits.ts";
import { blockLength, HASH_BYTES, type BlockRange, type Manifest } from "../../../blob/manifest.ts";
import { BlockBuffers } from "../../../blob/block-buffers.ts";
import type { Session, Stream } from "../../../session/contract.ts";
import { linger } from "../../../session/linger.ts";
import { createStreamReader, type StreamReader } from "../../../session/stream-io.ts";
import { Pace, paced } from "./pace.ts";
import { faultOf, fromPeer, RemoteError, type RemoteFault } from "./remote.ts";
import { cutWhenStalled, type WatchedStream } from "./watchdog.ts";
import { blocksOf, FETCH_ROUTE, flattenRanges, parseFetchAnswer, parseProblem, RECORD } from "./wire.ts";

/** A file of the other side: what was offered, or with a path one inside of it. */
export interface BlockRequest {
  readonly offer: string;
  readonly path?: string;
  readonly size: number;
  /** What the sender calls the version that the blocks which are here came from. */
  readonly token: string | undefined;
}

/** Where the blocks go. What is missing is asked for in order. */
export interface BlockTarget {
  readonly manifest: Manifest;
  /** A block that agrees with its hash. Resolves when there is room for the next; `written` is called when its bytes are free. */
  add(block: number, hash: Buffer, bytes: Buffer, written: () => void): Promise<void>;
}

export interface FetchNeeds {
  readonly clock: Clock;
  /** Whether somebody else waits for the place that this transfer has. */
  placeWanted(): boolean;
  /** Of the first request: what the sender calls the version, noted before any block comes. */
  onToken(token: string): Promise<void>;
  /** The target has taken a block of so many bytes. */
  onBlock(bytes: number): void;
}

/** complete: everything asked for is here, and the sender says that it is this blob. What goes wrong on this side is thrown. */
export type FetchOutcome = { readonly type: "complete"; readonly blob: string } | RemoteFault;

export async function fetchMissing(
  needs: FetchNeeds,
  session: Session,
  request: BlockRequest,
  target: BlockTarget,
  signal: AbortSignal,
): Promise<FetchOutcome> {
  try {
    const ranges = target.manifest.missing(LIMITS.fetchRanges);
    const watched = cutWhenStalled(await ask(needs, session, request, ranges, signal));
    const { stream } = watched;
    const abort = (): void => stream.reset();
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      const blob = await receive(needs, stream, target, ranges);
      void takeLeave(watched, target.manifest.knownBytes);
      return { type: "complete", blob };
    } catch (error) {
      watched.stop();
      stream.reset();
      signal.throwIfAborted();
      throw watched.stalled ? new RemoteError(stalled()) : error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  } catch (error) {
    return faultOf(error);
  }
}

async function ask(
  { onToken }: FetchNeeds,
  session: Session,
  { token, ...request }: BlockRequest,
  ranges: readonly BlockRange[],
  signal: AbortSignal,
): Promise<Stream> {
  const args = { ...request, ...(token === undefined ? {} : { token }), ranges: flattenRanges(ranges) };
  const { value, stream } = await fromPeer(async () => session.open(FETCH_ROUTE, args, { signal })).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  try {
    const answer = await fromPeer(() => parseFetchAnswer(value));
    if (token !== undefined && answer.token !== token)
      throw new RemoteError(new CoveyError("protocol", "the sender answered with another version than was asked for"));
    if (token === undefined) await onToken(answer.token);
    return stream;
  } catch (error) {
    stream.reset();
    throw error;
  }
}

async function receive(
  { clock, placeWanted, onBlock }: FetchNeeds,
  stream: Stream,
  target: BlockTarget,
  ranges: readonly BlockRange[],
): Promise<string> {
  const { manifest } = target;
  const pace = new Pace();
  const yieldPlace = (): void => {
    if (pace.slow && placeWanted()) throw new CoveyError("timeout", "it was slow, and gave its place to a transfer that waits");
  };
  const reader = createStreamReader(paced(stream, pace, clock, yieldPlace), "the file");
  const blocks = blocksOf(ranges)[Symbol.iterator]();
  const buffers = new BlockBuffers(0, manifest.size);
  let toldAtMs = clock.monotonicMs();
  let toldBytes = manifest.knownBytes;
  for (;;) {
    const kind = await fromPeer(async () => (await reader.readExactly(1, 1))[0]!);
    if (kind === RECORD.busy) {
      pace.sign(1);
      continue;
    }
    if (kind === RECORD.problem) throw new RemoteError(await fromPeer(() => readProblem(reader)));
    const next = blocks.next();
    if (kind === RECORD.end && next.done === true) break;
    if (kind !== RECORD.block || next.done === true)
      throw new RemoteError(new CoveyError("protocol", `the sender sent a record of kind ${kind} where it does not belong`));

    const length = blockLength(manifest.size, next.value);
    const { hash: digest, bytes } = await fromPeer(() => readBlock(reader, length, buffers));
    await target.add(next.value, digest, bytes, () => buffers.give(bytes));
    onBlock(length);
    const nowMs = clock.monotonicMs();
    const { knownBytes } = manifest;
    if (nowMs - toldAtMs < LIMITS.progressMs && knownBytes - toldBytes < LIMITS.progressBytes) continue;
    toldAtMs = nowMs;
    toldBytes = knownBytes;
    await fromPeer(() => stream.write(u64(knownBytes)));
  }
  const blob = await fromPeer(() => reader.readExactly(HASH_BYTES, HASH_BYTES));
  return blob.toString("hex");
}

/** The sender hears that all is here, and has a moment to end its side. Never rejects. */
async function takeLeave({ stream, stop }: WatchedStream, knownBytes: number): Promise<void> {
  await stream.write(u64(knownBytes)).catch(() => {});
  await linger(stream);
  stop();
}

/**
 * A block whose bytes agree with the hash before them. They are copied together first: BLAKE3 is twice as slow over pieces that do not
 * end where its own chunks do, and they are hashed twice.
 */
async function readBlock(reader: StreamReader, length: number, buffers: BlockBuffers): Promise<{ hash: Buffer; bytes: Buffer }> {
  const expected = await reader.readExactly(HASH_BYTES, HASH_BYTES);
  const bytes = buffers.take(length);
  await reader.readInto(bytes);
  if (!hash(bytes).equals(expected)) throw new CoveyError("integrity", "a block does not agree with its hash");
  return { hash: expected, bytes };
}

async function readProblem(reader: StreamReader): Promise<CoveyError> {
  const length = (await reader.readExactly(2, 2)).readUInt16BE();
  return errorFromJson(parseProblem(await reader.readExactly(length, LIMITS.problemBytes)));
}

const stalled = (): CoveyError => new CoveyError("timeout", `nothing came for ${LIMITS.fileStallMs / 1000} s`);
