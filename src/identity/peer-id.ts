// The text of a peer's public key: base32 of the key and three check bytes, 56 letters, so that a slip of the finger names nobody.

import sodium from "sodium-native";

import { equalBytes, fromBase32, toBase32, toHex } from "../core/bytes.ts";
import { CoveyError } from "../core/errors.ts";
import { domainHash } from "../core/hash.ts";
import type { PeerId } from "../core/ids.ts";

const KEY_BYTES = 32;
const CHECK_BYTES = 3;
const KNOWN_KEYS = 4096;

// Looking at the point costs 50 µs, and the same few keys come again with every entry.
const known = new Map<string, PeerId>();

/**
 * The id of an Ed25519 public key. Throws `bad-argument` for 32 bytes that are no canonical point of prime order: such a key is
 * either nobody's, or (small order) anybody's, since OpenSSL takes signatures by it that everybody can make.
 */
export function peerIdOf(key: Uint8Array): PeerId {
  const hex = toHex(key);
  return known.get(hex) ?? remember(hex, idOfNewKey(key));
}

/** Whitespace around it and upper case are tolerated. Throws `bad-argument`: mistyped, or not a peer id at all. */
export function parsePeerId(text: string): PeerId {
  const trimmed = text.trim();
  const bytes = looksLikePeerId(trimmed) ? fromBase32(trimmed) : undefined;
  if (bytes === undefined) {
    throw new CoveyError("bad-argument", "that is not a peer id", {
      hint: "A peer id is 56 letters and digits: `covey status`, or `status()`, shows it.",
    });
  }
  const key = bytes.subarray(0, KEY_BYTES);
  if (!equalBytes(bytes.subarray(KEY_BYTES), checkOf(key))) {
    throw new CoveyError("bad-argument", "the peer id is mistyped: its check letters don't fit", {
      hint: "Copy it again, all 56 letters, from `covey status`, or `status()`, over there.",
    });
  }
  return peerIdOf(key);
}

/** 32 bytes. */
export const keyOfPeerId = (peer: PeerId): Buffer => fromBase32(peer)!.subarray(0, KEY_BYTES);

/** For people's eyes only: anybody can make a key whose id begins like another one. */
export const shortPeerId = (peer: PeerId): string => peer.slice(0, 8);

/** Whether it has the shape, mistyped or not. */
export const looksLikePeerId = (text: string): boolean => /^[a-z2-7]{56}$/i.test(text);

function idOfNewKey(key: Uint8Array): PeerId {
  const bytes = Buffer.from(key);
  if (bytes.length !== KEY_BYTES || !sodium.crypto_core_ed25519_is_valid_point(bytes)) {
    throw new CoveyError("bad-argument", "these bytes are not an Ed25519 public key that can be trusted");
  }
  return toBase32(Buffer.concat([bytes, checkOf(bytes)])) as PeerId;
}

function remember(hex: string, peer: PeerId): PeerId {
  if (known.size >= KNOWN_KEYS) known.clear();
  known.set(hex, peer);
  return peer;
}

const checkOf = (key: Uint8Array): Buffer => domainHash("covey/peer-id/1", key).subarray(0, CHECK_BYTES);
