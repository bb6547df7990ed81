// What the user typed becomes a paired peer or a space here, once, for every face of the interface.

import { CoveyError } from "../core/errors.ts";
import type { PeerId, SpaceId } from "../core/ids.ts";
import { printable } from "../core/text.ts";
import type { PairedPeer } from "../identity/contract.ts";
import type { Peer, PeerLink } from "../peer/contract.ts";

/** The name of this peer's own space. */
const SELF = "self";

/** A paired peer by its name or its peer id. Throws `not-found`, naming the nearest. */
export function resolvePeer(peer: Peer, nameOrId: string): PairedPeer {
  const found = peer.book.find(nameOrId);
  if (found !== undefined) return found;
  throw new CoveyError("not-found", `no peer is called ${quoted(nameOrId)}`, {
    hint: peerHint(
      nameOrId,
      peer.book.list().map(({ name }) => name),
    ),
  });
}

/** Whose direct space a name means: a peer's; undefined for this peer's own, which is also meant without a name. */
export const resolveOwner = (peer: Peer, name: string | undefined): PeerId | undefined =>
  name === undefined || name === SELF ? undefined : resolvePeer(peer, name).peerId;

/** The direct space with a peer; this peer's own without a name. */
export async function resolveSpace(peer: Peer, name: string | undefined): Promise<SpaceId> {
  const owner = resolveOwner(peer, name);
  return owner === undefined ? peer.store.self() : peer.store.direct(owner);
}

/** What is known of a paired peer now. */
export async function linkOf(peer: Peer, { peerId }: PairedPeer): Promise<PeerLink> {
  const link = (await peer.links()).find((one) => one.peerId === peerId);
  if (link === undefined) throw new CoveyError("not-found", "that peer was removed meanwhile");
  return link;
}

const quoted = (text: string): string => `"${printable(text.slice(0, 80))}"`;

function peerHint(wanted: string, names: readonly string[]): string {
  if (names.length === 0) return "No peer is paired yet: `covey pair`, or `invite()`, makes a ticket for the first one.";
  const near = names.filter((name) => isNear(wanted.toLowerCase(), name.toLowerCase()));
  if (near.length > 0) return `Did you mean ${near.slice(0, 3).map(printable).join(" or ")}?`;
  return names.length <= 8
    ? `Paired peers: ${names.map(printable).join(", ")}.`
    : "`covey peer ls`, or `peers()`, lists the paired peers.";
}

/** Within two edits, or the beginning of the other. */
function isNear(a: string, b: string): boolean {
  if (a.length > 0 && (a.startsWith(b) || b.startsWith(a))) return true;
  return Math.abs(a.length - b.length) <= 2 && editDistance(a, b) <= (Math.min(a.length, b.length) <= 3 ? 1 : 2);
}

/** Levenshtein's, by rows. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
