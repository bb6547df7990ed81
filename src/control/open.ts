// Covey over a peer in this process.

import type { Logger } from "../core/log.ts";
import type { Address } from "../core/ids.ts";
import type { Covey } from "./covey.ts";
import { createCovey } from "./facade.ts";
import { homePath } from "./home-path.ts";

/** Everything has a default. */
export interface OpenOptions {
  /** The directory of everything of this peer. Default: COVEY_HOME, or the user's. */
  readonly home?: string;
  /** What this device calls itself when it pairs. Default: the host name. */
  readonly name?: string;
  /** Where to listen; [] for nowhere. Port 0 is a port drawn once and kept in the home. Default: "tcp://*:0", all interfaces. */
  readonly listen?: readonly Address[];
  /** The directory of files from one's own devices, which come without asking. Default: "Downloads" in the user's home directory. */
  readonly incoming?: string;
  /** Default: nothing is logged. */
  readonly log?: Logger;
}

/**
 * Hosts a peer in this process, until it is closed. Rejects with `home-busy` while another process hosts it, `home-unsafe`, `version`,
 * `conflict` (an address is taken), `bad-argument`, `io`.
 */
export async function open({ home, ...options }: OpenOptions = {}): Promise<Covey> {
  // Whoever only connects loads none of this.
  const [{ hostPeer }, { localInvoker }] = await Promise.all([import("./host.ts"), import("./invoke.ts")]);
  const hosted = await hostPeer(homePath(home), "program", async () => options);
  return createCovey(localInvoker(hosted.peer, () => hosted.close()));
}
