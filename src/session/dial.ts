// From a peer id and some addresses to a connection whose other end has proven to be that peer.

import { CoveyError } from "../core/errors.ts";
import type { Address, PeerId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { schemeOf } from "../transport/address.ts";
import { race } from "../transport/race.ts";
import type { Transport } from "../transport/transport.ts";
import { createDeadline } from "./deadline.ts";
import type { Gate, Secured } from "./gate.ts";

export interface Reached {
  readonly secured: Secured;
  /** The one that was fastest. */
  readonly address: Address;
}

export interface DialNeeds {
  readonly gate: Gate;
  /** By scheme. */
  readonly transports: ReadonlyMap<string, Transport>;
  /** For one address, from the first packet to the proven key. */
  readonly handshakeMs: number;
}

/** Races the addresses up to the proven key: whoever else may answer at an old address does not win. Rejects with `unreachable`. */
export function reach(needs: DialNeeds, peer: PeerId, addresses: readonly Address[], signal: AbortSignal): Promise<Reached> {
  const candidates = [...new Set(addresses)].slice(0, LIMITS.dialAddresses);
  const attempt = async (address: Address, stop: AbortSignal): Promise<Reached> => {
    const transport = needs.transports.get(schemeOf(address) ?? "");
    if (transport === undefined) throw new CoveyError("unreachable", "this device has no way to dial such an address");
    using deadline = createDeadline(needs.handshakeMs, "the connection", stop);
    const { duplex } = await transport.dial(address, deadline.signal);
    return { secured: await needs.gate.dial(duplex, peer, deadline.signal), address };
  };
  return race(candidates, attempt, { signal, discard: ({ secured }) => secured.socket.destroy() });
}
