// The one interface: what `open` and `connect` return, what the command line uses, and nothing beside it.
// Everything that comes back is JSON-plain; a command's `--json` is the method's value.

import type { Listed, Offer, Policy, RemoteShare, Share, Transfer } from "../services/files/contract.ts";
import type { Address } from "../core/ids.ts";
import type { Serving, ServingEvent } from "../gateway/contract.ts";
import type { GuestMessage, Message, MessageEvent } from "../services/messages/contract.ts";
import type { PeerLink, Status } from "../peer/contract.ts";
import type { CallOptions, WatchOptions } from "./call-options.ts";
import type { ByteStream, HandleOptions, StreamHandler, StreamRegistration } from "./streams/contract.ts";
import type { OpenData } from "./data/contract.ts";

/** A message of any peer, as `inbox` shows it. */
export interface InboxMessage extends Message {
  /** The user's name for the peer. */
  readonly peer: string;
}

/** What waits for the user. */
export interface Inbox {
  readonly messages: readonly InboxMessage[];
  readonly offers: readonly NamedOffer[];
  /** Of those who wrote to the gateway. */
  readonly guests: readonly GuestMessage[];
}

export interface NamedOffer extends Offer {
  readonly peerName: string;
}

export interface NamedTransfer extends Transfer {
  readonly peerName: string;
}

/** A ticket that waits for its peer. Disposing of it withdraws the ticket unless it was used. */
export interface PairInvitation extends AsyncDisposable {
  readonly ticket: string;
  readonly expiresAtMs: number;
  /** The peer that redeemed it; rejects with `ticket-invalid` when it expires or is withdrawn. */
  readonly done: Promise<PeerLink>;
}

/** A share of this peer, with the user's name for the peer that it is for. */
export interface NamedShare extends Share {
  readonly peerName: string;
}

/** All that a peer may reach here, and what of it is under way. */
export interface Access {
  readonly policy: Policy;
  readonly shares: readonly NamedShare[];
  /** Names under which it may open streams now: programs here take them. */
  readonly streams: readonly string[];
  /** Offers to it that have not ended. */
  readonly offers: readonly NamedOffer[];
}

/** How what is received is put in place: see `Receiving`. */
export interface Placement {
  /** Absolute. */
  readonly into: string;
  /** Default: "rename". */
  readonly conflict?: "rename" | "skip" | "overwrite";
}

/** A transfer under way. Disposing of it stops watching, not the transfer. */
export interface TransferJob extends AsyncDisposable {
  readonly offer: NamedOffer;
  /** Verified, and durable at the receiver. Rejects with `declined`, or with what failed. */
  readonly done: Promise<NamedTransfer>;
  /** At most ten a second; unread progress never blocks the work. */
  progress(options?: CallOptions): AsyncIterable<NamedTransfer>;
}

/** A paired peer, by the user's name or its peer id; nothing is looked up before a method is called. */
export interface PeerHandle {
  readonly name: string;
  show(options?: CallOptions): Promise<PeerLink>;
  rename(name: string, options?: CallOptions): Promise<PeerLink>;
  /** Nothing goes between the two any more; what was exchanged stays. */
  remove(options?: CallOptions): Promise<void>;
  /** Durable here when it resolves. Rejects with `bad-argument` for an empty text, `limit` for one over 63 KiB. */
  message(text: string, options?: CallOptions): Promise<Message>;
  /** The newest `limit` (default 100, at most 1,000), oldest first. `watchMessages` after `seq` 0 of this store tells all there are. */
  messages(options?: CallOptions & { readonly limit?: number }): Promise<readonly Message[]>;
  /** From that peer and not read yet, oldest first: at most 1,000. */
  unread(options?: CallOptions): Promise<readonly Message[]>;
  /** Messages of both sides as they are stored here, and how far they get. */
  watchMessages(options?: WatchOptions): AsyncIterable<MessageEvent>;
  /** All that the peer said so far; with `shown`, only what comes before the first message that is not among these ids. */
  markRead(options?: CallOptions & { readonly shown?: readonly string[] }): Promise<void>;
  /** Files and directories, by absolute paths on the machine of the daemon. Durable as an offer when it resolves. */
  send(paths: string | readonly string[], options?: CallOptions): Promise<TransferJob>;
  /** What happens to this peer's offers, and what it may reach here. */
  access(options?: CallOptions): Promise<Access>;
  allow(policy: Policy, options?: CallOptions): Promise<Access>;
  /** Keeps a file or a directory available for this peer. `forMs`: default until it is removed. `name`: default the last component. */
  share(path: string, options?: CallOptions & { readonly name?: string; readonly forMs?: number }): Promise<NamedShare>;
  unshare(name: string, options?: CallOptions): Promise<void>;
  /** What this peer shares with us, as far as it is known here. */
  shares(options?: CallOptions): Promise<readonly RemoteShare[]>;
  /** The same now, and whenever it has changed, at the reader's pace; ends when the peer is removed. */
  watchShares(options?: CallOptions): AsyncIterable<readonly RemoteShare[]>;
  /**
   * What is at a path of its shares now ("dist/docs"): the thing itself, then what is in it, in the order of names; with `deep`, all
   * below. Names are the peer's: show them through `printable`. Rejects with `not-found`, `unreachable`.
   */
  list(path: string, options?: CallOptions & { readonly deep?: boolean }): AsyncIterable<Listed>;
  /** Fetches a file or a directory of its shares, under its own name or `as`. The job goes on in the peer, like an offer that was taken. */
  get(path: string, options: CallOptions & Placement & { readonly as?: string }): Promise<TransferJob>;
  /** The bytes of one file of its shares, verified, at the reader's pace; throws when the file is not whole. Rejects as `get` does. */
  read(path: string, options?: CallOptions): AsyncIterable<Uint8Array>;
  /**
   * Sends what is no file here, under a name: kept on disk until it has ended, then offered like a file. Rejects with what the bytes
   * throw, `no-space`, `bad-argument`; nothing is offered then, and nothing left. A chunk must not change once it was given.
   */
  sendBytes(
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: CallOptions & { readonly name: string },
  ): Promise<TransferJob>;
  /**
   * A stream to the program that takes that name over there: `handle`. Rejects with `refused` when none does, or not from this peer,
   * `timeout`, `unreachable`, `limit`, `bad-argument`. The signal ends the opening, not the stream.
   */
  open(name: string, options?: CallOptions): Promise<ByteStream>;
  /** Data that both have: the keys below a prefix, with a schema or without. */
  readonly data: OpenData;
}

/** What to serve, to programs that do not speak covey, and how. At least one of `directory`, `list`, `greeting`, `reply`. */
export interface ServeOptions {
  /** Files, to browsers and HTTP clients: an absolute path of a directory. */
  readonly directory?: string;
  /** Browsers may leave files, which go into the directory for incoming files. Default: no. */
  readonly upload?: boolean;
  /** A list of strings, to text clients and browsers: the value of this key, in the space shared with a peer or, without one, in this peer's own. */
  readonly list?: { readonly peer?: string; readonly key: string; readonly writable?: boolean };
  /** Text clients are told this when they connect; not together with a directory. */
  readonly greeting?: string;
  /** End the connection after the greeting. Default: no. */
  readonly close?: boolean;
  /** The answer to a message of a text client; "" for none. Default: "message_ack". */
  readonly reply?: string;
  /** Where to listen, as "tcp://127.0.0.1:8000". Default: port 8000, or any when that is taken, on loopback; with `lan`, on all interfaces. */
  readonly listen?: Address;
  readonly lan?: boolean;
  /** Clients need to know a secret, which is in the URLs. Default: no. */
  readonly token?: boolean;
  /** Connections from one address at once. Default: 16. */
  readonly perAddress?: number;
  /** Until `unserve`, over restarts. Default: until this is disposed of, or this program ends. */
  readonly keep?: boolean;
}

/** A serving that this program opened. Disposing of it ends it, unless it is kept. */
export interface ServingHandle extends AsyncDisposable {
  /** As it was when it began. */
  readonly serving: Serving;
  /**
   * What happens on it, from the beginning, for one reader at a time, who may stop and go on; what is not read in time is counted. Ends with
   * the serving. Throws `conflict` beside another reader.
   */
  events(options?: CallOptions): AsyncIterable<ServingEvent>;
}

/** What a program, or a person, can ask of their peer: `open` and `connect` return the same. */
export interface Covey extends AsyncDisposable {
  status(options?: CallOptions): Promise<Status>;
  /** A ticket for one peer. `ttlMs`: default ten minutes. `as`: what the peer is called here. `mine`: its files come without asking. */
  invite(
    options?: CallOptions & { readonly ttlMs?: number; readonly as?: string; readonly mine?: boolean },
  ): Promise<PairInvitation>;
  /** Redeems a ticket. Rejects with `ticket-invalid`, `unreachable`. */
  join(ticket: string, options?: CallOptions & { readonly as?: string; readonly mine?: boolean }): Promise<PeerLink>;
  peers(options?: CallOptions): Promise<readonly PeerLink[]>;
  peer(nameOrId: string): PeerHandle;
  /** Unread messages and offers that nobody has decided on. Does not mark anything read. */
  inbox(options?: CallOptions): Promise<Inbox>;
  /** What is shared here, with all peers. */
  shares(options?: CallOptions): Promise<readonly NamedShare[]>;
  /** Data in this peer's own space. */
  readonly data: OpenData;
  /** Offers to this peer: those waiting first, then new ones. */
  incoming(options?: CallOptions): AsyncIterable<NamedOffer>;
  /** `size`: the offer's as the user saw it, so that a sender can't make it larger meanwhile. Default: as it is now. */
  accept(offer: string, options: CallOptions & Placement & { readonly size?: number }): Promise<NamedTransfer>;
  decline(offer: string, options?: CallOptions): Promise<void>;
  /** Takes an offer back, or gives up receiving it. */
  cancel(offer: string, options?: CallOptions): Promise<void>;
  /** Stops a transfer until `resume` on this side, over restarts. */
  pause(offer: string, options?: CallOptions): Promise<NamedTransfer>;
  resume(offer: string, options?: CallOptions): Promise<NamedTransfer>;
  transfers(options?: CallOptions): Promise<readonly NamedTransfer[]>;
  /**
   * Takes the streams that peers open under a name, 1 to 64 bytes of text, until the registration is disposed of or the signal aborts.
   * Rejects with `conflict` when the name is taken on this device, `not-found` (whom it is from), `limit`, `bad-argument`.
   */
  handle(name: string, options: HandleOptions, handler: StreamHandler): Promise<StreamRegistration>;
  /**
   * Serves files or text on a TCP port to whoever connects, without covey. Rejects with `conflict` (the address is taken, options that
   * don't go together), `bad-argument`, `not-found` (the directory, the peer), `limit`. The signal ends what is not kept at any time.
   */
  serve(options: CallOptions & ServeOptions): Promise<ServingHandle>;
  servings(options?: CallOptions): Promise<readonly Serving[]>;
  /** By id or number. Connections are cut. Rejects with `not-found`. */
  unserve(serving: string, options?: CallOptions): Promise<void>;
  /** Writes to the open connection of a guest of a serving, "guest-3". Rejects with `not-found` when it has gone. */
  tellGuest(guest: string, text: string, options?: CallOptions): Promise<void>;
  /** What guests wrote: the newest `limit` (default 100, at most 1,000) of one or of all, oldest first. */
  guestMessages(options?: CallOptions & { readonly guest?: string; readonly limit?: number }): Promise<readonly GuestMessage[]>;
  /** These messages of guests, by their ids, were shown. */
  markGuestsRead(ids: readonly string[], options?: CallOptions): Promise<void>;
  /** The state now, then at most ten a second; ends with the transfer. */
  watchTransfer(offer: string, options?: CallOptions): AsyncIterable<NamedTransfer>;
  /** `open`: stops the peer. `connect`: lets go of the daemon, which goes on. */
  close(): Promise<void>;
}
