// How two peers come to have one session, and keep it: dialling, duels, restarts, removal, addresses.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { CoveyError } from "../../src/core/errors.ts";
import type { Session, SessionEvent } from "../../src/session/contract.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { openSessionGroup, openSessionPair, testNetwork } from "../../src/testing/session-pair.ts";
import { openSessionPeer, pairPeers, type SessionPeer, type SessionPeerOptions } from "../../src/testing/session-peer.ts";
import { createDuplexPair, createMemoryTransport } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";

const quick = { backOffMinMs: 20, backOffMaxMs: 100, dialYieldMs: 0 };
const isCode =
  (code: string, text = /(?:)/) =>
  (error: unknown) =>
    error instanceof CoveyError && error.code === code && text.test(error.message);

/** Resolves as soon as it holds. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (const giveUpMs = performance.now() + 10_000; !holds(); await sleep(5)) {
    assert.ok(performance.now() < giveUpMs, `still waiting until ${what}`);
  }
}

const sessionOf = (a: SessionPeer, b: SessionPeer): Session | undefined => a.sessions.get(b.identity.peerId);

/** Whether both have one session, and it is the same: only its two ends derive the same secret. */
function agree(a: SessionPeer, b: SessionPeer): boolean {
  const [ab, ba] = [sessionOf(a, b), sessionOf(b, a)];
  return ab !== undefined && ba !== undefined && ab.exportKey("same").equals(ba.exportKey("same"));
}

/** A test that failed leaves its peers to these. */
const opened: SessionPeer[] = [];
afterEach(async () => void (await Promise.all(opened.splice(0).map((peer) => peer.close()))));

async function startedPair(
  network: Pick<SessionPeerOptions, "transport" | "listen"> = testNetwork(),
  options: Partial<SessionPeerOptions> = {},
): Promise<readonly [SessionPeer, SessionPeer]> {
  const open = () => openSessionPeer({ ...network, limits: quick, ...options });
  const [a, b] = await Promise.all([open(), open()]);
  opened.push(a, b);
  await Promise.all([a.sessions.start(), b.sessions.start()]);
  return [a, b];
}

/** Memory, behind pipes that can be pulled: everything that is connected then hears nothing more, not even an end. */
function createCable(): { readonly transport: Transport; pull(): void } {
  const memory = createMemoryTransport();
  let pulled: (() => void)[] = [];
  const transport: Transport = {
    scheme: "memory",
    listen: (address, onConnection) => memory.listen(address, onConnection),
    async dial(address, signal) {
      const connection = await memory.dial(address, signal);
      const [near, far] = createDuplexPair();
      far.pipe(connection.duplex).pipe(far);
      pulled.push(() => {
        far.unpipe();
        connection.duplex.unpipe();
      });
      return { ...connection, duplex: near };
    },
  };
  return {
    transport,
    pull() {
      for (const pull of pulled) pull();
      pulled = [];
    },
  };
}

describe("two paired peers", () => {
  test("find each other by themselves, and learn each other's addresses and clocks", async () => {
    await using pair = await openSessionPair();
    const { a, b, ab, ba } = pair;
    assert.ok(agree(a, b));
    assert.equal(ab.peer, b.identity.peerId);
    assert.deepEqual(ab.peerKey, Buffer.from(b.identity.publicKey));
    assert.equal(ab.remote.storeId, b.storeId);
    assert.equal(ba.remote.storeId, a.storeId);
    assert.ok(ab.paired && ba.paired && ab.dialled !== ba.dialled);
    assert.ok(Math.abs(ab.remote.clockSkewMs!) < 60_000);
    await until(() => b.book.byId(a.identity.peerId)!.addresses.includes(a.sessions.addresses()[0]!), "b knows a's address");
  });

  test("though only one of them knows an address of the other", async () => {
    const open = () => openSessionPeer({ ...network, limits: quick });
    const network = testNetwork();
    const [a, b] = await Promise.all([open(), open()]);
    await pairPeers(a, b);
    await Promise.all([a.sessions.start(), b.sessions.start()]);
    await a.book.update(b.identity.peerId, { addresses: b.sessions.addresses() });
    await until(() => agree(a, b), "they met");
    await until(() => b.book.byId(a.identity.peerId)!.addresses.length > 0, "b learned it");
    await Promise.all([a.close(), b.close()]);
  });

  test("over IPv6", async () => {
    const check = leakCheck();
    const [a, b] = await startedPair({ transport: tcpTransport, listen: ["tcp://[::1]:0"] });
    await pairPeers(a, b);
    await until(() => agree(a, b), "they met");
    assert.match(sessionOf(a, b)!.address, /^tcp:\/\/\[::1\]:/);
    await Promise.all([a.close(), b.close()]);
    await check();
  });

  test("despite dead addresses, and somebody else's, before the right one", async () => {
    const [a, b] = await startedPair({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] });
    const [other, silent] = await Promise.all([
      openSessionPeer({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] }),
      tcpTransport.listen("tcp://127.0.0.1:0", () => {}),
    ]);
    await other.sessions.start();
    await pairPeers(a, b);
    const [right] = b.sessions.addresses();
    const addresses = ["tcp://127.0.0.1:1", silent.addresses()[0]!, other.sessions.addresses()[0]!, right!];
    await sessionOf(a, b)?.close();
    const session = await a.sessions.dial(b.identity.peerId, addresses);
    assert.equal(session.address, right);
    await session.close();
    await assert.rejects(
      a.sessions.dial(b.identity.peerId, addresses.toSpliced(3).toSpliced(1, 1)),
      isCode("unreachable", /nothing listens there.*another device answers/),
    );
    await Promise.all([a.close(), b.close(), other.close(), silent.close()]);
  });

  test("three of them, each with each", async () => {
    await using group = await openSessionGroup(3);
    for (const a of group.peers) for (const b of group.peers) assert.ok(a === b || agree(a, b));
  });
});

describe("the same peer twice at once", () => {
  test("one session survives, the same on both sides, a hundred times", async () => {
    const check = leakCheck();
    // No wait and no yielding: both dial at the same moment, every time.
    const limits = { ...quick, dialHoldMs: 0 };
    const [a, b] = await startedPair(testNetwork(), { limits });
    let replaced = 0;
    let ups = 0;
    a.sessions.subscribe(({ type }) => (type === "up" ? ups++ : replaced++));
    for (let round = 0; round < 100; round++) {
      await pairPeers(a, b);
      const both = [a.sessions.connect(b.identity.peerId), b.sessions.connect(a.identity.peerId)];
      await Promise.all(both);
      await until(() => agree(a, b), `they agree in round ${round}`);
      const kept = sessionOf(a, b)!;
      assert.equal(await Promise.race([kept.closed.then(() => "over"), sleep(5).then(() => "up")]), "up");
      await Promise.all([a.book.remove(b.identity.peerId), b.book.remove(a.identity.peerId)]);
      assert.equal(sessionOf(a, b), undefined);
    }
    assert.equal(ups, replaced);
    await Promise.all([a.close(), b.close()]);
    await check();
  });

  test("with a moment of patience the loser never comes up at all", async () => {
    const [a, b] = await startedPair(testNetwork(), { limits: { ...quick, dialHoldMs: 10_000 } });
    let ups = 0;
    a.sessions.subscribe(({ type }) => (ups += type === "up" ? 1 : 0));
    for (let round = 1; round <= 20; round++) {
      await pairPeers(a, b);
      await Promise.all([a.sessions.connect(b.identity.peerId), b.sessions.connect(a.identity.peerId)]);
      await until(() => agree(a, b), "they agree");
      assert.equal(ups, round);
      await Promise.all([a.book.remove(b.identity.peerId), b.book.remove(a.identity.peerId)]);
    }
    await Promise.all([a.close(), b.close()]);
  });
});

describe("a session that is lost", () => {
  test("comes back when the other one was started again, and says that it is a new life", async () => {
    const check = leakCheck();
    const [a, b] = await startedPair({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] });
    await pairPeers(a, b);
    await until(() => agree(a, b), "they met");
    const events: SessionEvent["type"][] = [];
    a.sessions.subscribe(({ type }) => events.push(type));
    const before = sessionOf(a, b)!;
    const again = await b.restart({ listen: b.sessions.addresses() });
    await before.closed;
    assert.equal(sessionOf(a, b), undefined);
    assert.ok(a.sessions.problem(b.identity.peerId) === undefined || a.sessions.problem(b.identity.peerId) instanceof CoveyError);
    await again.sessions.start();
    await until(() => agree(a, again), "they met again");
    assert.notEqual(sessionOf(a, b)!.remote.bootId, before.remote.bootId);
    assert.deepEqual(events, ["up", "down", "up"]);
    await Promise.all([a.close(), again.close()]);
    await check();
  });

  test("though it moved to another address meanwhile", async () => {
    const [a, b] = await startedPair();
    await pairPeers(a, b);
    await until(() => agree(a, b), "they met");
    const moved = await b.restart();
    await moved.sessions.start();
    await until(() => agree(a, moved), "they met again");
    const [address] = moved.sessions.addresses();
    await until(() => a.book.byId(b.identity.peerId)!.addresses.includes(address!), "a learned the new address");
    await Promise.all([a.close(), moved.close()]);
  });

  test("comes back though only one side noticed: whoever lost it gets in again", async () => {
    // What the one side sends and hears is swallowed, as when a cable is pulled: it gives up, the other one still believes.
    for (const loser of [0, 1] as const) {
      const cable = createCable();
      const [a, b] = await startedPair({ transport: cable.transport, listen: ["memory://*"] });
      await pairPeers(a, b);
      await until(() => agree(a, b), "they met");
      const [lost, believes] = loser === 0 ? [a, b] : [b, a];
      const stale = sessionOf(believes, lost)!;
      cable.pull();
      await sessionOf(lost, believes)!.close();
      await until(() => agree(a, b), "they met again");
      assert.notEqual(sessionOf(believes, lost), stale);
      await Promise.all([a.close(), b.close()]);
    }
  });

  test("is over at once for whoever waits for an answer", async () => {
    await using pair = await openSessionPair({
      limits: quick,
      prepare: ({ sessions }) => sessions.handle("test/hang", () => new Promise(() => {})),
    });
    const asked = pair.ab.request("test/hang", null);
    const lost = assert.rejects(asked, (error) => isCode("closed")(error) && (error as CoveyError).retryable);
    await pair.ba.close();
    await lost;
  });
});

describe("a peer that is removed", () => {
  test("is cut at once, kept out, and told so", async () => {
    const check = leakCheck();
    const [a, b] = await startedPair();
    a.sessions.handle("test/hang", () => new Promise(() => {}));
    await pairPeers(a, b, { a: "laptop" });
    await until(() => agree(a, b), "they met");
    const [ab, ba] = [sessionOf(a, b)!, sessionOf(b, a)!];
    const asked = assert.rejects(ba.request("test/hang", null), isCode("closed"));
    await a.book.remove(b.identity.peerId);
    assert.equal(sessionOf(a, b), undefined);
    await Promise.all([ab.closed, ba.closed, asked]);
    await assert.rejects(a.sessions.connect(b.identity.peerId), isCode("not-paired"));
    // The dialler's user reads it, whether it asks or only looks.
    await assert.rejects(b.sessions.connect(a.identity.peerId), isCode("not-paired", /^laptop no longer knows this device/));
    await until(() => isCode("not-paired")(b.sessions.problem(a.identity.peerId)), "b's user can read why");
    assert.equal(sessionOf(b, a), undefined);
    assert.equal(sessionOf(a, b), undefined);
    await Promise.all([a.close(), b.close()]);
    await check();
  });

  test("can be paired again", async () => {
    const [a, b] = await startedPair();
    await pairPeers(a, b);
    await until(() => agree(a, b), "they met");
    await a.book.remove(b.identity.peerId);
    await until(() => isCode("not-paired")(b.sessions.problem(a.identity.peerId)), "b noticed");
    await pairPeers(a, b);
    await until(() => agree(a, b), "they met again");
    await Promise.all([a.close(), b.close()]);
  });
});

describe("connecting", () => {
  test("to nobody says at which address what happened", async () => {
    const [a, b] = await startedPair({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] });
    await pairPeers(a, b, { b: "phone" });
    await b.close();
    await until(() => sessionOf(a, b) === undefined, "a noticed");
    const [address] = a.book.byId(b.identity.peerId)!.addresses;
    await assert.rejects(
      a.sessions.connect(b.identity.peerId),
      (error) =>
        isCode("unreachable", /^can't reach phone: tcp:\/\/127\.0\.0\.1:\d+: nothing listens there/)(error) &&
        String(error).includes(address!),
    );
    await a.close();
  });

  test("gives up with the caller's reason, or when all is closed", async () => {
    const silent = await tcpTransport.listen("tcp://127.0.0.1:0", () => {});
    const [a, b] = await startedPair({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] });
    await pairPeers(a, b);
    await b.close();
    await a.book.update(b.identity.peerId, { addresses: silent.addresses() });
    await until(() => sessionOf(a, b) === undefined, "a noticed");
    const reason = new Error("enough");
    await assert.rejects(a.sessions.connect(b.identity.peerId, AbortSignal.abort(reason)), reason);
    const waiting = assert.rejects(a.sessions.connect(b.identity.peerId), isCode("closed"));
    await a.close();
    await waiting;
    await silent.close();
  });

  test("to oneself, or to somebody unknown, is a mistake", async () => {
    const [a, b] = await startedPair();
    await assert.rejects(a.sessions.dial(a.identity.peerId, a.sessions.addresses()), isCode("bad-argument"));
    await assert.rejects(a.sessions.dial(b.identity.peerId, a.sessions.addresses()), isCode("unreachable", /this device itself/));
    await assert.rejects(a.sessions.connect(b.identity.peerId), isCode("not-paired"));
    await Promise.all([a.close(), b.close()]);
  });

  test("where another program listens already fails, and nothing is left listening", async () => {
    const check = leakCheck();
    const a = await openSessionPeer({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] });
    await a.sessions.start();
    const b = await openSessionPeer({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0", a.sessions.addresses()[0]!] });
    await assert.rejects(b.sessions.start(), isCode("conflict"));
    assert.deepEqual(b.sessions.addresses(), []);
    await Promise.all([a.close(), b.close()]);
    await check();
  });
});
