// The port that a home keeps: drawn by the system when the peer first listens at port 0, and asked for again ever after, so that what
// the paired peers remember of it stays true.

import { replaceFile } from "../core/atomic-file.ts";
import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import type { Logger } from "../core/log.ts";
import { readPrivateFile } from "../identity/private-file.ts";

const PORT_FILE_BYTES = 64;
const PORT_0 = /:0$/;

export interface Listening {
  /** Where to listen, as told. */
  readonly wanted: readonly Address[];
  /** Holds the port as decimal digits. */
  readonly portFile: string;
  readonly log: Logger;
  /** Rejects with `conflict` when an address is taken; resolves to where others can dial it. */
  listen(at: readonly Address[]): Promise<readonly Address[]>;
}

/**
 * Listens where it is wanted, with the home's port in the place of port 0. When another program has that port, a free one is used for
 * now, and the home's is tried again the next time. Rejects as `listen` does.
 */
export async function listenAtKeptPort({ wanted, portFile, log, listen }: Listening): Promise<void> {
  const kept = await readPort(portFile, log);
  if (kept === undefined) {
    const named = wanted.map(portOf);
    const drawn = (await listen(wanted)).map(portOf).find((port) => !named.includes(port));
    if (drawn !== undefined) await replaceFile(portFile, `${drawn}\n`);
    return;
  }
  const at = wanted.map((address) => address.replace(PORT_0, `:${kept}`));
  try {
    await listen(at);
  } catch (error) {
    const taken = error instanceof CoveyError && error.code === "conflict" && at.join() !== wanted.join();
    if (!taken) throw error;
    log.warn({ port: kept }, "another program has the port that this home keeps; a free one is used for now");
    await listen(wanted);
  }
}

const portOf = (address: Address): string | undefined => /:(\d+)$/.exec(address)?.[1];

async function readPort(file: string, log: Logger): Promise<number | undefined> {
  const text = await readPrivateFile(file, PORT_FILE_BYTES);
  const port = Number(/^(\d{1,5})\n$/.exec(text ?? "")?.[1] ?? 0);
  if (port > 0 && port < 65_536) return port;
  if (text !== undefined) log.warn({ file }, "the kept port can't be read; another one is drawn");
  return undefined;
}
