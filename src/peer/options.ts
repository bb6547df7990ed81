// What a peer is started with: checked and completed once; nothing behind this file asks for a default again.

import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";

import { systemClock, type Clock } from "../core/clock.ts";
import type { Address } from "../core/ids.ts";
import { silentLog, type Logger } from "../core/log.ts";
import { nameFrom, parsePeerName } from "../identity/names.ts";
import { tcpTransport } from "../transport/tcp.ts";
import type { Transport } from "../transport/transport.ts";
import type { PeerOptions } from "./contract.ts";

export interface Settings {
  readonly home: string;
  readonly name: string;
  readonly listen: readonly Address[];
  readonly incoming: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly transports: readonly Transport[];
}

/** Rejects with `bad-argument`. Paths come out absolute. */
export function completeOptions(options: PeerOptions): Settings {
  return {
    home: resolve(options.home),
    name: options.name === undefined ? nameFrom(hostname()) : parsePeerName(options.name),
    listen: options.listen ?? ["tcp://*:0"],
    incoming: resolve(options.incoming ?? join(homedir(), "Downloads")),
    log: options.log ?? silentLog,
    clock: options.clock ?? systemClock,
    transports: options.transports ?? [tcpTransport],
  };
}
