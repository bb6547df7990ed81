// What a peer says of itself: gathered from its parts when asked.

import type { CoveyError } from "../core/errors.ts";
import type { PeerId } from "../core/ids.ts";
import { VERSION } from "../core/version.ts";
import type { Gateway } from "../gateway/contract.ts";
import type { Identity, PairedPeer, PeerBook } from "../identity/contract.ts";
import type { Files, Transfer } from "../services/files/contract.ts";
import type { Messages } from "../services/messages/contract.ts";
import type { Pairing } from "../services/pairing/contract.ts";
import type { Replication } from "../services/replication/contract.ts";
import type { Sessions } from "../session/contract.ts";
import type { SpaceStore } from "../space/contract.ts";
import type { PeerLink, Status } from "./contract.ts";
import type { Settings } from "./options.ts";

/** A clock that is off by less is nobody's concern. */
const SKEW_WORTH_TELLING_MS = 60_000;

export interface StatusNeeds {
  readonly settings: Settings;
  readonly identity: Identity;
  readonly book: PeerBook;
  readonly sessions: Sessions;
  readonly store: SpaceStore;
  readonly replication: Replication;
  readonly pairing: Pairing;
  readonly messages: Messages;
  readonly files: Files;
  readonly gateway: Pick<Gateway, "list">;
}

export interface StatusTeller {
  status(): Promise<Status>;
  links(): Promise<readonly PeerLink[]>;
  close(): void;
}

export function createStatus(needs: StatusNeeds): StatusTeller {
  const { settings, identity, book, sessions, store, replication, pairing, messages, files, gateway } = needs;
  const { clock } = settings;
  const startedMs = clock.monotonicMs();
  const since = new Map<PeerId, number>();
  const end = sessions.subscribe((event) => {
    if (event.type === "up") since.set(event.session.peer, clock.nowMs());
    else since.delete(event.peer);
  });

  const links = async (): Promise<readonly PeerLink[]> => {
    const deferred = await replication.deferred();
    const link = (peer: PairedPeer): Promise<PeerLink> =>
      linkOf(needs, peer, since.get(peer.peerId), deferred.get(peer.peerId) ?? 0);
    return Promise.all(book.list().map(link));
  };

  const status = async (): Promise<Status> => {
    const [peers, offers, transfers, unread] = await Promise.all([
      links(),
      files.offers(),
      files.transfers(),
      Promise.all([messages.guests.countUnread(), ...book.list().map(({ peerId }) => messages.countUnread(peerId))]),
    ]);
    const servings = gateway.list();
    return {
      peerId: identity.peerId,
      name: settings.name,
      version: VERSION,
      home: settings.home,
      storeId: store.storeId(),
      pid: process.pid,
      uptimeMs: Math.round(clock.monotonicMs() - startedMs),
      addresses: sessions.addresses(),
      incoming: settings.incoming,
      peers,
      unread: unread.reduce((sum, count) => sum + count, 0),
      offersWaiting: offers.filter(({ direction, state }) => direction === "in" && state === "waiting").length,
      transfersRunning: transfers.filter(isRunning).length,
      shares: files.shares().length,
      servings: servings.length,
      warnings: [
        ...peers.flatMap((peer) => warningsOf(peer, sessions.problem(peer.peerId))),
        ...pairing.warnings(),
        ...servings.flatMap(({ number, problem }) =>
          problem === undefined ? [] : [`serving ${number} is not served now: ${problem}`],
        ),
      ],
    };
  };
  return { status, links, close: end };
}

const isRunning = ({ offer, connected, paused }: Transfer): boolean =>
  offer.state === "accepted" && connected && paused === undefined;

async function linkOf(
  { sessions, replication, settings }: StatusNeeds,
  peer: PairedPeer,
  sinceMs: number | undefined,
  deferredIn: number,
): Promise<PeerLink> {
  const session = sessions.get(peer.peerId);
  const waitingOut = await replication.waiting(peer.peerId);
  return {
    peerId: peer.peerId,
    name: peer.name,
    mine: peer.mine,
    pairedAtMs: peer.pairedAtMs,
    addresses: peer.addresses,
    session:
      session === undefined
        ? undefined
        : {
            address: session.address,
            dialled: session.dialled,
            clockSkewMs: session.remote.clockSkewMs,
            sinceMs: sinceMs ?? settings.clock.nowMs(),
          },
    problem: session === undefined ? sessions.problem(peer.peerId)?.message : undefined,
    waitingOut,
    deferredIn,
  };
}

function warningsOf({ name, session, deferredIn }: PeerLink, problem: CoveyError | undefined): string[] {
  const warnings: string[] = [];
  // Away is nothing to tell; this one does not come back by itself.
  if (problem?.code === "not-paired") warnings.push(problem.message);
  const skewMs = session?.clockSkewMs ?? 0;
  if (Math.abs(skewMs) > SKEW_WORTH_TELLING_MS) {
    const minutes = Math.round(Math.abs(skewMs) / 60_000);
    warnings.push(
      `the clock of ${name} is ${minutes} min ${skewMs > 0 ? "ahead of" : "behind"} this one's: set whichever is wrong`,
    );
  }
  if (deferredIn > 0) {
    warnings.push(`${deferredIn} entries of ${name} are from the future by this clock; they show when their time has come`);
  }
  return warnings;
}
