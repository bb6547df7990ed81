// Who is at the other end of a connection.

import type { Socket } from "node:net";

import { formatIp, parseIp } from "../core/ip.ts";

/** "192.0.2.7:51234" or "[2001:db8::1]:51234": an IPv4 client is one, on a port for both families too. Before the connection is closed. */
export function clientOf({ remoteAddress = "", remotePort = 0 }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  const host = plainIp(remoteAddress);
  return `${host.includes(":") ? `[${host}]` : host}:${remotePort}`;
}

/** As IPv4 where it is one, mapped into IPv6 or not. What is no address comes back as it is. */
export function plainIp(ip: string): string {
  const bytes = parseIp(ip);
  return bytes === undefined ? ip : formatIp(bytes);
}
