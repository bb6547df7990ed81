// What services see of sessions: routes to answer, requests to make, streams of bytes. How it is done: session.ts, yamux/, gate.ts.

import type { Cbor } from "../core/cbor.ts";
import type { CoveyError } from "../core/errors.ts";
import type { Address, PeerId, StoreId } from "../core/ids.ts";

/** A duplex of bytes inside a session. Each direction ends with `end` (a FIN); anything else that stops it is an error, never an end. */
export interface Stream {
  /**
   * Hands the chunk over; resolves when there is room for the next one. The chunk is sent without being copied: it must not change
   * afterwards. Rejects with `closed` when the stream was cut.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Our direction ends after what was written. */
  end(): Promise<void>;
  /** The next bytes, as they came; null at the other side's end. Rejects with `closed` when the stream was cut. One reader at a time. */
  read(): Promise<Buffer | null>;
  /** Cuts both directions now; the other side's reads and writes reject. Does nothing once both have ended. */
  reset(): void;
  /** Resolves, never rejects, when it is over: undefined once both directions have ended, else why it was cut. */
  readonly closed: Promise<CoveyError | undefined>;
}

/** A request that came in. */
export interface Call {
  /** Who asks; proven by TLS. */
  readonly peer: PeerId;
  readonly paired: boolean;
  readonly session: Session;
  /** Parse it before use. */
  readonly args: unknown;
  /** Aborts when the asking side gave up or the session ended. */
  readonly signal: AbortSignal;
  /** Answers ok with `value` now and hands out the stream for the bytes that follow. At most once. */
  accept(value?: Cbor): Promise<Stream>;
}

/**
 * What it returns is the answer, unless `accept` was called: then the stream is the handler's until its promise settles,
 * is ended if it resolves and cut if it rejects. A CoveyError becomes the answer's status; others become `internal`.
 */
export type Handler = (call: Call) => Promise<Cbor | void>;

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** For the answer's head. Default LIMITS.requestMs. */
  readonly timeoutMs?: number;
}

/** What the other side said of itself first. */
export interface RemoteHello {
  readonly version: number;
  readonly features: readonly string[];
  /** Random per start of its process: tells a new life from the old one. */
  readonly bootId: string;
  /** Only between paired peers. */
  readonly storeId: StoreId | undefined;
  /** Its wall clock minus ours in ms, at the hello; only between paired peers. */
  readonly clockSkewMs: number | undefined;
}

export interface Session {
  readonly peer: PeerId;
  /** 32 bytes: the key that TLS proved. */
  readonly peerKey: Uint8Array;
  readonly paired: boolean;
  readonly dialled: boolean;
  readonly address: Address;
  readonly remote: RemoteHello;
  /** The answer's value, to be parsed. Rejects with the other side's error, `closed`, `timeout`, or the signal's reason. */
  request(route: string, args: Cbor, options?: RequestOptions): Promise<unknown>;
  /** The same for an answer with bytes: the stream is open both ways. The caller ends or resets it. */
  open(route: string, args: Cbor, options?: RequestOptions): Promise<{ readonly value: unknown; readonly stream: Stream }>;
  /** 32 bytes that both ends of this TLS session derive for `label` and nobody else can (RFC 8446, section 7.5). */
  exportKey(label: string): Buffer;
  /** Lets nothing new begin, says goodbye and closes. */
  close(): Promise<void>;
  /** Resolves, never rejects, when it is over: undefined after an orderly goodbye, else why. */
  readonly closed: Promise<CoveyError | undefined>;
}

export type SessionEvent =
  | { readonly type: "up"; readonly session: Session }
  | { readonly type: "down"; readonly peer: PeerId; readonly why: CoveyError | undefined };

/** Registering a route twice is a fault. Peers that are not paired reach only routes with `strangers`. */
export interface Routes {
  handle(route: string, handler: Handler, options?: { readonly strangers?: boolean }): void;
}

/** The sessions with paired peers: at most one each, kept up. */
export interface Sessions extends Routes {
  get(peer: PeerId): Session | undefined;
  /** The session with a paired peer, dialled now if there is none. Rejects with `unreachable` or `not-paired`. */
  connect(peer: PeerId, signal?: AbortSignal): Promise<Session>;
  /** Why there is no session with a paired peer, as far as this side knows: the last attempt's failure, or what ended the last session. */
  problem(peer: PeerId): CoveyError | undefined;
  /**
   * A session of its own with somebody who need not be paired, pinned to the key: to pair, within LIMITS.strangerMs and what else
   * strangers may. The caller closes it.
   */
  dial(peer: PeerId, addresses: readonly Address[], signal?: AbortSignal): Promise<Session>;
  /** Calls back from now on, also for the sessions that are up already. Returns the function that ends it. */
  subscribe(listener: (event: SessionEvent) => void): () => void;
  /** Looks at the paired peers again: dials new ones, cuts those that are gone (within the tick). */
  refresh(): void;
  /** Where this peer listens now. */
  addresses(): readonly Address[];
  close(): Promise<void>;
}
