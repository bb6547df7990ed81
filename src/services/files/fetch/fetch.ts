// The asking side of files/fetch: one attempt to get what is missing of one file from the peer that offered it.
//
//   1. ask for the ranges that are missing
//   2. every block: hash as it comes in, compare, and only then hand it to the part
//   3. tell the sender what is verified and written, now and then
//   4. END names the blob: the caller compares it with what arrived, whatever the sender does from there on

import type { Clock } from "../../../core/clock.ts";
import { CoveyError, errorFromJson } from "../../../core/errors.ts";
import { hash } from "../../../core/hash.ts";
import { u64 } from "../../../core/bytes.ts";
import { LIMITS } from "../../../core/limits.ts";
import { blockLength, HASH_BYTES, type BlockRange } from "../../../blob/manifest.ts";
import { BlockBuffers } from "../../../blob/block-buffers.ts";
import type { Session, Stream } from "../../../session/contract.ts";
import { linger } from "../../../session/linger.ts";
import { createStreamReader, type StreamReader } from "../../../session/stream-io.ts";
import type { Item, Ledger } from "../offers/ledger.ts";
import { Pace, paced } from "./pace.ts";
import type { Part } from "./part.ts";
import { cutWhenStalled, type WatchedStream } from "./watchdog.ts";
import { blocksOf, FETCH_ROUTE, flattenRanges, parseFetchAnswer, parseProblem, RECORD } from "./wire.ts";

/**
 * complete: everything asked for is here, and the sender says that it is this blob. peer: the sender said no, or what it said is
 * wrong. cut: the way there broke. What goes wrong on this side is thrown.
 */
export type FetchOutcome =
  | { readonly type: "complete"; readonly blob: string }
  | { readonly type: "peer"; readonly error: CoveyError }
  | { readonly type: "cut"; readonly error: CoveyError };

interface FetchNeeds {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Whether somebody else waits for the place that this transfer has. */
  placeWanted(): boolean;
}

/** An error of the way or of the sender, kept apart from those of this side's disk. */
class RemoteError extends Error {
  readonly error: CoveyError;

  constructor(error: CoveyError) {
    super(error.message);
    this.error = error;
  }
}

export async function fetchMissing(
  needs: FetchNeeds,
  session: Session,
  item: Item,
  part: Part,
  signal: AbortSignal,
): Promise<FetchOutcome> {
  try {
    const ranges = part.manifest.missing(LIMITS.fetchRanges);
    const watched = cutWhenStalled(await ask(needs, session, item, ranges, signal));
    const { stream } = watched;
    const abort = (): void => stream.reset();
    signal.addEventListener("abort", abort, { once: true });
    try {
      const blob = await receive(needs, stream, item, part, ranges);
      void takeLeave(watched, part.manifest.knownBytes);
      return { type: "complete", blob };
    } catch (error) {
      watched.stop();
      stream.reset();
      signal.throwIfAborted();
      if (watched.stalled)
        return { type: "cut", error: new CoveyError("timeout", `nothing came for ${LIMITS.fileStallMs / 1000} s`) };
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    const cut = error.error.code === "closed" || error.error.code === "timeout" || error.error.code === "unreachable";
    return { type: cut ? "cut" : "peer", error: error.error };
  }
}

async function ask(
  { ledger }: FetchNeeds,
  session: Session,
  item: Item,
  ranges: readonly BlockRange[],
  signal: AbortSignal,
): Promise<Stream> {
  const { id, size, token } = item.record;
  const args = { offer: id, size, token, ranges: flattenRanges(ranges) };
  const { value, stream } = await session.open(FETCH_ROUTE, args, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw remote(error);
  });
  try {
    const answer = await fromPeer(async () => parseFetchAnswer(value));
    if (token !== undefined && answer.token !== token)
      throw new RemoteError(new CoveyError("protocol", "the sender answered with another version than was asked for"));
    if (token === undefined) await ledger.update(item, { token: answer.token });
    return stream;
  } catch (error) {
    stream.reset();
    throw error;
  }
}

async function receive(
  { ledger, clock, placeWanted }: FetchNeeds,
  stream: Stream,
  item: Item,
  part: Part,
  ranges: readonly BlockRange[],
): Promise<string> {
  const pace = new Pace();
  const yieldPlace = (): void => {
    if (pace.slow && placeWanted()) throw new CoveyError("timeout", "it was slow, and gave its place to a transfer that waits");
  };
  const reader = createStreamReader(paced(stream, pace, clock, yieldPlace), "the file");
  const blocks = blocksOf(ranges)[Symbol.iterator]();
  const buffers = new BlockBuffers(0, part.manifest.size);
  let toldAtMs = clock.monotonicMs();
  let toldBytes = part.manifest.knownBytes;
  for (;;) {
    const kind = await fromPeer(async () => (await reader.readExactly(1, 1))[0]!);
    if (kind === RECORD.busy) {
      pace.sign();
      continue;
    }
    if (kind === RECORD.problem) throw new RemoteError(await fromPeer(() => readProblem(reader)));
    const next = blocks.next();
    if (kind === RECORD.end && next.done === true) break;
    if (kind !== RECORD.block || next.done === true)
      throw new RemoteError(new CoveyError("protocol", `the sender sent a record of kind ${kind} where it does not belong`));

    const length = blockLength(part.manifest.size, next.value);
    const { hash: digest, bytes } = await fromPeer(() => readBlock(reader, length, buffers));
    await part.add(next.value, digest, bytes, () => buffers.give(bytes));
    ledger.progress(item, part.manifest.knownBytes, length);
    const nowMs = clock.monotonicMs();
    const { knownBytes } = part.manifest;
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

const remote = (error: unknown): RemoteError =>
  new RemoteError(error instanceof CoveyError ? error : new CoveyError("internal", "the request failed", { cause: error }));

async function fromPeer<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof RemoteError ? error : remote(error);
  }
}
