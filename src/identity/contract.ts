// Who this device is, and whom it is paired with.

import type { Address, PeerId } from "../core/ids.ts";

/** This device's key. */
export interface Identity {
  readonly peerId: PeerId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes: the Ed25519 seed. Goes to TLS and to the store's worker, nowhere else. */
  readonly seed: Uint8Array;
  /** For TLS: PKCS#8 and the self-signed certificate. */
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** A peer that is paired with this one. */
export interface PairedPeer {
  readonly peerId: PeerId;
  /** The user's name for it here; unique. */
  readonly name: string;
  /** Another device of the same person: its files are taken without asking. */
  readonly mine: boolean;
  /** Where it was last heard of, best first. */
  readonly addresses: readonly Address[];
  /** The same on both sides, and later with each pairing: by the clock of the two that is ahead. */
  readonly pairedAtMs: number;
}

/** The paired peers, durable before a call returns. Names: parsePeerName in names.ts. */
export interface PeerBook {
  list(): readonly PairedPeer[];
  byId(peer: PeerId): PairedPeer | undefined;
  /** By name, or by the whole peer id. */
  find(nameOrId: string): PairedPeer | undefined;
  /** 32 bytes from the pairing's TLS exporter. */
  secret(peer: PeerId): Buffer | undefined;
  /**
   * Adds or replaces. A taken name gets a number behind it, unless it is this peer's own. Resolves to what was stored.
   * `again`: only if it is paired still; rejects with `not-paired` when it was removed meanwhile.
   */
  add(peer: PairedPeer & { readonly secret: Uint8Array }, options?: { readonly again?: boolean }): Promise<PairedPeer>;
  /** Rejects with `not-found`, or with `conflict` when the name is taken. */
  update(peer: PeerId, change: Partial<Pick<PairedPeer, "name" | "mine" | "addresses">>): Promise<PairedPeer>;
  remove(peer: PeerId): Promise<void>;
  /** Called after each change is durable. Returns the function that ends it. */
  subscribe(listener: () => void): () => void;
}
