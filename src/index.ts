// The public API: this list and nothing else.

export { connect } from "./control/connect.ts";
export { open, type OpenOptions } from "./control/open.ts";
export type {
  Access,
  CallOptions,
  Covey,
  DataHandle,
  Inbox,
  InboxMessage,
  NamedOffer,
  NamedShare,
  NamedTransfer,
  PairInvitation,
  PeerHandle,
  Placement,
  TransferJob,
  WatchOptions,
} from "./control/covey.ts";
export type { RootSummary, TreeNote, TreeNoteCode, TreeNotes } from "./blob/tree/contract.ts";
export { CoveyError, type ErrorCode, type ErrorExtras, type ErrorJson } from "./core/errors.ts";
export type { Address, EntryId, PeerId, SpaceId, StoreId } from "./core/ids.ts";
export type { LogFacts, Logger } from "./core/log.ts";
export { printable } from "./core/text.ts";
export type { PeerLink, Status } from "./peer/contract.ts";
export type { DataConflict, DataEvent, DataItem, DataVersion, Json } from "./services/data/contract.ts";
export type { Listed, Offer, OfferState, Policy, RemoteShare, Share, Transfer } from "./services/files/contract.ts";
export type { Message, MessageEvent, MessageState } from "./services/messages/contract.ts";
export type { Cursor } from "./space/contract.ts";
