// Pairing by ticket, composed: tickets of this device (invitations.ts, inviter.ts), tickets of others (joiner.ts), what both leave in
// the book (records.ts), and what they say to each other (protocol.ts).

import { randomBytes } from "node:crypto";

import { untilAborted } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import type { Identity, PeerBook } from "../../identity/contract.ts";
import { parsePeerName } from "../../identity/names.ts";
import type { Sessions } from "../../session/contract.ts";
import type { Pairing } from "./contract.ts";
import { type Choice, Invitations } from "./invitations.ts";
import { answerRedemption } from "./inviter.ts";
import { redeemTicket } from "./joiner.ts";
import { ownAddresses, REDEEM } from "./protocol.ts";
import { createRecords } from "./records.ts";
import { encodeTicket, TICKET_SECRET_BYTES } from "./ticket.ts";
import { createWarnings } from "./warnings.ts";

export interface PairingNeeds {
  readonly identity: Pick<Identity, "peerId" | "publicKey">;
  readonly book: PeerBook;
  readonly sessions: Pick<Sessions, "handle" | "dial" | "addresses">;
  /** What this device calls itself; a valid name. */
  readonly deviceName: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createPairing(needs: PairingNeeds): Pairing {
  const { identity, sessions, clock } = needs;
  const warnings = createWarnings(needs);
  const invitations = new Invitations(clock, warnings);
  const records = createRecords(needs);
  sessions.handle(REDEEM, (call) => answerRedemption({ ...needs, invitations, records }, call), { strangers: true });

  return {
    async invite({ ttlMs = LIMITS.ticketMs, as, mine } = {}) {
      const choice = checkedChoice(as, mine);
      if (!(ttlMs > 0 && ttlMs <= LIMITS.ticketLongestMs)) {
        throw new CoveyError(
          "bad-argument",
          `a ticket lasts longer than nothing and at most ${LIMITS.ticketLongestMs / 86_400_000} days`,
          { hint: "Without a time of its own it lasts ten minutes." },
        );
      }
      const addresses = ownAddresses(sessions);
      if (addresses.length === 0) {
        throw new CoveyError("unreachable", "this device listens nowhere, so nobody could use its ticket", {
          hint: "Start it with an address to listen at, or use a ticket of the other device here.",
        });
      }
      const secret = randomBytes(TICKET_SECRET_BYTES);
      const { id, expiresAtMs } = invitations.add(secret, ttlMs, choice);
      return { id, ticket: encodeTicket({ peerId: identity.peerId, secret, expiresAtMs, addresses }), expiresAtMs };
    },
    paired: (invitation, signal) => untilAborted(invitations.outcome(invitation), signal),
    withdraw: (invitation) => invitations.withdraw(invitation),
    async join(ticket, { as, mine, signal }) {
      signal.throwIfAborted();
      return redeemTicket({ ...needs, records }, ticket, checkedChoice(as, mine), signal);
    },
    welcomesStrangers: () => invitations.size > 0,
    warnings: () => warnings.texts(),
    close: () => invitations.close(),
  };
}

const checkedChoice = (as: string | undefined, mine: boolean | undefined): Choice => ({
  as: as === undefined ? undefined : parsePeerName(as),
  mine,
});
