// Covey over a peer in this process.

import type { Logger } from "../core/log.ts";
import type { Address } from "../core/ids.ts";
import type { Covey } from "./covey.ts";
import { createCovey } from "./facade.ts";
import { homePath } from "./home-path.ts";

/** Everything has a default; see PeerOptions. */
export interface OpenOptions {
  /** The directory of everything of this peer. Default: COVEY_HOME, or the user's. */
  readonly home?: string;
  readonly name?: string;
  readonly listen?: readonly Address[];
  readonly incoming?: string;
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
