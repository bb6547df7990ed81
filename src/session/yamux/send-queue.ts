// What goes to the socket, and in which order.
//
// 1. Streams say that they have something: `control` for SYN, ACK and grants, `ready` for data and FIN; `answer` takes whole frames.
// 2. Once a turn, or when the socket has sent something, `#pump` fills the socket up to LIMITS.yamuxSocketBytes: answers first, then
//    control frames, then streams that have sent little, then the bulk, one frame each in turn.
// 3. What is small goes out together; payloads go out uncopied, each in a write of its own.

import type { Duplex } from "node:stream";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";

export interface Source {
  readonly ready: boolean;
  readonly fresh: boolean;
  /** The frame with the stream's flags and grant of now, if there is any. */
  controlFrame(): Buffer | undefined;
  /** Appends the next data frame, the FIN, or both; returns the bytes appended. */
  dataFrames(out: Uint8Array[]): number;
}

// Even small requests without end must not starve the bulk.
const FRESH_RUN_FRAMES = 8;

/** Up to here copying is cheaper than a write of its own. */
const SMALL_BYTES = 4096;

export class SendQueue {
  readonly #duplex: Duplex;
  readonly #onFlooded: (why: CoveyError) => void;
  readonly #answers: Buffer[] = [];
  readonly #control = new Set<Source>();
  readonly #fresh = new Set<Source>();
  readonly #bulk = new Set<Source>();
  #freshRun = 0;
  #state: "idle" | "scheduled" | "writing" | "stopped" = "idle";
  #drained: PromiseWithResolvers<void> | undefined;

  /** `onFlooded`: the peer has us answer and takes none of it. */
  constructor(duplex: Duplex, onFlooded: (why: CoveyError) => void) {
    this.#duplex = duplex;
    this.#onFlooded = onFlooded;
  }

  answer(frame: Buffer): void {
    if (this.#state === "stopped") return;
    this.#answers.push(frame);
    if (this.#answers.length > LIMITS.yamuxControlFrames) {
      this.#onFlooded(new CoveyError("limit", "the other peer does not take its answers"));
    }
    this.#schedule();
  }

  control(source: Source): void {
    this.#control.add(source);
    this.#schedule();
  }

  ready(source: Source): void {
    (source.fresh ? this.#fresh : this.#bulk).add(source);
    this.#schedule();
  }

  drop(source: Source): void {
    this.#control.delete(source);
    this.#fresh.delete(source);
    this.#bulk.delete(source);
  }

  /** Resolves once everything that has credit was handed to the socket, or the queue was stopped. */
  drained(): Promise<void> {
    this.#drained ??= Promise.withResolvers();
    this.#schedule();
    return this.#drained.promise;
  }

  stop(): void {
    this.#state = "stopped";
    this.#answers.length = 0;
    for (const set of [this.#control, this.#fresh, this.#bulk]) set.clear();
    this.#drained?.resolve();
  }

  #schedule(): void {
    if (this.#state !== "idle") return;
    this.#state = "scheduled";
    queueMicrotask(this.#pump);
  }

  readonly #pump = (): void => {
    if (this.#state === "stopped" || !this.#duplex.writable) return;
    const parts: Uint8Array[] = [];
    for (let room = LIMITS.yamuxSocketBytes - this.#duplex.writableLength; room > 0;) {
      const bytes = this.#next(parts);
      if (bytes === 0) break;
      room -= bytes;
    }
    if (parts.length === 0) {
      this.#state = "idle";
      this.#drained?.resolve();
      return;
    }
    this.#state = "writing";
    this.#write(joinSmall(parts), 0);
  };

  /** One behind the other: of several that wait at once, Node's TLS would make a copy. */
  #write(parts: readonly Uint8Array[], at: number): void {
    if (this.#state === "stopped") return;
    this.#duplex.write(parts[at]!, at + 1 < parts.length ? () => this.#write(parts, at + 1) : this.#pump);
  }

  /** Appends what is to go next; returns its bytes, 0 if there is nothing. */
  #next(parts: Uint8Array[]): number {
    let bytes = 0;
    if (this.#answers.length > 0) for (const frame of this.#answers.splice(0)) bytes += append(frame, parts);
    for (const source of this.#control) {
      this.#control.delete(source);
      bytes += append(source.controlFrame(), parts);
    }
    if (bytes > 0) return bytes;
    const source = this.#pick();
    if (source === undefined) return 0;
    bytes = source.dataFrames(parts);
    if (source.ready) (source.fresh ? this.#fresh : this.#bulk).add(source);
    return bytes;
  }

  #pick(): Source | undefined {
    const from = this.#fresh.size > 0 && (this.#bulk.size === 0 || this.#freshRun < FRESH_RUN_FRAMES) ? this.#fresh : this.#bulk;
    this.#freshRun = from === this.#fresh ? this.#freshRun + 1 : 0;
    for (const source of from) {
      from.delete(source);
      return source;
    }
    return undefined;
  }
}

/** The same bytes, with neighbours that are small put together. */
function joinSmall(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    if (small.length > 0) joined.push(small.length === 1 ? small[0]! : Buffer.concat(small));
    small = [];
  };
  for (const part of parts) {
    if (part.length <= SMALL_BYTES) {
      small.push(part);
    } else {
      flush();
      joined.push(part);
    }
  }
  flush();
  return joined;
}

function append(frame: Buffer | undefined, parts: Uint8Array[]): number {
  if (frame === undefined) return 0;
  parts.push(frame);
  return frame.length;
}
