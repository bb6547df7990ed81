// Addresses as a ticket carries them, and those of them that another peer may tell us.
//
// In a ticket: a kind byte (4 or 6), the bytes of the IP address, the port as u16, for tcp://IP:PORT; else 0, a length byte, the text.

import { type ByteReader, u16 } from "../../core/bytes.ts";
import type { Address } from "../../core/ids.ts";
import { formatIp, mayBeTold, parseIp, scopeOfIp } from "../../core/ip.ts";
import { LIMITS } from "../../core/limits.ts";

interface Endpoint {
  /** 4 or 16 bytes. */
  readonly ip: Buffer;
  readonly port: number;
}

const KIND = { text: 0, ipv4: 4, ipv6: 6 } as const;

/** undefined for what can't be dialled from elsewhere or is no address. */
export function encodeAddress(address: Address): Buffer | undefined {
  const endpoint = endpointOf(address);
  if (endpoint !== undefined) {
    const kind = endpoint.ip.length === 4 ? KIND.ipv4 : KIND.ipv6;
    return Buffer.concat([Buffer.of(kind), endpoint.ip, u16(endpoint.port)]);
  }
  if (!isText(address) || address.length > 255) return undefined;
  return Buffer.concat([Buffer.of(KIND.text, address.length), Buffer.from(address)]);
}

/** Whether it means anything elsewhere. */
export const isDialable = (address: Address): boolean => encodeAddress(address) !== undefined;

/** Throws `protocol` for anything that `encodeAddress` does not write. */
export function readAddress(reader: ByteReader): Address {
  const kind = reader.u8();
  if (kind === KIND.ipv4 || kind === KIND.ipv6) {
    const ip = reader.take(kind === KIND.ipv4 ? 4 : 16);
    const address = format({ ip, port: reader.u16() });
    if (endpointOf(address) === undefined) throw reader.error("has an address that nobody can dial");
    return address;
  }
  if (kind !== KIND.text) throw reader.error(`has an address of an unknown kind ${kind}`);
  const text = reader.take(reader.u8()).toString("latin1");
  if (!isText(text)) throw reader.error("has a text that is not an address");
  return text;
}

/** What to keep of the addresses that the peer at the other end of `via` says it has: IP addresses that it may tell of. */
export function believableAddresses(claimed: readonly Address[], via: Address): Address[] {
  const reached = endpointOf(via);
  const isBelievable = (address: Address): boolean => {
    const endpoint = endpointOf(address);
    if (endpoint === undefined) return isText(address) && schemeOf(address) === schemeOf(via);
    return mayBeTold(endpoint.ip, reached?.ip);
  };
  return [...new Set(claimed.filter(isBelievable))].slice(0, LIMITS.dialAddresses);
}

/** Of tcp://IP:PORT only; without a zone, and with a port and an IP address that can be dialled. */
function endpointOf(address: Address): Endpoint | undefined {
  const parts = /^tcp:\/\/(?:\[(?<ipv6>[0-9a-f:.]{2,45})\]|(?<ipv4>[\d.]{7,15})):(?<port>[1-9]\d{0,4})$/i.exec(address)?.groups;
  const ip = parseIp(parts?.ipv6 ?? parts?.ipv4 ?? "");
  const port = Number(parts?.port);
  return ip !== undefined && port <= 65_535 && scopeOfIp(ip) !== "none" ? { ip, port } : undefined;
}

const format = ({ ip, port }: Endpoint): Address =>
  ip.length === 4 ? `tcp://${formatIp(ip)}:${port}` : `tcp://[${formatIp(ip)}]:${port}`;

/** An address of another scheme: its transport reads the rest. */
const isText = (text: string): boolean =>
  schemeOf(text) !== undefined && schemeOf(text) !== "tcp" && text.length <= LIMITS.addressBytes;

const schemeOf = (address: string): string | undefined => /^([a-z][a-z0-9+.-]*):\/\/[\x21-\x7e]+$/.exec(address)?.[1];
