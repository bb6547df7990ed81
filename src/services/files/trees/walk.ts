// The asking side of files/walk: packs of what is at a path and below, as they come.

import type { Clock } from "../../../core/clock.ts";
import { u64 } from "../../../core/bytes.ts";
import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Session } from "../../../session/contract.ts";
import { linger } from "../../../session/linger.ts";
import { createStreamReader, type StreamReader } from "../../../session/stream-io.ts";
import { Pace, paced } from "../fetch/pace.ts";
import { fromPeer, RemoteError } from "../fetch/remote.ts";
import { cutWhenStalled, type WatchedStream } from "../fetch/watchdog.ts";
import { BUSY, LENGTH_BYTES, WALK_ROUTE, type WalkArgs } from "./wire.ts";

export interface WalkNeeds {
  readonly clock: Clock;
  /** Whether somebody else waits for the place that this walk has. */
  placeWanted(): boolean;
}

/** One attempt. What the other side or the way does wrong comes as a RemoteError; afterwards, `leave` or `cut`. */
export class Walk {
  readonly #watched: WatchedStream;
  readonly #reader: StreamReader;
  readonly #pace = new Pace();
  readonly #clock: Clock;
  readonly #endOfSignal: () => void;
  readonly #signal: AbortSignal;
  #toldAtMs = -Infinity;
  #toldBytes = 0;
  #telling: Promise<void> | undefined;

  private constructor(needs: WalkNeeds, watched: WatchedStream, signal: AbortSignal) {
    this.#watched = watched;
    this.#clock = needs.clock;
    this.#signal = signal;
    const check = (): void => {
      if (this.#pace.slow && needs.placeWanted())
        throw new CoveyError("timeout", "it was slow, and gave its place to a transfer that waits");
    };
    this.#reader = createStreamReader(paced(watched.stream, this.#pace, needs.clock, check), "the directory");
    const abort = (): void => watched.stream.reset();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    this.#endOfSignal = () => signal.removeEventListener("abort", abort);
  }

  static async open(needs: WalkNeeds, session: Session, args: WalkArgs, signal: AbortSignal): Promise<Walk> {
    const { after, ...rest } = args;
    const asked = { ...rest, ...(after === undefined ? {} : { after }) };
    try {
      const { stream } = await fromPeer(() => session.open(WALK_ROUTE, asked, { signal }));
      return new Walk(needs, cutWhenStalled(stream), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  /** The next pack, in memory of its own; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    try {
      return await fromPeer(() => this.#next());
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!this.#watched.stalled) throw error;
      throw new RemoteError(new CoveyError("timeout", `nothing came for ${LIMITS.fileStallMs / 1000} s`));
    }
  }

  /** So many bytes are verified and written: the sender hears of it now and then. */
  tell(bytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#toldAtMs < LIMITS.progressMs && bytes - this.#toldBytes < LIMITS.progressBytes) return;
    this.#toldAtMs = nowMs;
    this.#toldBytes = bytes;
    // A sender that takes no counts must not make this side keep them.
    this.#telling ??= this.#watched.stream
      .write(u64(bytes))
      .catch(() => {})
      .finally(() => (this.#telling = undefined));
  }

  /** After the end: the sender hears that all is here, and has a moment to end its side. Never rejects. */
  async leave(bytes: number): Promise<void> {
    const { stream, stop } = this.#watched;
    this.#endOfSignal();
    await this.#telling;
    await stream.write(u64(bytes)).catch(() => {});
    await linger(stream);
    stop();
  }

  cut(): void {
    this.#endOfSignal();
    this.#watched.stop();
    this.#watched.stream.reset();
  }

  async #next(): Promise<Buffer | undefined> {
    for (;;) {
      const length = (await this.#reader.readExactly(LENGTH_BYTES, LENGTH_BYTES)).readUInt32BE();
      if (length === 0) return undefined;
      if (length === BUSY) {
        this.#pace.sign(LENGTH_BYTES);
        continue;
      }
      if (length > LIMITS.treePackMaxBytes)
        throw new CoveyError("protocol", `a pack is ${length} bytes long; ${LIMITS.treePackMaxBytes} are allowed`);
      const pack = Buffer.allocUnsafeSlow(length);
      await this.#reader.readInto(pack);
      return pack;
    }
  }
}
