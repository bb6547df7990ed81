// Notices that this device has other addresses than before: a cable, another Wi-Fi, a VPN. Node tells nobody, so it is looked up.

import { networkInterfaces } from "node:os";

import { LIMITS } from "../core/limits.ts";

export interface NetworkWatchOptions {
  /** Default: this device's. */
  readonly read?: typeof networkInterfaces;
  /** Default LIMITS.networkWatchMs. */
  readonly everyMs?: number;
}

/** Calls back after each change. Returns the function that ends it. */
export function watchNetwork(onChange: () => void, options: NetworkWatchOptions = {}): () => void {
  const { read = networkInterfaces, everyMs = LIMITS.networkWatchMs } = options;
  const addresses = (): string =>
    Object.values(read())
      .flatMap((infos) => (infos ?? []).map(({ address }) => address))
      .toSorted()
      .join(" ");
  let last = addresses();
  const timer = setInterval(() => {
    const now = addresses();
    if (now === last) return;
    last = now;
    onChange();
  }, everyMs);
  return () => clearInterval(timer);
}
