// The answering side of files/fetch: blocks of what was offered, to the peer it was offered to, and to nobody else.
//
//   1. the offer: ours, to this peer, still open; a hash or an id alone gives no right
//   2. the source: the version that was offered; when it is another one now, the offer is renewed first
//   3. blocks in the order asked for, each read ahead, hashed and written once; nobody waits for the hash of the whole
//   4. the rest is hashed if it must be, the version checked once more, and END names the blob

import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { domainHash } from "../../../core/hash.ts";
import { encodeCbor } from "../../../core/cbor.ts";
import { fromHex, u16 } from "../../../core/bytes.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HASH_BYTES, type BlockRange } from "../../../blob/manifest.ts";
import { BlockBuffers } from "../../../blob/block-buffers.ts";
import { Source } from "../../../blob/source.ts";
import type { Call, Stream } from "../../../session/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { InFlight } from "./in-flight.ts";
import { isOver, type Item, type Ledger } from "../offers/ledger.ts";
import { clearHashes } from "../offers/records.ts";
import { SourceHashes } from "./source-hashes.ts";
import { cutWhenStalled } from "./watchdog.ts";
import { blocksOf, parseFetch, readRanges, RECORD, type FetchArgs } from "./wire.ts";

interface ServeNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Tells the receiver of the source's new size and time. */
  renew(item: Item): Promise<void>;
}

const HEADER_BYTES = 1 + HASH_BYTES;
/** How often the version is looked at while blocks are sent. */
const BLOCKS_PER_CHECK = 8;

export class Serving {
  readonly #needs: ServeNeeds;
  /** One fetch of an offer at a time: a new one is from a receiver that has given up on the old one. */
  readonly #running = new Map<
    string,
    { readonly peer: PeerId; readonly abort: AbortController; readonly ended: Promise<void> }
  >();
  readonly #hashes = new Map<string, SourceHashes>();

  constructor(needs: ServeNeeds) {
    this.#needs = needs;
  }

  /** The handler of the route. */
  async answer(call: Call): Promise<void> {
    const args = parseFetch(call.args);
    const item = this.#permitted(call.peer, args.offer);
    await this.stop(item);
    const others = [...this.#running.values()].filter(({ peer }) => peer === call.peer).length;
    if (others >= LIMITS.filesServedPerPeer)
      throw new CoveyError("limit", `${others} files are on their way to this peer already`);

    const abort = new AbortController();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#running.set(item.record.id, { peer: call.peer, abort, ended });
    try {
      await this.#serve(call, item, args, AbortSignal.any([call.signal, abort.signal]));
    } finally {
      this.#running.delete(item.record.id);
      end();
      if (isOver(item.record.state)) await this.end(item);
    }
  }

  /** Cuts what is being sent of the offer. */
  async stop(item: Item): Promise<void> {
    for (let running; (running = this.#running.get(item.record.id)) !== undefined;) {
      running.abort.abort(new CoveyError("closed", "the transfer was stopped"));
      await running.ended;
    }
  }

  /** For an offer that is over: its hashes go. What was withdrawn is cut; what is done there may still be hashed for the user here. */
  async end(item: Item): Promise<void> {
    if (item.record.state !== "done") await this.stop(item);
    if (this.#running.has(item.record.id) || item.record.token === undefined) return;
    await this.#forget(item);
    await this.#needs.ledger.update(item, { token: undefined });
  }

  async close(): Promise<void> {
    await Promise.all(this.#needs.ledger.all().map((item) => this.stop(item)));
  }

  async #forget(item: Item): Promise<void> {
    this.#hashes.delete(item.record.id);
    await clearHashes(this.#needs.store, item.record.id);
  }

  /** The same answer for what is not there, not theirs, and not offered any more. */
  #permitted(peer: PeerId, offer: string): Item {
    const item = this.#needs.ledger.get(offer);
    const open = item?.record.direction === "out" && item.record.peer === peer;
    if (open && ["waiting", "accepted", "failed"].includes(item.record.state)) return item;
    throw new CoveyError("refused", "nothing is offered under that id");
  }

  async #serve(call: Call, item: Item, args: FetchArgs, signal: AbortSignal): Promise<void> {
    const source = await Source.open(item.record.path!).catch((error: unknown) => {
      const { code } = fromPlatform(error, "read the file");
      // The path is nobody else's business.
      const gone = code === "not-found" || code === "bad-argument";
      throw new CoveyError(gone ? "not-found" : code, gone ? "the file is no longer there" : "the file can't be read");
    });
    try {
      const hashes = await this.#hashesOf(item, source);
      const token = publicToken(item.record.id, source.version.token);
      if (args.size !== source.version.size || (args.token !== undefined && args.token !== token))
        throw new CoveyError("changed", "the file is not what it was");
      const ranges = readRanges(args.ranges, hashes.manifest.blocks);
      if (ranges === undefined) throw new CoveyError("protocol", "the ranges do not fit the file");

      const watched = cutWhenStalled(await call.accept({ token }));
      const { stream } = watched;
      const cut = (): void => stream.reset();
      signal.addEventListener("abort", cut, { once: true });
      const asked = ranges.reduce((sum, { from, count }) => sum + lengthOf(source.version.size, from, count), 0);
      const flight = new InFlight(new BlockBuffers(HEADER_BYTES, source.version.size), source.version.size - asked);
      item.resumedBytes = source.version.size - asked;
      this.#needs.ledger.progress(item, item.resumedBytes, 0);
      const listening = this.#listen(stream, item, flight);
      listening.catch(() => {});
      try {
        signal.throwIfAborted();
        await this.#send(stream, source, hashes, ranges, flight).catch((error: unknown) => sayWhy(stream, error));
        await this.#sendEnd(stream, item, hashes);
        await stream.end();
        await listening;
      } finally {
        watched.stop();
        signal.removeEventListener("abort", cut);
        await hashes.save();
      }
      await this.#finishPlain(item, source, hashes, signal);
    } finally {
      await source.close();
    }
  }

  /** The hashes of the source as it is now; renews the offer when that is another version than the one offered. */
  async #hashesOf(item: Item, source: Source): Promise<SourceHashes> {
    const { id, token } = item.record;
    const { version } = source;
    if (token !== version.token) {
      await this.#forget(item);
      await this.#needs.ledger.update(item, {
        token: version.token,
        size: version.size,
        mtimeMs: version.mtimeMs,
        executable: version.executable,
        blake3: undefined,
      });
      await this.#needs.renew(item);
    }
    const held = this.#hashes.get(id);
    if (held?.token === version.token) return held;
    const loaded = await SourceHashes.load(this.#needs.store, id, version.token, version.size);
    this.#hashes.set(id, loaded);
    return loaded;
  }

  async #send(
    stream: Stream,
    source: Source,
    hashes: SourceHashes,
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
    await this.#hashRest(stream, source, hashes);
    await source.check();
  }

  /** Names the blob, once this side has noted it for its user. */
  async #sendEnd(stream: Stream, item: Item, hashes: SourceHashes): Promise<void> {
    const blake3 = hashes.blake3();
    await this.#needs.ledger.update(item, { blob: hashes.manifest.blobId(), ...(blake3 === undefined ? {} : { blake3 }) });
    await stream.write(Buffer.concat([Buffer.of(RECORD.end), fromHex(hashes.manifest.blobId())!]));
  }

  /** What was not asked for in this life still belongs into the blob's id. The receiver hears that we are alive meanwhile. */
  async #hashRest(stream: Stream, source: Source, hashes: SourceHashes): Promise<void> {
    const { clock } = this.#needs;
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

  /** The receiver's counts of what is verified and written there, until it ends its side. */
  async #listen(stream: Stream, item: Item, flight: InFlight): Promise<void> {
    let held = Buffer.alloc(0);
    for (let chunk; (chunk = await stream.read()) !== null;) {
      held = Buffer.concat([held, chunk]);
      const whole = held.length - (held.length % 8);
      if (whole === 0) continue;
      // A later count says all that an earlier one did.
      const count = held.readBigUInt64BE(whole - 8);
      held = held.subarray(whole);
      const done = count > BigInt(item.record.size) ? item.record.size : Number(count);
      flight.acknowledged(done);
      this.#needs.ledger.progress(item, done, Math.max(0, done - item.doneBytes));
    }
  }

  /** BLAKE3 of the whole file, for the user: what was sent in order is hashed already, the rest is read once more. */
  async #finishPlain(item: Item, source: Source, hashes: SourceHashes, signal: AbortSignal): Promise<void> {
    if (item.record.blake3 !== undefined) return;
    const buffers = new BlockBuffers(0, source.version.size);
    for await (const { block, bytes } of source.read(hashes.unhashed(), buffers)) {
      signal.throwIfAborted();
      hashes.add(block, bytes);
      buffers.give(bytes);
    }
    await source.check();
    await this.#needs.ledger.update(item, { blake3: hashes.blake3() });
  }
}

/** What a peer calls the version: equal when ours is, and says nothing about this machine. */
const publicToken = (offer: string, token: string): string =>
  domainHash("covey/source-version/1", Buffer.from(offer), Buffer.from(token)).toString("hex", 0, 16);

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
