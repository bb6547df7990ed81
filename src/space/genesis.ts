// The record a space begins with; the space's id is its hash, so nothing in it can ever change. Deterministic CBOR.

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../core/cbor.ts";
import { CoveyError } from "../core/errors.ts";
import { domainHash } from "../core/hash.ts";
import type { PeerId, SpaceId } from "../core/ids.ts";
import { toHex } from "../core/bytes.ts";
import { parse } from "../core/parse.ts";
import { keyOfPeerId, peerIdOf } from "../identity/peer-id.ts";

const VERSION = 1;
/** Ed25519 and BLAKE3. */
const SUITE = 1;
const MAX_FOUNDERS = 16;
const SALT_BYTES = 16;

export interface Genesis {
  readonly kind: "self" | "direct" | "group";
  /** In the order of their keys. */
  readonly founders: readonly PeerId[];
  /** Tells groups of the same founders apart; empty for the other kinds, whose founders alone name them. */
  readonly salt: Uint8Array;
}

const keySchema = v.pipe(v.instance(Uint8Array), v.length(32));
const schema = v.strictObject({
  v: v.literal(VERSION),
  kind: v.picklist(["self", "direct", "group"]),
  suite: v.literal(SUITE),
  founders: v.pipe(v.array(keySchema), v.minLength(1), v.maxLength(MAX_FOUNDERS)),
  salt: v.instance(Uint8Array),
  /** None is known yet: a space with one needs a newer program. */
  flags: v.literal(0),
});

export const selfGenesis = (peer: PeerId): Genesis => ({ kind: "self", founders: [peer], salt: new Uint8Array() });

/** The same whoever computes it. Throws `bad-argument` for one's own id. */
export function directGenesis(one: PeerId, other: PeerId): Genesis {
  const founders = [one, other].sort(byKey);
  // Version vectors name an author by the first 8 bytes of its key.
  if (keyOfPeerId(one).subarray(0, 8).equals(keyOfPeerId(other).subarray(0, 8))) {
    throw new CoveyError("bad-argument", "a space with oneself is not possible", {
      hint: "Use your own space: leave the name out.",
    });
  }
  return { kind: "direct", founders, salt: new Uint8Array() };
}

export function encodeGenesis({ kind, founders, salt }: Genesis): Buffer {
  return encodeCbor({ v: VERSION, kind, suite: SUITE, founders: founders.map(keyOfPeerId), salt, flags: 0 });
}

export const spaceIdOf = (record: Uint8Array): SpaceId => toHex(domainHash("covey/space/1", record)) as SpaceId;

/** Throws `protocol` for everything that encodeGenesis would not make. */
export function parseGenesis(record: Uint8Array): Genesis {
  const { kind, founders: keys, salt } = parse(schema, decodeCbor(record, "genesis record"), "genesis record");
  const bad = (problem: string): CoveyError => new CoveyError("protocol", `the genesis record ${problem}`);
  for (let i = 1; i < keys.length; i++) {
    if (Buffer.compare(keys[i - 1]!, keys[i]!) >= 0) throw bad("does not have its founders in order");
  }
  if (kind === "self" && keys.length !== 1) throw bad("of one's own space has more than one founder");
  if (kind === "direct" && keys.length !== 2) throw bad("of a direct space does not have two founders");
  if (salt.length !== (kind === "group" ? SALT_BYTES : 0)) throw bad("has a salt of the wrong length");
  return { kind, founders: keys.map((key) => founderOf(key, bad)), salt };
}

function founderOf(key: Uint8Array, bad: (problem: string) => CoveyError): PeerId {
  try {
    return peerIdOf(key);
  } catch {
    throw bad("has a founder's key that is not valid");
  }
}

const byKey = (a: PeerId, b: PeerId): number => Buffer.compare(keyOfPeerId(a), keyOfPeerId(b));
