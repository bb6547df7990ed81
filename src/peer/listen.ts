// Where a peer listens when it was not told: on all interfaces, at a port that its home keeps. It is drawn by the system at the first
// start and asked for again ever after, so that what the paired peers remember stays true.

import { replaceFile } from "../core/atomic-file.ts";
import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import type { Logger } from "../core/log.ts";
import { readPrivateFile } from "../identity/private-file.ts";

const ALL_INTERFACES = (port: number): Address => `tcp://*:${port}`;
const PORT_FILE_BYTES = 64;

export interface KeptPort {
  /** Where to listen, in this order, until one is free. */
  readonly candidates: readonly Address[];
  /** Remembers what a first start drew; later ones change nothing. */
  keep(addresses: readonly Address[]): Promise<void>;
}

/** `file` holds the port as decimal digits. One that is damaged is drawn again. */
export async function keptPort(file: string, log: Logger): Promise<KeptPort> {
  const text = await readPrivateFile(file, PORT_FILE_BYTES);
  const port = Number(/^(\d{1,5})\n$/.exec(text ?? "")?.[1] ?? 0);
  const known = port > 0 && port < 65_536;
  if (text !== undefined && !known) log.warn({ file }, "the kept port can't be read; another one is drawn");
  return {
    candidates: known ? [ALL_INTERFACES(port), ALL_INTERFACES(0)] : [ALL_INTERFACES(0)],
    async keep(addresses) {
      const drawn = /:(\d+)$/.exec(addresses[0] ?? "")?.[1];
      if (!known && drawn !== undefined) await replaceFile(file, `${drawn}\n`);
    },
  };
}

/** Tries them in order; only an address that is taken leads to the next one. Rejects as the last one did. */
export async function listenAtFirstFree(
  candidates: readonly (readonly Address[])[],
  listen: (at: readonly Address[]) => Promise<void>,
  log: Logger,
): Promise<void> {
  for (const [index, at] of candidates.entries()) {
    try {
      return await listen(at);
    } catch (error) {
      const taken = error instanceof CoveyError && error.code === "conflict";
      if (!taken || index === candidates.length - 1) throw error;
      log.warn({ at }, "another program has the port that this home keeps; another one is used for now");
    }
  }
}
