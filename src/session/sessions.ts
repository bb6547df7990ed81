// The sessions of one peer: it listens, and has one session with every paired peer whenever there is a way.
//
// 1. `start` listens; what comes in goes through reception.ts and becomes the kept session of a paired peer, a paired peer's session
//    of its own, or a stranger's
// 2. there is one link (links.ts, link.ts) for each paired peer, which has a session or tries to have one
// 3. what goes out, to a paired peer or to somebody yet to be paired, goes through `dial`

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
import { createLinks } from "./links.ts";
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
  const subscribers = createListeners<SessionEvent>();
  const listeners: Listener[] = [];
  /** Those with strangers, and those beside the kept one. */
  const others = new Set<LiveSession>();
  const strangers = createAdmission(LIMITS.strangerSessions, LIMITS.strangerSessionsPerAddress);
  const apart = createAdmission(LIMITS.pendingConnections, LIMITS.apartSessions);
  const logRefusal = createRefusalLog(log, clock);
  const stop = new AbortController();
  const ends: (() => void)[] = [];

  const knows = (peer: PeerId): boolean => book.byId(peer) !== undefined;
  const addresses = (): readonly Address[] =>
    listeners.flatMap((listener) => listener.addresses()).slice(0, LIMITS.dialAddresses);

  /** What is said to everybody, and what only to a peer that may know it. */
  const hello = (peer: PeerId, facts: HelloFacts, trusted: boolean): Hello => ({
    versions: [...protocol.versions],
    features: [...protocol.features],
    needs: [...protocol.needs],
    boot,
    knows: knows(peer),
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

  function keepBeside(session: LiveSession, leave: () => void): void {
    others.add(session);
    void session.closed.then(() => {
      others.delete(session);
      leave();
    });
  }

  // out

  async function dial(
    peer: PeerId,
    candidates: readonly Address[],
    facts: HelloFacts,
    check: (theirs: Hello) => void,
    signal: AbortSignal,
  ): Promise<LiveSession> {
    const reached = await reach({ gate, transports, handshakeMs: limits.handshakeMs }, peer, candidates, signal);
    const { socket } = reached.secured;
    try {
      using deadline = createDeadline(limits.handshakeMs, "the hello", signal);
      const greeting = await greetAsDialler(socket, hello(peer, facts, knows(peer)), check, deadline.signal);
      return live({ ...reached, greeting }, true);
    } catch (error) {
      // A refusal is still to get out.
      if (socket.writableEnded) void hangUp(socket);
      else socket.destroy();
      throw error;
    }
  }

  const links = createLinks({
    self: identity.peerId,
    book,
    limits,
    schemes: new Set(transports.keys()),
    clock,
    log,
    emit: (event) => subscribers.emit(event),
    dial: (peer, facts, signal) => dial(peer.peerId, peer.addresses, { ...facts, apart: false }, mustKnowUs, signal),
    onRemoved(peer, why) {
      for (const session of others) if (session.peer === peer && session.paired) session.destroy(why);
    },
  });

  // in

  const reception = createReception({
    gate,
    admission: createAdmission(limits.pendingConnections, limits.pendingConnectionsPerAddress),
    handshakeMs: limits.handshakeMs,
    knows,
    welcomesStrangers: () => needs.welcomesStrangers(),
    async answer(peer, theirs) {
      if (theirs.knows && !theirs.apart) await links.of(peer)?.admit(theirs);
      return hello(peer, LISTENER_FACTS, theirs.knows && knows(peer));
    },
    onArrival(arrival) {
      const session = live(arrival, false);
      const link = links.of(session.peer);
      if (session.paired && link === undefined) return session.destroy(new CoveyError("not-paired", "not paired any more"));
      if (session.paired && !arrival.greeting.theirs.apart) return link!.offer(session);
      const evict = (): void => session.destroy(new CoveyError("limit", "too many such sessions at once"));
      keepBeside(session, session.paired ? apart.enter(session.peer, evict) : strangers.enter(arrival.group, evict));
    },
    onRefusal(group, why, peer) {
      logRefusal(group, why.message);
      // Our user can read it too, though the other one dialled.
      if (peer !== undefined && why.code === "version") links.of(peer)?.note(why);
    },
  });

  async function listen(): Promise<void> {
    try {
      for (const address of needs.listen) {
        const transport = transports.get(schemeOf(address) ?? "");
        if (transport === undefined)
          throw new CoveyError("bad-argument", `"${address}" is no address to listen on`, {
            hint: "Write it as tcp://HOST:PORT: tcp://*:0 is any port on every interface.",
          });
        listeners.push(await transport.listen(address, (connection) => reception.receive(connection)));
      }
    } catch (error) {
      await stopListening();
      throw fromPlatform(error, "listen");
    }
  }

  async function stopListening(): Promise<void> {
    await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  }

  return {
    handle: (route, handler, options) => routes.handle(route, handler, options),

    async start() {
      await listen();
      ends.push(
        book.subscribe(() => links.refresh()),
        watchNetwork(() => links.dialNow()),
      );
      links.start();
    },

    get: (peer) => links.of(peer)?.session,

    async connect(peer, signal) {
      signal?.throwIfAborted();
      stop.signal.throwIfAborted();
      const link = links.of(peer);
      if (link === undefined) {
        throw new CoveyError("not-paired", "there is no such paired device", {
          hint: "Pair with it: `covey pair`, or `invite()` and `join()`.",
        });
      }
      return await untilAborted<Session>(link.connect(), signal);
    },

    problem: (peer) => links.of(peer)?.problem,

    async dial(peer, candidates, signal) {
      if (peer === identity.peerId) throw new CoveyError("bad-argument", "that is this device itself");
      const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
      const session = await dial(peer, candidates, { apart: true, dial: 0, over: 0 }, () => {}, either);
      keepBeside(session, () => {});
      return session;
    },

    subscribe(listener) {
      const end = subscribers.add(listener);
      for (const session of links.sessions()) listener({ type: "up", session });
      return end;
    },

    refresh: () => links.refresh(),
    addresses,

    async close() {
      for (const end of ends.splice(0)) end();
      const why = new CoveyError("closed", "covey is shutting down on this device");
      stop.abort(why);
      await stopListening();
      await reception.close();
      await Promise.all([links.close(why), ...[...others].map((session) => session.close())]);
    },
  };
}

type HelloFacts = Pick<Hello, "apart" | "dial" | "over">;

const LISTENER_FACTS: HelloFacts = { apart: false, dial: 0, over: 0 };

function mustKnowUs({ knows }: Hello): void {
  if (!knows) throw new CoveyError("not-paired", "the other device does not know this one");
}
