// Streams between programs, as programs have them.

import type { CoveyError } from "../../core/errors.ts";
import type { CallOptions } from "../call-options.ts";

/**
 * A duplex of bytes to a program on another peer; iterating reads it to the other side's end. Each direction ends with `end`; anything
 * else that stops it is an error, `closed` unless it says more. Disposing of it resets it, unless both directions have ended.
 */
export interface ByteStream extends AsyncDisposable, AsyncIterable<Uint8Array> {
  /** Hands the chunk over, which must not change afterwards; resolves when there is room for the next one. */
  write(chunk: Uint8Array): Promise<void>;
  /** Our direction ends after what was written. What the other side does with it, only its own words can tell. */
  end(): Promise<void>;
  /** The next bytes, as they came; null at the other side's end. One reader at a time. */
  read(): Promise<Uint8Array | null>;
  /** Cuts both directions now: the other side's reads and writes reject. */
  reset(): void;
  /** Resolves, never rejects, when it is over: undefined once both directions have ended, else why it was cut. */
  readonly closed: Promise<CoveyError | undefined>;
}

/**
 * Has the stream until its promise settles: resolving ends our direction, rejecting cuts the stream and is noted in the peer's log.
 * `peer`: the user's name for whoever opened it.
 */
export type StreamHandler = (stream: ByteStream, from: { readonly peer: string }) => Promise<void>;

export interface HandleOptions extends CallOptions {
  /** Who may open it, by handle, name or peer id; others can't tell that it is there. Default: every paired peer. */
  readonly from?: readonly ({ readonly name: string } | string)[];
}

/** A name under which this program takes streams. Disposing of it ends that; streams that were taken go on. */
export interface StreamRegistration extends AsyncDisposable {
  /** Resolves, never rejects, when it is over: undefined when it was ended here, else why: the daemon went away, say. */
  readonly closed: Promise<CoveyError | undefined>;
}
