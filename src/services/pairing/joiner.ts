// The joiner's side of pair/redeem:
//
//  1. read the ticket, and refuse at once what can't succeed
//  2. dial its maker, pinned to the key in the ticket
//  3. redeem it, and check the inviter's proof
//  4. put the inviter in the book, durably; then close this session: the lasting one comes up by the book

import { equalBytes } from "../../core/bytes.ts";
import type { Clock } from "../../core/clock.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { parse } from "../../core/parse.ts";
import { printable } from "../../core/text.ts";
import type { Identity, PairedPeer, PeerBook } from "../../identity/contract.ts";
import { keyOfPeerId } from "../../identity/peer-id.ts";
import type { Session, Sessions } from "../../session/contract.ts";
import { believableAddresses } from "./addresses.ts";
import type { Choice } from "./invitations.ts";
import { answerSchema, ownAddresses, pairSecretOf, proofOf, REDEEM } from "./protocol.ts";
import type { Records } from "./records.ts";
import { decodeTicket, type Ticket, ticketId } from "./ticket.ts";

interface JoinerNeeds {
  readonly identity: Pick<Identity, "peerId" | "publicKey">;
  readonly book: PeerBook;
  readonly sessions: Pick<Sessions, "dial" | "addresses">;
  readonly deviceName: string;
  readonly clock: Clock;
  readonly records: Records;
}

/** See `join` in contract.ts. */
export async function redeemTicket(needs: JoinerNeeds, text: string, choice: Choice, signal: AbortSignal): Promise<PairedPeer> {
  const ticket = decodeTicket(text);
  refuseEarly(needs, ticket, choice);
  const session = await dialMaker(needs, ticket, signal);
  try {
    return await redeemOver(needs, ticket, choice, session, signal);
  } finally {
    await session.close();
  }
}

function refuseEarly({ identity, book, clock }: JoinerNeeds, ticket: Ticket, choice: Choice): void {
  if (ticket.peerId === identity.peerId) {
    throw new CoveyError("bad-argument", "this ticket was made on this device", {
      hint: "Use it on the other one: `covey pair TICKET`, or `join()`.",
    });
  }
  const holder = choice.as === undefined ? undefined : book.find(choice.as);
  if (holder !== undefined && holder.peerId !== ticket.peerId) {
    throw new CoveyError("conflict", `another peer is called ${printable(holder.name)} already`, {
      hint: "Choose another name with --as.",
    });
  }
  // The clock that counts is its maker's; this one may be wrong.
  if (clock.nowMs() > ticket.expiresAtMs + LIMITS.ticketSkewMs) throw expired(ticket, clock.nowMs());
}

async function dialMaker({ sessions, clock }: JoinerNeeds, ticket: Ticket, signal: AbortSignal): Promise<Session> {
  try {
    return await sessions.dial(ticket.peerId, ticket.addresses, signal);
  } catch (error) {
    if (!(error instanceof CoveyError)) throw error;
    const nowMs = clock.nowMs();
    if (nowMs > ticket.expiresAtMs) throw expired(ticket, nowMs, error);
    if (error.code !== "not-paired") throw error;
    // It has no ticket open at all, so it does not talk to strangers.
    throw new CoveyError("ticket-invalid", "the device that made the ticket waits for nobody any more", {
      hint: "Make a new ticket there, by `covey pair` or `invite()`: this one was withdrawn, or its peer was restarted.",
      cause: error,
    });
  }
}

async function redeemOver(
  needs: JoinerNeeds,
  ticket: Ticket,
  choice: Choice,
  session: Session,
  signal: AbortSignal,
): Promise<PairedPeer> {
  const { identity, sessions, deviceName, records } = needs;
  const { peerId, secret, addresses } = ticket;
  const keys = { inviter: keyOfPeerId(peerId), joiner: identity.publicKey };
  const proof = proofOf("joiner", secret, session, keys);
  const expected = proofOf("inviter", secret, session, keys);
  const pairSecret = pairSecretOf(session);
  const momentMs = records.nextMomentMs(peerId);

  const redemption = { ticket: ticketId(secret), proof, name: deviceName, addresses: ownAddresses(sessions), atMs: momentMs };
  const answer = parse(answerSchema, await session.request(REDEEM, redemption, { signal }), "the answer to a ticket");
  if (!equalBytes(answer.proof, expected))
    throw new CoveyError("protocol", "the other peer did not prove that it made the ticket");
  if (answer.atMs < momentMs) throw new CoveyError("protocol", "the other peer dated the pairing before it began");

  const reachedAt = [session.address, ...believableAddresses(answer.addresses, session.address), ...addresses];
  const meeting = { peer: peerId, choice, again: false, itsName: answer.name, addresses: reachedAt, secret: pairSecret };
  return records.keepAt(meeting, answer.atMs);
}

function expired({ expiresAtMs }: Ticket, nowMs: number, cause?: unknown): CoveyError {
  const minutes = Math.ceil((nowMs - expiresAtMs) / 60_000);
  const ago =
    minutes < 120 ? `${minutes} min` : minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
  return new CoveyError("ticket-invalid", `the ticket expired ${ago} ago`, {
    hint: "Make a new one on the other device, by `covey pair` or `invite()`.",
    cause,
  });
}
