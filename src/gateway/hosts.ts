// Under which hosts a port is reached: those that a browser may name, and the URLs to tell people. Pure.

import type { AddressInfo } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";

import type { Address } from "../core/ids.ts";
import { parseIp, scopeOfIp } from "../core/ip.ts";
import { formatTcpAddress, reachableHosts } from "../transport/address.ts";
import { plainIp } from "./client.ts";

const EVERYWHERE = new Set(["::", "0.0.0.0"]);

/**
 * Whether a host, as a URL has it, is this device: any of its names, or the address that the connection came to. A page that has made its
 * own name lead here is still at its own name, which is none of these.
 */
export function isOurHost(host: string, localAddress: string, hostname: string): boolean {
  const named = host.toLowerCase();
  const bare = named.startsWith("[") && named.endsWith("]") ? named.slice(1, -1) : named;
  const ip = parseIp(bare);
  if (ip !== undefined) {
    if (bare.includes(":") !== (bare !== named)) return false;
    return bare === "127.0.0.1" || bare === "::1" || plainIp(bare) === plainIp(localAddress.split("%")[0]!);
  }
  const ours = hostname.toLowerCase();
  const short = ours.split(".")[0]!;
  return named === "localhost" || (short !== "" && [ours, short, `${short}.local`].includes(named));
}

/** Where it listens: "*" for every interface. */
export const addressOf = ({ address, port }: AddressInfo): Address =>
  formatTcpAddress({ host: EVERYWHERE.has(address) ? "*" : address, port });

/** The URLs of what is bound there: those that others reach first, and then those on this device. `page`: the path for a browser, if any. */
export function urlsOf(
  { address, port }: AddressInfo,
  page: string | undefined,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): readonly string[] {
  const others = reachableHosts(address, interfaces).filter((host) => !isLoopback(host));
  const hosts = EVERYWHERE.has(address) ? [...others, "127.0.0.1"] : [address];
  const plain = hosts.map((host) => formatTcpAddress({ host: host.split("%")[0]!, port }));
  return page === undefined ? plain : plain.map((url) => `${url.replace("tcp:", "http:")}${page}`);
}

function isLoopback(host: string): boolean {
  const ip = parseIp(host);
  return ip !== undefined && scopeOfIp(ip) === "host";
}
