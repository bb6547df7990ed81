// BLAKE3, native. Everything that covey names by content is named by one of these, each with a domain of its own.

import { blake3, Blake3Hasher } from "@napi-rs/blake-hash";

/** BLAKE3 of the bytes: 32 bytes. */
export const hash = (bytes: Uint8Array): Buffer => blake3(bytes);

/** BLAKE3 of `domain`, a NUL and the parts in order: 32 bytes. A domain is a constant such as "covey/entry/1". */
export function domainHash(domain: string, ...parts: readonly Uint8Array[]): Buffer {
  const hasher = new Blake3Hasher().update(`${domain}\0`);
  for (const part of parts) hasher.update(part);
  return hasher.digestBuffer();
}

/** BLAKE3's key derivation: 32 bytes for one purpose out of a secret. */
export const deriveKey = (purpose: string, secret: Uint8Array): Buffer => Blake3Hasher.deriveKey(purpose, secret);

/** Incremental BLAKE3. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** 32 bytes; the hasher is not to be used afterwards. */
  digest(): Buffer;
}

export function createHasher(): Hasher {
  const hasher = new Blake3Hasher();
  return {
    update: (bytes) => void hasher.update(bytes),
    digest: () => hasher.digestBuffer(),
  };
}
