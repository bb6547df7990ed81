// One link for every paired peer, as the book has them.

import type { Clock } from "../core/clock.ts";
import { CoveyError } from "../core/errors.ts";
import type { PeerId } from "../core/ids.ts";
import type { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import type { PairedPeer, PeerBook } from "../identity/contract.ts";
import type { SessionEvent } from "./contract.ts";
import { learnedAddresses } from "./learned.ts";
import { type DialFacts, Link } from "./link.ts";
import type { LiveSession } from "./session.ts";

export interface LinksNeeds {
  readonly self: PeerId;
  readonly book: PeerBook;
  readonly limits: Pick<typeof LIMITS, "backOffMinMs" | "backOffMaxMs" | "steadyMs" | "dialYieldMs" | "dialHoldMs">;
  /** Schemes of addresses that can be dialled here. */
  readonly schemes: ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Logger;
  /** One attempt at all its addresses. Rejects with `not-paired` when the other side does not know this one. */
  dial(peer: PairedPeer, facts: DialFacts, signal: AbortSignal): Promise<LiveSession>;
  emit(event: SessionEvent): void;
  /** The peer is not paired any more. */
  onRemoved(peer: PeerId, why: CoveyError): void;
}

export interface Links {
  /** As of now: a peer that the book has got or lost a moment ago counts. */
  of(peer: PeerId): Link | undefined;
  /** The sessions that are up. */
  sessions(): readonly LiveSession[];
  /** Nothing is dialled before. */
  start(): void;
  /** Makes links for new peers, dials those with new addresses, ends those that are gone. */
  refresh(): void;
  /** Ends all waits. */
  dialNow(): void;
  /** Says goodbye on all of them. */
  close(why: CoveyError): Promise<void>;
}

export function createLinks(needs: LinksNeeds): Links {
  const { self, book, limits, clock, log } = needs;
  const links = new Map<PeerId, { readonly link: Link; facts: string }>();
  let open = false;
  let dials = 0;

  const linkTo = (peer: PeerId): Link =>
    new Link(peer, {
      self,
      backOffMinMs: limits.backOffMinMs,
      backOffMaxMs: limits.backOffMaxMs,
      steadyMs: limits.steadyMs,
      holdMs: limits.dialHoldMs,
      yieldMs: self < peer ? 0 : limits.dialYieldMs,
      monotonicMs: () => clock.monotonicMs(),
      random: Math.random,
      nextDial: () => ++dials,
      emit,
      async dial(_, facts, signal) {
        const entry = book.byId(peer);
        if (entry === undefined) throw notAnyMore();
        try {
          return await needs.dial(entry, facts, signal);
        } catch (error) {
          throw signal.aborted ? error : named(entry.name, error);
        }
      },
    });

  function emit(event: SessionEvent): void {
    if (event.type === "up") {
      const { peer, address, dialled } = event.session;
      log.info({ peer, address, dialled }, "a session with a paired peer is up");
      learn(event.session as LiveSession);
    } else {
      log.info({ peer: event.peer, why: event.why?.message ?? "goodbye" }, "the session with a paired peer is over");
    }
    needs.emit(event);
  }

  /** Kept in the book when it is new: where this peer can be found the next time. */
  function learn({ peer, address, dialled, greeting }: LiveSession): void {
    const known = book.byId(peer)?.addresses ?? [];
    const { listen } = greeting.theirs;
    const learned = learnedAddresses({ address, dialled, listen, known, schemes: needs.schemes });
    if (learned.length === known.length && learned.every((one, at) => one === known[at])) return;
    book.update(peer, { addresses: learned }).catch((error: unknown) => {
      const removed = error instanceof CoveyError && error.code === "not-found";
      if (!removed) log.warn({ error }, "addresses of a peer could not be kept");
    });
  }

  function refresh(): void {
    if (!open) return;
    for (const [peer, { link }] of links) {
      if (book.byId(peer) !== undefined) continue;
      const why = notAnyMore();
      links.delete(peer);
      void link.close(why, { orderly: false });
      needs.onRemoved(peer, why);
    }
    for (const { peerId, addresses, pairedAtMs } of book.list()) {
      const facts = [pairedAtMs, ...addresses].join(" ");
      const entry = links.get(peerId);
      if (entry === undefined) {
        links.set(peerId, { link: linkTo(peerId), facts });
      } else if (entry.facts !== facts) {
        entry.facts = facts;
        entry.link.dialNow();
      }
    }
  }

  return {
    of(peer) {
      // The book may know a moment before it has told so.
      if (links.has(peer) !== (book.byId(peer) !== undefined)) refresh();
      return links.get(peer)?.link;
    },
    sessions: () => [...links.values()].flatMap(({ link }) => link.session ?? []),
    start() {
      open = true;
      refresh();
    },
    refresh,
    dialNow() {
      for (const { link } of links.values()) link.dialNow();
    },
    async close(why) {
      open = false;
      const all = [...links.values()].map(({ link }) => link.close(why, { orderly: true }));
      links.clear();
      await Promise.all(all);
    },
  };
}

const notAnyMore = (): CoveyError => new CoveyError("not-paired", "the device is not paired any more");

/** The failure of an attempt in the words of its user, who knows the peer by a name. */
function named(name: string, error: unknown): unknown {
  if (!(error instanceof CoveyError)) return error;
  const { code, message, hint, details, cause } = error;
  if (code === "not-paired") {
    return new CoveyError(code, `${name} no longer knows this device: pair again`, {
      hint: "Pair the two devices again: `covey pair`, or `invite()` and `join()`.",
      cause,
    });
  }
  if (code === "unreachable") {
    return new CoveyError(code, `can't reach ${name}: ${message}`, {
      hint: "Check that covey is up over there (`covey status`), and that both devices are on a network where they can reach each other.",
      details,
      cause,
    });
  }
  return new CoveyError(code, `${name}: ${message}`, { ...(hint === undefined ? {} : { hint }), details, cause });
}
