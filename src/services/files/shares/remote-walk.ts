// What is in another peer's share now, pack by pack, at the reader's pace. A reader that takes its time lets the stream be cut
// meanwhile: the walk is asked for again, from behind the last record.

import type { Clock } from "../../../core/clock.ts";
import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { readPack, type TreeRecord } from "../../../blob/tree/pack.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { Session } from "../../../session/contract.ts";
import type { Links } from "../downloads/links.ts";
import { faultOf, type RemoteFault } from "../fetch/remote.ts";
import { Walk } from "../trees/walk.ts";
import type { RemoteShares } from "./remote-shares.ts";
import type { SharePath } from "./share-path.ts";
import { WalkOrder } from "./walk-order.ts";

export interface AskingNeeds {
  readonly book: Pick<PeerBook, "byId">;
  readonly links: Pick<Links, "get">;
  readonly remoteShares: RemoteShares;
  readonly clock: Clock;
}

/** What to ask, and whom. Throws `not-paired`, `not-found`, `unreachable`. */
export function askFor(
  { book, links, remoteShares }: AskingNeeds,
  peer: PeerId,
  share: string,
): { readonly session: Session; readonly offer: string } {
  if (book.byId(peer) === undefined) throw new CoveyError("not-paired", "that peer is not paired with this one");
  const offer = remoteShares.idOf(peer, share);
  const session = links.get(peer);
  if (session !== undefined) return { session, offer };
  throw new CoveyError("unreachable", "the other device is away, and only itself knows what is in its shares now", {
    hint: "Try again once it is on and connected; `covey status`, or `status()`, shows when that is.",
  });
}

/**
 * The thing at the path, then what is in it; with `deep`, all below. Without contents. Paths begin with the last component. Many at once:
 * to wait for each of a hundred thousand by itself would take most of the time.
 */
export async function* walkShare(
  needs: AskingNeeds,
  peer: PeerId,
  at: SharePath,
  deep: boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly TreeRecord[], void> {
  const order = new WalkOrder(at.path.slice(at.path.lastIndexOf("/") + 1), deep);
  for (;;) {
    const before = order.last;
    const fault = yield* walkOn(needs, peer, at, order, deep, signal);
    if (fault === undefined) return order.end();
    // Cut, but something came: it goes on from there.
    if (fault.type === "peer" || order.last === before) throw told(fault.error, at);
  }
}

/** From behind the last record. Returns why it did not come to the end. */
async function* walkOn(
  needs: AskingNeeds,
  peer: PeerId,
  { share, path }: SharePath,
  order: WalkOrder,
  deep: boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly TreeRecord[], RemoteFault | undefined> {
  const { session, offer } = askFor(needs, peer, share);
  const args = { offer, path, after: order.last, content: false, deep };
  let walk: Walk | undefined;
  try {
    walk = await Walk.open({ clock: needs.clock, placeWanted: () => false }, session, args, signal);
    for (let pack; (pack = await walk.next()) !== undefined;) {
      const records = [...readPack(pack)];
      for (const record of records) order.take(record);
      yield records;
    }
    void walk.leave(0);
    walk = undefined;
    return undefined;
  } catch (error) {
    return faultOf(error);
  } finally {
    walk?.cut();
  }
}

/** What the other side answered, in words for who asked. */
export function told(error: CoveyError, { path }: SharePath): CoveyError {
  const { code } = error;
  if (code === "not-found")
    return new CoveyError(code, `there is no ${JSON.stringify(path)} in the other device's shares`, {
      hint: "`covey ls NAME:`, or `shares()`, lists what it shares; `covey ls NAME:PATH`, or `list()`, what is in that.",
    });
  if (code === "refused")
    return new CoveyError("not-found", `the other device does not share ${JSON.stringify(path)} any more`, {
      hint: "`covey ls NAME:`, or `shares()`, lists what it shares.",
    });
  return error;
}
