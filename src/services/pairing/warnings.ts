// What the user should know of tickets: said once in the log, and kept, as long as there is room, for who asks.

import type { PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import { printable } from "../../core/text.ts";
import type { PeerBook } from "../../identity/contract.ts";
import { shortPeerId } from "../../identity/peer-id.ts";
import type { Watcher } from "./invitations.ts";

export interface Warnings extends Watcher {
  texts(): readonly string[];
}

export function createWarnings({ book, log }: { readonly book: PeerBook; readonly log: Logger }): Warnings {
  // Whoever tries again and again is one warning.
  const texts = new Set<string>();
  const warn = (facts: { readonly ticket: string; readonly by: PeerId }, text: string): void => {
    if (texts.has(text)) return;
    log.warn(facts, text);
    texts.add(text);
    if (texts.size > LIMITS.pairingWarnings) texts.delete(texts.values().next().value!);
  };
  return {
    texts: () => [...texts],
    usedTwice(ticket, owner, other) {
      const name = printable(book.byId(owner)?.name ?? shortPeerId(owner));
      warn(
        { ticket, by: other },
        `A second device (${shortPeerId(other)}) tried to use the ticket that ${name} had used, and was refused. ` +
          `If ${name} is not the device you meant, remove it: covey peer rm ${name}`,
      );
    },
    guessedAt(ticket, by) {
      warn(
        { ticket, by },
        `A ticket is void: ${LIMITS.ticketGuesses} attempts to use it had a wrong secret, the last one from ${shortPeerId(by)}.`,
      );
    },
  };
}
