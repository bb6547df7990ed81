// What is being received, whatever it is: open from the first attempt to the last, so that what is in memory is not read again.

import type { TreeWriter } from "../../../blob/tree/contract.ts";
import type { Clock } from "../../../core/clock.ts";
import type { Session } from "../../../session/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { RemoteFault } from "../fetch/remote.ts";
import type { Ledger } from "../offers/ledger.ts";
import type { OfferRecord } from "../offers/records.ts";

/**
 * done: in place, and on record; what was kept on the way is gone. more: something is left to ask for. grown: much more than what was
 * agreed to, as the message says. peer, cut: see RemoteFault; what came before stays.
 */
export type Step = { readonly type: "done" | "more" } | { readonly type: "grown"; readonly message: string } | RemoteFault;

export interface Incoming {
  /** Verified and written, of this and of earlier runs. */
  readonly doneBytes: number;
  /** What it still needs on the disk. */
  readonly missingBytes: number;
  /** A write or a flush failed, and what is on disk can't be known: none of it is to be used again. */
  readonly isSpoilt: boolean;
  /** Whether what is here belongs to the thing as it is offered now. */
  fits(record: OfferRecord): boolean;
  /** One attempt to bring what is missing. What goes wrong on this side is thrown. */
  advance(session: Session, placeWanted: () => boolean, signal: AbortSignal): Promise<Step>;
  /** What came before the call survives anything once it resolves. */
  checkpoint(): Promise<void>;
  /** Keeps what is there for later, as of the last checkpoint; with `save`, as of now. Not to be used afterwards. */
  close(options: { readonly save: boolean }): Promise<void>;
}

export interface IncomingNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly writer: TreeWriter;
  readonly clock: Clock;
  /** What to ask the sender for. Throws `not-found`. */
  remoteOf(record: OfferRecord): { readonly offer: string; readonly path?: string };
}
