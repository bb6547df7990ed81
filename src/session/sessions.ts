// The sessions of one peer: it listens, and has one session with every paired peer whenever there is a way.
//
// 1. `start` listens; what comes in goes through reception.ts and becomes the kept session of a paired peer, a paired peer's session
//    of its own, or a stranger's
// 2. `refresh` makes one link (link.ts) for each paired peer and ends those of peers that are not paired any more
// 3. a session that is up teaches where its peer can be found again

import { randomBytes } from "node:crypto";

import { untilAborted } from "../core/async.ts";
import { toHex } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { CoveyError, fromPlatform } from "../core/errors.ts";
import type { Address, PeerId, StoreId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { createListeners } from "../core/listeners.ts";
import type { Logger } from "../core/log.ts";
import type { Identity, PeerBook } from "../identity/contract.ts";
import { watchNetwork } from "../transport/network-watch.ts";
import type { Listener, Transport } from "../transport/transport.ts";
import { schemeOf } from "../transport/address.ts";
import { createAdmission, createRefusalLog } from "./admission.ts";
import type { Session, SessionEvent, Sessions } from "./contract.ts";
import { createDeadline } from "./deadline.ts";
import { reach } from "./dial.ts";
import { createGate } from "./gate.ts";
import { greetAsDialler } from "./greeting.ts";
import { hangUp } from "./hang-up.ts";
import { type Hello, type Protocol, PROTOCOL } from "./hello.ts";
import { learnedAddresses } from "./learned.ts";
import { Link, type LinkNeeds } from "./link.ts";
import { type Arrival, createReception } from "./reception.ts";
import { createRoutes } from "./routes.ts";
import { createSession, type LiveSession } from "./session.ts";

/** The limits that tests make short. */
export type SessionLimits = Pick<
  typeof LIMITS,
  | "handshakeMs"
  | "pendingConnections"
  | "pendingConnectionsPerAddress"
  | "requestMs"
  | "strangerMs"
  | "backOffMinMs"
  | "backOffMaxMs"
  | "dialYieldMs"
  | "dialHoldMs"
  | "steadyMs"
>;

export interface SessionsNeeds {
  readonly identity: Identity;
  readonly book: PeerBook;
  readonly transports: readonly Transport[];
  /** Where to listen; [] for nowhere. */
  readonly listen: readonly Address[];
  readonly clock: Clock;
  readonly log: Logger;
  storeId(): StoreId;
  /** Whether somebody who is not paired may come in, to pair. */
  welcomesStrangers(): boolean;
  /** Default LIMITS. */
  readonly limits?: Partial<SessionLimits>;
  /** Default PROTOCOL: what this build speaks. */
  readonly protocol?: Protocol;
}

export interface RunningSessions extends Sessions {
  /** Listens and begins to dial. Rejects with `conflict` when an address is taken; nothing is left listening then. */
  start(): Promise<void>;
}

export function createSessions(needs: SessionsNeeds): RunningSessions {
  const { identity, book, clock, log } = needs;
  const limits = { ...LIMITS, ...needs.limits };
  const protocol = needs.protocol ?? PROTOCOL;
  const boot = toHex(randomBytes(8));
  const gate = createGate(identity);
  const transports = new Map(needs.transports.map((transport) => [transport.scheme, transport]));
  const routes = createRoutes();
  const listeners: Listener[] = [];
  const links = new Map<PeerId, Link>();
  /** Those with strangers, and those beside the kept one. */
  const others = new Set<LiveSession>();
  const subscribers = createListeners<SessionEvent>();
  const strangers = createAdmission(LIMITS.strangerSessions, LIMITS.strangerSessionsPerAddress);
  const apart = createAdmission(LIMITS.pendingConnections, LIMITS.apartSessions);
  const logRefusal = createRefusalLog(log, clock);
  const stop = new AbortController();
  let dials = 0;

  const addresses = (): readonly Address[] =>
    listeners.flatMap((listener) => listener.addresses()).slice(0, LIMITS.dialAddresses);

  /** What is said to everybody, and what only to a peer that knows this one or is known to. */
  const hello = (peer: PeerId, facts: { apart: boolean; dial: number; over: number }, trusted: boolean): Hello => ({
    versions: [...protocol.versions],
    features: [...protocol.features],
    needs: [...protocol.needs],
    boot,
    knows: book.byId(peer) !== undefined,
    ...facts,
    ...(trusted ? { store: needs.storeId(), clockMs: clock.nowMs(), listen: [...addresses()] } : { listen: [] }),
  });

  const live = (arrival: Omit<Arrival, "group">, dialled: boolean): LiveSession =>
    createSession({
      ...arrival,
      dialled,
      routes,
      log,
      requestMs: limits.requestMs,
      strangerMs: limits.strangerMs,
      nowMs: clock.nowMs(),
    });

  // out

  const dialNeeds = { gate, transports, handshakeMs: limits.handshakeMs };

  async function dial(
    peer: PeerId,
    candidates: readonly Address[],
    facts: { apart: boolean; dial: number; over: number },
    check: (theirs: Hello) => void,
    signal: AbortSignal,
  ): Promise<LiveSession> {
    const { secured, address } = await reach(dialNeeds, peer, candidates, signal);
    const { socket } = secured;
    try {
      using deadline = createDeadline(limits.handshakeMs, "the hello", signal);
      const ours = hello(peer, facts, book.byId(peer) !== undefined);
      const greeting = await greetAsDialler(socket, ours, check, deadline.signal);
      return live({ secured, greeting, address }, true);
    } catch (error) {
      // A refusal is still to get out.
      if (socket.writableEnded) void hangUp(socket);
      else socket.destroy();
      throw error;
    }
  }

  const linkNeeds: Omit<LinkNeeds, "yieldMs"> = {
    self: identity.peerId,
    backOffMinMs: limits.backOffMinMs,
    backOffMaxMs: limits.backOffMaxMs,
    steadyMs: limits.steadyMs,
    holdMs: limits.dialHoldMs,
    monotonicMs: () => clock.monotonicMs(),
    random: Math.random,
    nextDial: () => ++dials,
    emit(event) {
      if (event.type === "up") {
        const { peer, address, dialled } = event.session;
        log.info({ peer, address, dialled }, "a session with a paired peer is up");
        learn(event.session as LiveSession);
      } else {
        log.info({ peer: event.peer, why: event.why?.message ?? "goodbye" }, "the session with a paired peer is over");
      }
      subscribers.emit(event);
    },
    async dial(peer, facts, signal) {
      const { name, addresses: known } = book.byId(peer) ?? { name: "that device", addresses: [] };
      const check = ({ knows }: Hello): void => {
        if (!knows) throw new CoveyError("not-paired", `the other device is not paired with this one`);
      };
      try {
        return await dial(peer, known, { ...facts, apart: false }, check, signal);
      } catch (error) {
        throw signal.aborted ? error : named(name, error);
      }
    },
  };

  // in

  const reception = createReception({
    gate,
    admission: createAdmission(limits.pendingConnections, limits.pendingConnectionsPerAddress),
    handshakeMs: limits.handshakeMs,
    knows: (peer) => book.byId(peer) !== undefined,
    welcomesStrangers: () => needs.welcomesStrangers(),
    async answer(peer, theirs) {
      if (theirs.knows && !theirs.apart) await links.get(peer)?.admit(theirs);
      return hello(peer, { apart: false, dial: 0, over: 0 }, theirs.knows && book.byId(peer) !== undefined);
    },
    onArrival(arrival) {
      const session = live(arrival, false);
      if (session.paired && !arrival.greeting.theirs.apart) {
        // The book may know a peer a moment before it has told so.
        if (!links.has(session.peer)) refresh();
        const link = links.get(session.peer);
        return link === undefined ? session.destroy(NOT_ANY_MORE) : link.offer(session);
      }
      keepApart(session, session.paired ? apart.enter(session.peer, evict) : strangers.enter(arrival.group, evict));
      function evict(): void {
        session.destroy(new CoveyError("limit", "too many such sessions at once"));
      }
    },
    onRefusal(group, why, peer) {
      logRefusal(group, why.message);
      if (peer !== undefined && why.code === "version") links.get(peer)?.note(why);
    },
  });

  function keepApart(session: LiveSession, leave: () => void = () => {}): void {
    others.add(session);
    void session.closed.then(() => {
      others.delete(session);
      leave();
    });
  }

  /** Kept in the book when it is new: where this peer can be found the next time. */
  function learn({ peer, address, dialled, greeting }: LiveSession): void {
    const known = book.byId(peer)?.addresses ?? [];
    const { listen } = greeting.theirs;
    const learned = learnedAddresses({ address, dialled, listen, known, schemes: new Set(transports.keys()) });
    if (learned.length === known.length && learned.every((one, at) => one === known[at])) return;
    book.update(peer, { addresses: learned }).catch((error: unknown) => {
      if (!(error instanceof CoveyError && error.code === "not-found"))
        log.warn({ error }, "addresses of a peer could not be kept");
    });
  }

  // both

  /** What was last seen in the book, to tell what changed. */
  const seen = new Map<PeerId, string>();

  function refresh(): void {
    if (stop.signal.aborted) return;
    for (const [peer, link] of links) {
      if (book.byId(peer) !== undefined) continue;
      links.delete(peer);
      seen.delete(peer);
      void link.close(NOT_ANY_MORE, { orderly: false });
      for (const session of others) if (session.peer === peer && session.paired) session.destroy(NOT_ANY_MORE);
    }
    for (const { peerId, addresses: known, pairedAtMs } of book.list()) {
      const facts = [pairedAtMs, ...known].join(" ");
      const changed = seen.get(peerId) !== facts;
      seen.set(peerId, facts);
      const link = links.get(peerId);
      if (link === undefined) {
        const yieldMs = identity.peerId < peerId ? 0 : limits.dialYieldMs;
        links.set(peerId, new Link(peerId, { ...linkNeeds, yieldMs }));
      } else if (changed) {
        link.dialNow();
      }
    }
  }

  const ends: (() => void)[] = [];

  return {
    handle: (route, handler, options) => routes.handle(route, handler, options),

    async start() {
      try {
        for (const address of needs.listen) {
          const transport = transports.get(schemeOf(address) ?? "");
          if (transport === undefined) throw new CoveyError("bad-argument", `"${address}" is no address to listen on`);
          listeners.push(await transport.listen(address, (connection) => reception.receive(connection)));
        }
      } catch (error) {
        await Promise.all(listeners.splice(0).map((listener) => listener.close()));
        throw fromPlatform(error, "listen");
      }
      ends.push(book.subscribe(refresh));
      ends.push(
        watchNetwork(() => {
          for (const link of links.values()) link.dialNow();
        }),
      );
      refresh();
    },

    get: (peer) => links.get(peer)?.session,

    async connect(peer, signal) {
      signal?.throwIfAborted();
      stop.signal.throwIfAborted();
      const link = links.get(peer);
      if (link === undefined)
        throw new CoveyError("not-paired", "there is no such paired device", { hint: "Pair with it: covey pair." });
      return await untilAborted<Session>(link.connect(), signal);
    },

    problem: (peer) => links.get(peer)?.problem,

    async dial(peer, candidates, signal) {
      if (peer === identity.peerId) throw new CoveyError("bad-argument", "that is this device itself");
      const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
      const session = await dial(peer, candidates, { apart: true, dial: 0, over: 0 }, () => {}, either);
      keepApart(session);
      return session;
    },

    subscribe(listener) {
      const end = subscribers.add(listener);
      for (const { session } of links.values()) if (session !== undefined) listener({ type: "up", session });
      return end;
    },

    refresh,
    addresses,

    async close() {
      for (const end of ends.splice(0)) end();
      const why = new CoveyError("closed", "covey is shutting down on this device");
      stop.abort(why);
      await Promise.all(listeners.splice(0).map((listener) => listener.close()));
      await reception.close();
      await Promise.all([
        ...[...links.values()].map((link) => link.close(why, { orderly: true })),
        ...[...others].map((session) => session.close()),
      ]);
      links.clear();
    },
  };
}

const NOT_ANY_MORE = new CoveyError("not-paired", "the device is not paired any more");

/** The failure of an attempt in the words of its user, who knows the peer by a name. */
function named(name: string, error: unknown): unknown {
  if (!(error instanceof CoveyError)) return error;
  const { code, message, hint, details, cause } = error;
  if (code === "not-paired") {
    return new CoveyError(code, `${name} no longer knows this device: pair again`, {
      hint: "Pair the two devices again: covey pair.",
      cause,
    });
  }
  if (code !== "unreachable")
    return new CoveyError(code, `${name}: ${message}`, { ...(hint === undefined ? {} : { hint }), details, cause });
  return new CoveyError(code, `can't reach ${name}: ${message}`, {
    hint: "Check that covey is up over there (covey status), and that both devices are on a network where they can reach each other.",
    details,
    cause,
  });
}
