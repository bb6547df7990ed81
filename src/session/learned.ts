// Where a peer may be found again, out of what it says of itself and what was seen. Pure.

import type { Address } from "../core/ids.ts";
import { type IpScope, parseIp, scopeOfIp } from "../core/ip.ts";
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
  // Another device's loopback is not ours: it only counts for a peer on this device.
  const here = isLoopback(address);
  const told = listen.filter((one) => isDialable(one, schemes) && (here || !isLoopback(one)));
  const proven = dialled ? [address] : known.filter((one, at) => at === 0 && told.includes(one));
  const all = new Set([...proven, ...told, ...seenFromHere(address, dialled, told), ...known]);
  return [...all].slice(0, LIMITS.dialAddresses);
}

function isDialable(address: Address, schemes: ReadonlySet<string>): boolean {
  const scheme = schemeOf(address);
  if (scheme === undefined || !schemes.has(scheme)) return false;
  if (scheme !== "tcp") return true;
  const at = tcpOf(address);
  return at !== undefined && at.port !== 0 && at.host !== "*" && scopeOf(at.host) !== "none";
}

/** Who dialled us from behind a port mapping or with several interfaces: its host with the port that it listens on. */
function seenFromHere(address: Address, dialled: boolean, told: readonly Address[]): readonly Address[] {
  const from = tcpOf(address);
  const ports = told.flatMap((one) => tcpOf(one)?.port ?? []);
  return dialled || from === undefined || ports[0] === undefined ? [] : [formatTcpAddress({ host: from.host, port: ports[0] })];
}

const isLoopback = (address: Address): boolean => scopeOf(tcpOf(address)?.host ?? "") === "host";

/** Of a name only "localhost" can be said without asking; undefined for the others. */
function scopeOf(host: string): IpScope | undefined {
  if (/(^|\.)localhost\.?$/.test(host)) return "host";
  const ip = parseIp(host.split("%")[0]!);
  return ip === undefined ? undefined : scopeOfIp(ip);
}

function tcpOf(address: Address): ReturnType<typeof parseTcpAddress> | undefined {
  if (schemeOf(address) !== "tcp") return undefined;
  try {
    return parseTcpAddress(address);
  } catch {
    return undefined;
  }
}
