// Peers that can pair: a real home, identity, book and sessions each, on one network in memory (COVEY_TEST_TRANSPORT=tcp: loopback).

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { StoreId } from "../../src/core/ids.ts";
import type { Logger } from "../../src/core/log.ts";
import type { Identity, PeerBook } from "../../src/identity/contract.ts";
import { openHome } from "../../src/identity/home.ts";
import type { Home } from "../../src/identity/home-names.ts";
import { loadIdentity } from "../../src/identity/key.ts";
import { openPeerBook } from "../../src/identity/peer-book.ts";
import type { Pairing } from "../../src/services/pairing/contract.ts";
import { createPairing } from "../../src/services/pairing/pairing.ts";
import type { Session, Sessions } from "../../src/session/contract.ts";
import { createSessions, type RunningSessions } from "../../src/session/sessions.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { testNetwork } from "../../src/testing/session-pair.ts";
import type { Transport } from "../../src/transport/transport.ts";

export interface PairingPeer {
  readonly home: Home;
  readonly identity: Identity;
  readonly book: PeerBook;
  readonly sessions: RunningSessions;
  readonly pairing: Pairing;
  /** The clock of this peer is so much ahead from now on. */
  skewClock(ms: number): void;
  /** It stands still from now on. */
  stopClock(atMs: number): void;
  /** What was logged as a warning or an error. */
  readonly warned: readonly string[];
  close(): Promise<void>;
}

export interface PairingPeerOptions {
  readonly name: string;
  /** False: pair/redeem is not answered here, and strangers are let in; the test registers an answer of its own. */
  readonly honest?: boolean;
  readonly listens?: boolean;
  /** The answer to this peer's ticket is on its way for so long. */
  readonly answerTravels?: () => Promise<void>;
}

/** Its peers are closed after the test, which fails when they left anything behind. */
export function pairingPeers(t: TestContext): (options: PairingPeerOptions) => Promise<PairingPeer> {
  const check = leakCheck();
  const { transport, listen } = testNetwork();
  const peers: PairingPeer[] = [];
  t.after(async () => {
    await Promise.all(peers.map((peer) => peer.close()));
    await check();
  });
  return async (options) => {
    const peer = await openPairingPeer(options, transport, options.listens === false ? [] : listen);
    peers.push(peer);
    return peer;
  };
}

async function openPairingPeer(
  options: PairingPeerOptions,
  transport: Transport,
  listen: readonly string[],
): Promise<PairingPeer> {
  const { name, honest = true, answerTravels = async () => {} } = options;
  const home = await openHome(await mkdtemp(join(tmpdir(), "covey-pairing-")));
  const identity = await loadIdentity(home);
  const book = await openPeerBook(home);
  const warned: string[] = [];
  const warn = (_facts: unknown, text: string): void => void warned.push(text);
  const log: Logger = { debug() {}, info() {}, warn, error: warn };
  let nowMs = systemClock.nowMs;
  const clock: Clock = { ...systemClock, nowMs: () => nowMs() };

  const sessions: RunningSessions = createSessions({
    ...{ identity, book, clock, log, listen },
    transports: [transport],
    storeId: () => "0".repeat(32) as StoreId,
    welcomesStrangers: () => !honest || pairing.welcomesStrangers(),
  });
  const seen = {
    addresses: sessions.addresses,
    handle: honest ? sessions.handle : () => {},
    dial: async (...args: Parameters<Sessions["dial"]>) => withSlowAnswers(await sessions.dial(...args), answerTravels),
  };
  const pairing = createPairing({ identity, book, sessions: seen, deviceName: name, clock, log });
  await sessions.start();
  return {
    ...{ home, identity, book, sessions, pairing, warned },
    skewClock: (ms) => void (nowMs = () => systemClock.nowMs() + ms),
    stopClock: (atMs) => void (nowMs = () => atMs),
    async close() {
      pairing.close();
      await sessions.close();
      await rm(home.dir, { recursive: true });
    },
  };
}

const withSlowAnswers = (session: Session, answerTravels: () => Promise<void>): Session => ({
  ...session,
  async request(...args) {
    const answer = await session.request(...args);
    await answerTravels();
    return answer;
  },
  open: (...args) => session.open(...args),
  exportKey: (label) => session.exportKey(label),
  close: () => session.close(),
});

/** What each of them holds as the secret of the pair. */
export function secretsOf(a: PairingPeer, b: PairingPeer): readonly (string | undefined)[] {
  return [a.book.secret(b.identity.peerId)?.toString("hex"), b.book.secret(a.identity.peerId)?.toString("hex")];
}
