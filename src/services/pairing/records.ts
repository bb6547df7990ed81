// What a pairing leaves in the book, in one order on both sides even when two peers join each other at once (see protocol.ts).

import { createTurns } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import type { Address, PeerId } from "../../core/ids.ts";
import type { Logger } from "../../core/log.ts";
import type { PairedPeer, PeerBook } from "../../identity/contract.ts";
import { nameFrom } from "../../identity/names.ts";
import type { Choice } from "./invitations.ts";

export interface Meeting {
  readonly peer: PeerId;
  readonly choice: Choice;
  /** It used this very ticket before: should it have been removed since, it stays out. */
  readonly again: boolean;
  /** What it calls itself: anything. */
  readonly itsName: string;
  /** Best first; those known before stay behind them. */
  readonly addresses: readonly Address[];
  readonly secret: Buffer;
}

export interface Records {
  /** Now, or a moment later than the last pairing with this peer. */
  nextMomentMs(peer: PeerId): number;
  /** As inviter: at the moment that the joiner named, or a later one. */
  keepFrom(meeting: Meeting, joinersMomentMs: number): Promise<PairedPeer>;
  /** As joiner: at the moment that the inviter answered. */
  keepAt(meeting: Meeting, agreedMomentMs: number): Promise<PairedPeer>;
}

interface RecordsNeeds {
  readonly book: PeerBook;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createRecords({ book, clock, log }: RecordsNeeds): Records {
  const inTurn = createTurns();
  const nextMomentMs = (peer: PeerId): number => Math.max(clock.nowMs(), (book.byId(peer)?.pairedAtMs ?? 0) + 1);

  const keep = async ({ peer, choice, again, itsName, addresses, secret }: Meeting, pairedAtMs: number): Promise<PairedPeer> => {
    const before = book.byId(peer);
    const record = {
      peerId: peer,
      name: choice.as ?? before?.name ?? nameFrom(itsName),
      mine: choice.mine ?? before?.mine ?? false,
      addresses: [...new Set([...addresses, ...(before?.addresses ?? [])])],
      pairedAtMs,
      secret,
    };
    const kept = await book.add(record, { again: again || before !== undefined });
    log.info({ peer, name: kept.name, mine: kept.mine, again: before !== undefined }, "paired");
    return kept;
  };

  return {
    nextMomentMs,
    keepFrom: (meeting, joinersMomentMs) => inTurn(() => keep(meeting, Math.max(joinersMomentMs, nextMomentMs(meeting.peer)))),
    keepAt: (meeting, agreedMomentMs) =>
      inTurn(() => {
        const crossed = laterPairing(book, meeting, agreedMomentMs);
        return crossed === undefined
          ? keep(meeting, agreedMomentMs)
          : keep({ ...meeting, secret: crossed.secret }, crossed.pairedAtMs);
      }),
  };
}

/** The pairing in the book, if it is the later one of two that crossed; of two at the same moment, both sides take the same. */
function laterPairing(
  book: PeerBook,
  { peer, secret }: Meeting,
  agreedMomentMs: number,
): { pairedAtMs: number; secret: Buffer } | undefined {
  const pairedAtMs = book.byId(peer)?.pairedAtMs;
  const kept = book.secret(peer);
  if (pairedAtMs === undefined || kept === undefined || pairedAtMs < agreedMomentMs) return undefined;
  return pairedAtMs > agreedMomentMs || Buffer.compare(kept, secret) > 0 ? { pairedAtMs, secret: kept } : undefined;
}
