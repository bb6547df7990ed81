// One peer, wired: what control calls. Made by openPeer in open-peer.ts.

import type { Address, PeerId, StoreId } from "../core/ids.ts";
import type { Logger } from "../core/log.ts";
import type { Clock } from "../core/clock.ts";
import type { Identity, PeerBook } from "../identity/contract.ts";
import type { Gateway } from "../gateway/contract.ts";
import type { Data } from "../services/data/contract.ts";
import type { Files } from "../services/files/contract.ts";
import type { Messages } from "../services/messages/contract.ts";
import type { Pairing } from "../services/pairing/contract.ts";
import type { Streams } from "../services/streams/contract.ts";
import type { Sessions } from "../session/contract.ts";
import type { SpaceStore } from "../space/contract.ts";
import type { Transport } from "../transport/transport.ts";

/** Everything is optional but the home; defaults are completed once, in options.ts. */
export interface PeerOptions {
  /** The directory of everything of this peer; made 0700 when it is not there. */
  readonly home: string;
  /** What this device calls itself when it pairs. Default: the host name. */
  readonly name?: string;
  /** Where to listen; [] for nowhere. Port 0 is a port drawn once and kept in the home. Default: "tcp://*:0", all interfaces. */
  readonly listen?: readonly Address[];
  /** Where files of one's own devices go without asking. Default: "Downloads" in the user's home directory. */
  readonly incoming?: string;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Default: TCP. Tests add memory. */
  readonly transports?: readonly Transport[];
}

/** JSON-plain. */
export interface PeerLink {
  readonly peerId: PeerId;
  readonly name: string;
  readonly mine: boolean;
  readonly pairedAtMs: number;
  readonly addresses: readonly Address[];
  /** undefined: no session now. */
  readonly session:
    | { readonly address: Address; readonly dialled: boolean; readonly clockSkewMs: number | undefined; readonly sinceMs: number }
    | undefined;
  /** Why there is none, in words, as far as this side knows. */
  readonly problem: string | undefined;
  /** Entries here that this peer does not have yet, and entries of its that wait here (see docs/protocol.md, deferral). */
  readonly waitingOut: number;
  readonly deferredIn: number;
}

/** JSON-plain. */
export interface Status {
  readonly peerId: PeerId;
  readonly name: string;
  readonly version: string;
  readonly home: string;
  readonly storeId: StoreId;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly addresses: readonly Address[];
  readonly incoming: string;
  readonly peers: readonly PeerLink[];
  readonly unread: number;
  readonly offersWaiting: number;
  readonly transfersRunning: number;
  /** What is kept available here, for all peers. */
  readonly shares: number;
  /** What is served to programs without covey. */
  readonly servings: number;
  /** Things that the user should know, in words: a skewed clock, say. */
  readonly warnings: readonly string[];
}

export interface Peer {
  readonly identity: Identity;
  readonly book: PeerBook;
  readonly sessions: Sessions;
  readonly store: SpaceStore;
  readonly pairing: Pairing;
  readonly messages: Messages;
  readonly data: Data;
  readonly files: Files;
  readonly streams: Streams;
  readonly gateway: Gateway;
  /** The private directory for Files.sendSpooled; made when it is needed. */
  readonly spool: string;
  status(): Promise<Status>;
  links(): Promise<readonly PeerLink[]>;
  /** Cuts the peer's sessions and keeps it out; what was exchanged stays. Rejects with `not-found`. */
  removePeer(peer: PeerId): Promise<void>;
  close(): Promise<void>;
}
