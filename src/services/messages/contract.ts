// Messages between two paired peers: durable here, sent when the other is there, marked delivered and read by watermarks.

import type { PeerId } from "../../core/ids.ts";
import type { Cursor } from "../../space/contract.ts";

export type MessageState = "queued" | "delivered" | "read";

/** JSON-plain. */
export interface Message {
  /** The entry's id. */
  readonly id: string;
  /** The other end of the conversation: the peer whose direct space it is in. */
  readonly with: PeerId;
  readonly from: PeerId;
  readonly text: string;
  /** By the sender's clock. */
  readonly sentAtMs: number;
  /** Of a message from here: how far it got. Of one from there: "delivered", or "read" once it was shown here. */
  readonly state: MessageState;
}

/** `now`: the first event of a watch without a cursor, which began here. `reset`: the cursor was of another store, all is told again. */
export type MessageEvent =
  | { readonly type: "now"; readonly cursor: Cursor }
  | { readonly type: "message"; readonly message: Message; readonly cursor: Cursor }
  | { readonly type: "state"; readonly id: string; readonly state: MessageState; readonly cursor: Cursor }
  | { readonly type: "reset"; readonly cursor: Cursor };

/** JSON-plain. What somebody without covey wrote to the gateway. An ordinary message of this peer's own space. */
export interface GuestMessage {
  /** The entry's id. */
  readonly id: string;
  /** "guest-3": numbered in the order in which they first spoke, over restarts. */
  readonly guest: string;
  /** Where it came from: an IP address and port. */
  readonly address: string;
  readonly text: string;
  readonly sentAtMs: number;
}

export interface GuestMessages {
  /** A name for somebody who speaks for the first time; no other guest ever has it again. Rejects with `limit`, as `hear` does. */
  newGuest(): Promise<string>;
  /** Durable when it resolves. Rejects with `bad-argument`, `limit`, as `send` does, and with `limit` while LIMITS.guestUnread wait to be read. */
  hear(message: { readonly guest: string; readonly address: string; readonly text: string }): Promise<GuestMessage>;
  /** The newest `limit` (default 100, at most LIMITS.messagePage) of one guest, or of all, oldest first. */
  list(options?: { readonly guest?: string; readonly limit?: number }): Promise<readonly GuestMessage[]>;
  /** Not read yet, oldest first: at most LIMITS.messagePage. */
  unread(): Promise<readonly GuestMessage[]>;
  countUnread(): Promise<number>;
  /** These were shown. Ids of what is no message of a guest are ignored. */
  markRead(ids: readonly string[]): Promise<void>;
}

export interface Messages {
  /** Durable here when it resolves. Rejects with `bad-argument` for an empty text and `limit` for one over LIMITS.messageBytes. */
  send(peer: PeerId, text: string): Promise<Message>;
  /** The newest `limit` (default 100), oldest of them first. */
  list(peer: PeerId, options?: { readonly limit?: number }): Promise<readonly Message[]>;
  /** Messages and changes of state after the cursor (without one: from now on), until the signal aborts (it then throws the reason). */
  watch(peer: PeerId, options: { readonly after?: Cursor; readonly signal: AbortSignal }): AsyncIterable<MessageEvent>;
  /** From that peer and not read yet, oldest first. */
  unread(peer: PeerId): Promise<readonly Message[]>;
  /** How many messages of that peer are here and not read yet; those behind one that is missing are not counted. */
  countUnread(peer: PeerId): Promise<number>;
  /** Everything from that peer so far was seen; with `shown`, what comes before the first message that is not among these ids. */
  markRead(peer: PeerId, shown?: readonly string[]): Promise<void>;
  /** Those who are no peers. */
  readonly guests: GuestMessages;
  close(): Promise<void>;
}
