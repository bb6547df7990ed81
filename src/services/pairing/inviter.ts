// The inviter's side of pair/redeem:
//
//  1. parse what the stranger says
//  2. find the ticket and check the proof
//  3. if nobody else has the ticket, put the peer in the book, durably
//  4. only then answer, with this side's own proof

import { equalBytes, toHex } from "../../core/bytes.ts";
import type { Cbor } from "../../core/cbor.ts";
import { parse } from "../../core/parse.ts";
import type { Identity } from "../../identity/contract.ts";
import type { Call, Sessions } from "../../session/contract.ts";
import { believableAddresses } from "./addresses.ts";
import type { Invitations } from "./invitations.ts";
import { ownAddresses, pairSecretOf, proofOf, redemptionSchema } from "./protocol.ts";
import type { Records } from "./records.ts";

interface InviterNeeds {
  readonly identity: Pick<Identity, "publicKey">;
  readonly sessions: Pick<Sessions, "addresses">;
  readonly deviceName: string;
  readonly invitations: Invitations;
  readonly records: Records;
}

/** Rejects with `protocol`, `ticket-invalid`, or what kept the book from being written. */
export async function answerRedemption(needs: InviterNeeds, { args, session, peer }: Call): Promise<Cbor> {
  const { identity, sessions, deviceName, invitations, records } = needs;
  const redemption = parse(redemptionSchema, args, "the redemption of a ticket");
  const keys = { inviter: identity.publicKey, joiner: session.peerKey };

  const id = toHex(redemption.ticket);
  const secret = invitations.secret(id);
  if (!equalBytes(redemption.proof, proofOf("joiner", secret, session, keys))) throw invitations.wrongProof(id, peer);

  // Before anything is waited for: a session that is over exports nothing.
  const proof = proofOf("inviter", secret, session, keys);
  const addresses = believableAddresses(redemption.addresses, session.address);
  const meeting = { peer, itsName: redemption.name, addresses, secret: pairSecretOf(session) };
  const { pairedAtMs } = await invitations.redeem(id, peer, (choice, again) =>
    records.keepFrom({ ...meeting, choice, again }, redemption.atMs),
  );
  return { proof, name: deviceName, addresses: ownAddresses(sessions), atMs: pairedAtMs };
}
