// Addresses as text, and what can be said of one without asking the network. Pure.

import { isIPv4, isIPv6 } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";

import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import { formatIp, parseIp } from "../core/ip.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";

/** A host is an IPv4 or IPv6 address, a DNS name, or "*" for every interface of this device. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?$/i;

/** "tcp" of "tcp://192.0.2.7:4747"; undefined for what is no address. */
export const schemeOf = (address: Address): string | undefined => /^([a-z][a-z0-9+.-]*):\/\//.exec(address)?.[1];

/** Reads "tcp://HOST:PORT", IPv6 in brackets. Throws `bad-argument` that says what is wrong. */
export function parseTcpAddress(address: Address): HostPort {
  const wrong = (why: string): CoveyError =>
    new CoveyError("bad-argument", `"${printable(address.slice(0, 200))}" is not a TCP address: ${why}`, {
      hint: "Write tcp://192.0.2.7:4747, tcp://[2001:db8::1]:4747, tcp://host.example:4747, or tcp://*:4747 to listen everywhere.",
    });
  if (address.length > LIMITS.addressBytes) throw wrong("it is too long");
  const parts = /^tcp:\/\/(?:\[([^\]]*)\]|([^:[\]/]+)):(\d{1,5})$/.exec(address);
  if (parts === null) throw wrong("it must be tcp://HOST:PORT");
  const [, bracketed, plain, digits] = parts;
  const port = Number(digits);
  if (port > 65535) throw wrong("a port is at most 65535");
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) throw wrong("what is in the brackets is not an IPv6 address");
    return { host: bracketed.toLowerCase(), port };
  }
  const host = plain!.toLowerCase();
  if (host === "*" || isIPv4(host)) return { host, port };
  if (/^[\d.]+$/.test(host)) throw wrong("the host is not an IPv4 address");
  if (!DNS_NAME.test(host)) throw wrong("the host is neither an IP address nor a name");
  return { host, port };
}

export const formatTcpAddress = ({ host, port }: HostPort): Address => `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** What limits for one host count together: the IPv4 address (also when mapped into IPv6), or the IPv6 /64. */
export function groupOf(ip: string): string {
  const bytes = parseIp(ip.split("%")[0]!);
  if (bytes === undefined) return ip;
  return bytes.length === 4 ? formatIp(bytes) : `${formatIp(Buffer.concat([bytes.subarray(0, 8), Buffer.alloc(8)]))}/64`;
}

/** Bridges and containers' ends: addresses that other devices rarely reach. */
const VIRTUAL = /^(docker|br-|veth|virbr|vnet|cni|flannel|vmnet|lxc|podman)/;

/**
 * The hosts under which others reach what is bound to `bound`, most useful first: IPv4, then global and unique-local IPv6, those of
 * virtual networks behind; loopback only when there is nothing else. Link-local addresses mean something on one wire only.
 */
export function reachableHosts(
  bound: string,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): readonly string[] {
  const everyFamily = bound === "::";
  if (!everyFamily && bound !== "0.0.0.0") return [bound];
  const rank = (name: string, family: string): number => (VIRTUAL.test(name) ? 2 : 0) + (family === "IPv6" ? 1 : 0);
  const found = Object.entries(interfaces)
    .flatMap(([name, infos]) => (infos ?? []).map((info) => ({ name, ...info })))
    .filter(({ internal, family, address }) => !internal && !isLinkLocal(address) && (everyFamily || family === "IPv4"))
    .map(({ name, family, address }) => ({ address, rank: rank(name, family) }))
    .sort((a, b) => a.rank - b.rank);
  return found.length > 0 ? [...new Set(found.map(({ address }) => address))] : ["127.0.0.1"];
}

const isLinkLocal = (ip: string): boolean => ip.startsWith("169.254.") || /^fe[89ab]/i.test(ip);
