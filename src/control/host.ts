// A peer together with the lock of its home.

import { openHome } from "../identity/home.ts";
import type { Home } from "../identity/home-names.ts";
import type { Peer, PeerOptions } from "../peer/contract.ts";
import { openPeer } from "../peer/open-peer.ts";
import { lockHome, type HolderKind } from "./lock.ts";

export interface HostedPeer {
  readonly home: Home;
  readonly peer: Peer;
  /** Stops the peer, then lets go of the home. */
  close(): Promise<void>;
}

/** `optionsOf` is asked once the lock is held. Rejects with `home-busy` and with what openPeer rejects with. */
export async function hostPeer(
  dir: string,
  kind: HolderKind,
  optionsOf: (home: Home) => Promise<Omit<PeerOptions, "home">>,
): Promise<HostedPeer> {
  const home = await openHome(dir);
  const lock = lockHome(home, kind);
  try {
    const peer = await openPeer({ home: home.dir, ...(await optionsOf(home)) });
    const close = async (): Promise<void> => {
      try {
        await peer.close();
      } finally {
        lock.release();
      }
    };
    return { home, peer, close };
  } catch (error) {
    lock.release();
    throw error;
  }
}
