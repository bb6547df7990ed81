// Streams of bytes between programs on two peers, by name: one side takes what is opened under a name, the other side opens.

import type { PeerId } from "../../core/ids.ts";
import type { Stream } from "../../session/contract.ts";

/** Somebody opens a stream here and waits for it to be taken. */
export interface Opened {
  readonly peer: PeerId;
  /** Aborts when it was not taken in LIMITS.streamTakeMs, when the other side gave up, or when the registration ended. */
  readonly signal: AbortSignal;
  /** At most once. Rejects with the signal's reason. */
  take(): Promise<Stream>;
}

/** The stream is the handler's until the promise settles: then its direction is ended, or, when it rejects, the stream cut. */
export type StreamHandler = (opened: Opened) => Promise<void>;

export interface TakeOptions {
  /** Default: every paired peer. One that is removed from the book is out, also when it is paired again. */
  readonly from?: readonly PeerId[] | undefined;
}

/** For `take`, within LIMITS.streamTakeMs. */
export interface Waiting {
  readonly id: string;
  readonly peer: PeerId;
}

export interface Streams {
  /**
   * Takes what is opened under the name, from now on. Returns the function that ends that; what was taken goes on. Throws `conflict` when
   * somebody takes that name already, `bad-argument` (the name), `limit`.
   */
  handle(name: string, options: TakeOptions, handler: StreamHandler): () => void;
  /** The same for those who claim by id: undefined once it takes, then what is opened, until the signal aborts (it then throws the reason). */
  waiting(name: string, options: TakeOptions & { readonly signal: AbortSignal }): AsyncIterable<Waiting | undefined>;
  /** The names under which that peer may open streams here now, sorted. */
  namesFor(peer: PeerId): readonly string[];
  /** Rejects with `not-found` for what was taken or has given up. */
  take(id: string): Promise<Stream>;
  /** There is no room to take it: whoever opened it is told `limit` at once. Does nothing for what was taken or has given up. */
  turnAway(id: string): void;
  /**
   * A stream to whatever takes the name over there. Rejects with `refused` when nothing there takes it from this peer, `timeout`,
   * `unreachable`, `not-paired`, `limit`, `bad-argument` (the name). The signal ends the opening, not the stream.
   */
  open(peer: PeerId, name: string, options: { readonly signal: AbortSignal }): Promise<Stream>;
  /** Whoever took a stream failed with it, by a fault of its own: that goes into the log. */
  note(failure: { readonly name: string; readonly peer: string; readonly error: string }): void;
  close(): Promise<void>;
}
