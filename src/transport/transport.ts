// What a transport is: a way to get a raw byte duplex to somewhere. Who is at the other end is the session's business.

import type { Duplex } from "node:stream";

import type { Address } from "../core/ids.ts";

/** A raw connection; nothing is known yet of who made it. */
export interface Connection {
  readonly duplex: Duplex;
  /** The other end, as seen from here. */
  readonly address: Address;
  /** Groups what one host may hold open before it has proven itself: an IPv4 address, an IPv6 /64. */
  readonly group: string;
}

export interface Listener {
  /** Where others can dial it: concrete addresses of this host, most useful first; loopback only when that is all it listens on. */
  addresses(): readonly Address[];
  /** Stops accepting; connections that were handed out stay open. */
  close(): Promise<void>;
}

export interface Transport {
  /** The scheme of its addresses. */
  readonly scheme: string;
  /** Rejects with `unreachable`, or with the signal's reason. */
  dial(address: Address, signal: AbortSignal): Promise<Connection>;
  /** `onConnection` must not throw. Rejects with `conflict` when the address is taken. */
  listen(address: Address, onConnection: (connection: Connection) => void): Promise<Listener>;
}
