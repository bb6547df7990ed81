// Plain HTTP/1.1 and plain text on a TCP port, for programs that do not speak covey: what a peer's gateway does for those who run it.

import type { Address, PeerId } from "../core/ids.ts";

/** What is served, completed and checked: see `ServeOptions` for what each means. JSON-plain; kept as it is for what outlives the daemon. */
export interface ServeSettings {
  /** Absolute; what it leads to is what is served. */
  readonly directory: string | undefined;
  /** Files may be left here: they go into the peer's directory for incoming files. */
  readonly upload: boolean;
  readonly list: ServedListPlace | undefined;
  /** What every client is told when it connects. Then no HTTP is spoken. */
  readonly greeting: string | undefined;
  /** The connection ends after the greeting. */
  readonly close: boolean;
  /** The answer to a message; "" for none. */
  readonly reply: string;
  /** Where to listen. undefined: the usual port on loopback, or with `lan` on every interface; when that is taken, any. */
  readonly listen: Address | undefined;
  readonly lan: boolean;
  /** Clients have to know a secret: it is made by the gateway. */
  readonly token: boolean;
  /** Connections from one address at once. */
  readonly perAddress: number;
  /** It is served until it is removed, over restarts; otherwise until whoever opened it goes. */
  readonly keep: boolean;
}

/** A list of strings at a key of a space. */
export interface ServedListPlace {
  /** Whose direct space; undefined: this peer's own. */
  readonly peer: PeerId | undefined;
  readonly key: string;
  readonly writable: boolean;
}

/** JSON-plain. Something that is served, now. */
export interface Serving {
  readonly id: string;
  /** Short, local, stays as long as it is served. */
  readonly number: number;
  readonly settings: ServeSettings;
  /** Where it listens; undefined while it can't. */
  readonly address: Address | undefined;
  /**
   * Under which it is reached, the one that others are most likely to reach first; [] while it is not. For a browser, ready to be opened,
   * with the token; where there is nothing for one, "tcp://HOST:PORT".
   */
  readonly urls: readonly string[];
  /** What a text client has to send first. */
  readonly token: string | undefined;
  readonly connections: number;
  /** Those who wrote a message and are still there: `tell` reaches them. */
  readonly guests: readonly string[];
  readonly sinceMs: number;
  /** Why it is not served now, in words; it is tried again. */
  readonly problem: string | undefined;
}

/** JSON-plain. What happened on a serving; `from` is an IP address and port. Everything in it that clients said is theirs: show it through `printable`. */
export type ServingEvent =
  /** First. */
  | { readonly type: "serving"; readonly serving: Serving }
  /** An HTTP request was answered; `bytes` of the body went out. `status` undefined: it was cut before its end. */
  | {
      readonly type: "request";
      readonly atMs: number;
      readonly from: string;
      readonly method: string;
      /** As it came, without the token. */
      readonly path: string;
      readonly status: number | undefined;
      readonly bytes: number;
    }
  | { readonly type: "upload"; readonly atMs: number; readonly from: string; readonly path: string; readonly size: number }
  | { readonly type: "message"; readonly atMs: number; readonly from: string; readonly guest: string; readonly text: string }
  /** What was asked of the list, and what came of it. */
  | {
      readonly type: "list";
      readonly atMs: number;
      readonly from: string;
      readonly action: "get" | "update";
      readonly count: number;
      /** In words. */
      readonly refused: string | undefined;
    }
  /** Whoever reads this was too slow for so many. */
  | { readonly type: "missed"; readonly count: number };

export interface Gateway {
  /**
   * Listens, then yields the serving and what happens on it, until the signal aborts (it then throws the reason) or it is removed (it
   * then ends). A serving that is not kept ends with its reader. Rejects with `conflict` (the address is taken, what goes not together),
   * `bad-argument` (the address, the directory), `not-found`, `limit`.
   */
  open(settings: ServeSettings, options: { readonly signal: AbortSignal }): Promise<AsyncIterable<ServingEvent>>;
  /** By number. */
  list(): readonly Serving[];
  /** By its id or number. Connections are cut. Rejects with `not-found`. */
  remove(serving: string): Promise<void>;
  /** Writes to the connection of a guest. Rejects with `not-found` when there is none of that name now, `limit`. */
  tell(guest: string, text: string): Promise<void>;
  close(): Promise<void>;
}
