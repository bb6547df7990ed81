// Binding a server to a TCP address.

import type { Server } from "node:net";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { formatTcpAddress, type HostPort } from "./address.ts";

/**
 * Listens; "*" is both families at once, or IPv4 alone where the system has no IPv6. Rejects with `conflict` (the address is taken),
 * `bad-argument` (it is not this device's, or not this user's to take) or `io`.
 */
export async function bind(server: Server, { host, port }: HostPort): Promise<void> {
  try {
    if (host !== "*") return await listening(server, host, port);
    await listening(server, "::", port).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL") throw error;
      return listening(server, "0.0.0.0", port);
    });
  } catch (error) {
    throw cantListen(error, { host, port });
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host, port, ipv6Only: false }, resolve);
  return promise.finally(() => {
    server.off("error", reject);
    server.off("listening", resolve);
  });
}

function cantListen(error: unknown, wanted: HostPort): CoveyError {
  const address = formatTcpAddress(wanted);
  const { code = "" } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EADDRINUSE":
      return new CoveyError("conflict", `another program listens on ${address} already`, {
        hint: "Choose another port, or stop the other program.",
        cause: error,
      });
    case "EACCES":
      return new CoveyError("bad-argument", `this user may not listen on ${address}`, {
        hint:
          wanted.port < 1024 ? "Ports below 1024 are the system's: choose a higher one, such as 8000." : "Choose another port.",
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new CoveyError("bad-argument", `${wanted.host} is no address of this device`, {
        hint: "Listen on 127.0.0.1 for this device alone, on * for everybody, or on an address that this device has.",
        cause: error,
      });
    default:
      return fromPlatform(error, `listen on ${address}`);
  }
}
