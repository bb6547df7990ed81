// Where a peer may be found again, out of what it says of itself and what was seen. Pure.

import type { Address } from "../core/ids.ts";
import { mayBeTold, parseIp } from "../core/ip.ts";
import { LIMITS } from "../core/limits.ts";
import { formatTcpAddress, parseTcpAddress, schemeOf } from "../transport/address.ts";

export interface Seen {
  /** Of the session that is up. */
  readonly address: Address;
  readonly dialled: boolean;
  /** Where the peer says that it listens; checked for nothing but length and number. */
  readonly listen: readonly Address[];
  /** What was known before, best first. */
  readonly known: readonly Address[];
  /** Schemes that can be dialled here. */
  readonly schemes: ReadonlySet<string>;
}

/** Best first: what just worked, then what the peer says, its host as seen from here, and what was known before. */
export function learnedAddresses({ address, dialled, listen, known, schemes }: Seen): readonly Address[] {
  const via = ipOf(tcpOf(address));
  const told = listen.filter((one) => isBelievable(one, via, schemes));
  const proven = dialled ? [address] : known.filter((one, at) => at === 0 && told.includes(one));
  const all = new Set([...proven, ...told, ...seenFromHere(address, dialled, told), ...known]);
  return [...all].slice(0, LIMITS.dialAddresses);
}

/** An IP address that it may tell of, and no name: whoever answers for a name can have it lead anywhere, later. */
function isBelievable(address: Address, via: Buffer | undefined, schemes: ReadonlySet<string>): boolean {
  const scheme = schemeOf(address);
  if (scheme === undefined || !schemes.has(scheme)) return false;
  if (scheme !== "tcp") return true;
  const at = tcpOf(address);
  const ip = ipOf(at);
  return ip !== undefined && at?.port !== 0 && mayBeTold(ip, via);
}

/** Who dialled us from behind a port mapping or with several interfaces: its host with the port that it listens on. */
function seenFromHere(address: Address, dialled: boolean, told: readonly Address[]): readonly Address[] {
  const from = tcpOf(address);
  const ports = told.flatMap((one) => tcpOf(one)?.port ?? []);
  return dialled || from === undefined || ports[0] === undefined ? [] : [formatTcpAddress({ host: from.host, port: ports[0] })];
}

const ipOf = (at: ReturnType<typeof tcpOf>): Buffer | undefined => parseIp(at?.host.split("%")[0] ?? "");

function tcpOf(address: Address): ReturnType<typeof parseTcpAddress> | undefined {
  if (schemeOf(address) !== "tcp") return undefined;
  try {
    return parseTcpAddress(address);
  } catch {
    return undefined;
  }
}
