// The public API: this list and nothing else.

export type { CallOptions, WatchOptions } from "./control/call-options.ts";
export { connect } from "./control/connect.ts";
export { open, type OpenOptions } from "./control/open.ts";
export type {
  Access,
  Covey,
  Inbox,
  InboxMessage,
  NamedOffer,
  NamedShare,
  NamedTransfer,
  PairInvitation,
  PeerHandle,
  Placement,
  ServeOptions,
  ServingHandle,
  TransferJob,
} from "./control/covey.ts";
export type {
  DataHandle,
  DataIssue,
  InvalidValue,
  StandardSchema,
  TypedDataHandle,
  TypedItem,
  TypedVersion,
  ValidValue,
} from "./control/data/contract.ts";
export type { ByteStream, HandleOptions, StreamHandler, StreamRegistration } from "./control/streams/contract.ts";
export type { RootSummary, TreeNote, TreeNoteCode, TreeNotes } from "./blob/tree/contract.ts";
export { CoveyError, type ErrorCode, type ErrorExtras, type ErrorJson } from "./core/errors.ts";
export type { Address, EntryId, PeerId, SpaceId, StoreId } from "./core/ids.ts";
export type { LogFacts, Logger } from "./core/log.ts";
export { printable } from "./core/text.ts";
export type { ServedListPlace, ServeSettings, Serving, ServingEvent } from "./gateway/contract.ts";
export type { PeerLink, Status } from "./peer/contract.ts";
export type {
  Downloaded,
  DownloadOptions,
  DownloadProgress,
  Plain,
  PlainAnswer,
  PlainListener,
  PlainStream,
} from "./plain/contract.ts";
export { plain } from "./plain/plain.ts";
export type { DataConflict, DataEvent, DataItem, DataRemoval, DataVersion, Json } from "./services/data/contract.ts";
export type { Listed, Offer, OfferState, Policy, RemoteShare, Share, Transfer } from "./services/files/contract.ts";
export type { GuestMessage, Message, MessageEvent, MessageState } from "./services/messages/contract.ts";
export type { Cursor } from "./space/contract.ts";
