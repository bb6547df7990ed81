// What two peers say to each other when one redeems a ticket of the other, inside a TLS session that the joiner pinned to the ticket's key.
//
//   joiner  -> inviter   pair/redeem {ticket, proof, name, addresses, atMs}
//   inviter -> joiner    {proof, name, addresses, atMs}        once it has the joiner in its book, durably
//
// A proof shows that its sender knows the ticket's secret, to this end of this TLS session only: it is made from the secret, a key
// exported from the session, both peers' keys and the sender's role. The secret itself never travels.
//
// `atMs` puts pairings of the same two peers in one order, even when both join each other at once: the joiner names a moment later
// than its last pairing with this peer, the inviter answers with one that is later than its own too, and on both sides the latest wins.

import * as v from "valibot";

import { deriveKey } from "../../core/hash.ts";
import type { Address } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Session, Sessions } from "../../session/contract.ts";
import { isDialable } from "./addresses.ts";
import { TICKET_ID_BYTES } from "./ticket.ts";

export const REDEEM = "pair/redeem";

const bytes = (length: number): v.GenericSchema<Uint8Array> =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((value) => value.byteLength === length, `is not ${length} bytes`),
  );
const momentMs = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 48));
const name = v.pipe(v.string(), v.maxBytes(LIMITS.peerNameBytes));
const addresses = v.pipe(v.array(v.pipe(v.string(), v.maxBytes(LIMITS.addressBytes))), v.maxLength(LIMITS.dialAddresses));

export const redemptionSchema = v.object({ ticket: bytes(TICKET_ID_BYTES), proof: bytes(32), name, addresses, atMs: momentMs });
export const answerSchema = v.object({ proof: bytes(32), name, addresses, atMs: momentMs });

/** What this peer says of where it can be dialled; [] when it listens nowhere. */
export const ownAddresses = (sessions: Pick<Sessions, "addresses">): Address[] =>
  sessions.addresses().filter(isDialable).slice(0, LIMITS.dialAddresses);

export interface BothKeys {
  readonly inviter: Uint8Array;
  readonly joiner: Uint8Array;
}

/** 32 bytes. */
export function proofOf(role: keyof BothKeys, secret: Uint8Array, session: Pick<Session, "exportKey">, keys: BothKeys): Buffer {
  const exported = session.exportKey("pair ticket");
  return deriveKey(`covey/pair/proof/1 ${role}`, Buffer.concat([secret, exported, keys.inviter, keys.joiner]));
}

/** What only the two ends of this session know, for meeting again: 32 bytes. */
export const pairSecretOf = (session: Pick<Session, "exportKey">): Buffer =>
  deriveKey("covey/pair/secret/1", session.exportKey("pair secret"));
