// Peers that are not paired, and peers of other versions: what they reach, what they hear, and what both users can read.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { type Logger, silentLog } from "../../src/core/log.ts";
import type { Call, Session } from "../../src/session/contract.ts";
import type { Protocol } from "../../src/session/hello.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { testNetwork } from "../../src/testing/session-pair.ts";
import { openSessionPeer, pairPeers, type SessionPeer, type SessionPeerOptions } from "../../src/testing/session-peer.ts";

const isCode =
  (code: string, text = /(?:)/) =>
  (error: unknown) =>
    error instanceof CoveyError && error.code === code && text.test(error.message);

async function until(holds: () => boolean, what: string): Promise<void> {
  for (const giveUpMs = performance.now() + 10_000; !holds(); await sleep(5)) {
    assert.ok(performance.now() < giveUpMs, `still waiting until ${what}`);
  }
}

const network = testNetwork();
const quick = { backOffMinMs: 20, backOffMaxMs: 100, dialYieldMs: 0 };

/** A test that failed leaves its peers to these. */
const opened: SessionPeer[] = [];
afterEach(async () => void (await Promise.all(opened.splice(0).map((peer) => peer.close()))));

async function started(options: Partial<SessionPeerOptions> = {}): Promise<SessionPeer> {
  const peer = await openSessionPeer({ ...network, limits: quick, ...options });
  opened.push(peer);
  peer.sessions.handle("test/secret", async () => "secret");
  peer.sessions.handle("test/door", async ({ peer: who, paired }) => ({ who, paired }), { strangers: true });
  await peer.sessions.start();
  return peer;
}

const dial = (from: SessionPeer, to: SessionPeer) => from.sessions.dial(to.identity.peerId, to.sessions.addresses());

/** Few streams, small heads and little time: until the host cuts it. */
async function hasLittle(host: SessionPeer, session: Session): Promise<void> {
  const waiting: Call[] = [];
  host.sessions.handle("test/wait", (call) => (waiting.push(call), new Promise(() => {})), { strangers: true });
  await assert.rejects(session.request("test/door", "x".repeat(LIMITS.strangerHeadBytes)), isCode("protocol"));
  const many = Array.from({ length: LIMITS.strangerStreams + 3 }, () => session.request("test/wait", null));
  const outcomes = Promise.allSettled(many);
  await until(() => waiting.length >= LIMITS.strangerStreams, "those that may have arrived");
  assert.ok((await session.closed) instanceof CoveyError, "cut when its time was over");
  assert.ok((await outcomes).every(({ status }) => status === "rejected"));
  assert.equal(waiting.length, LIMITS.strangerStreams);
  assert.ok(waiting.every(({ signal }) => signal.aborted));
}

describe("a stranger", () => {
  test("gets nothing at all while nobody is expected, and its user a clear answer", async () => {
    const check = leakCheck();
    const [host, stranger] = await Promise.all([started(), started()]);
    await assert.rejects(dial(stranger, host), isCode("not-paired", /does not know this one/));
    await Promise.all([host.close(), stranger.close()]);
    await check();
  });

  test("gets to the door and no further while somebody is expected", async () => {
    const check = leakCheck();
    const [host, stranger] = await Promise.all([started({ welcomesStrangers: () => true }), started()]);
    const session = await dial(stranger, host);
    assert.equal(session.paired, false);
    assert.deepEqual([session.remote.storeId, session.remote.clockSkewMs], [undefined, undefined]);
    assert.deepEqual(await session.request("test/door", null), { who: stranger.identity.peerId, paired: false });
    for (const route of ["test/secret", "test/none"]) {
      await assert.rejects(session.request(route, null), isCode("not-paired"), route);
      await assert.rejects(session.open(route, null), isCode("not-paired"), route);
    }
    assert.equal(host.sessions.get(stranger.identity.peerId), undefined);
    await session.close();
    await Promise.all([host.close(), stranger.close()]);
    await check();
  });

  test("has few streams, small heads, and little time", async () => {
    const [host, stranger] = await Promise.all([
      started({ welcomesStrangers: () => true, limits: { ...quick, strangerMs: 300 } }),
      started(),
    ]);
    await hasLittle(host, await dial(stranger, host));
    await Promise.all([host.close(), stranger.close()]);
  });

  test("that believes to be paired learns that it is not, with and without a door", async () => {
    for (const welcome of [true, false]) {
      const [host, stranger] = await Promise.all([started({ welcomesStrangers: () => welcome }), started()]);
      await stranger.book.add({
        peerId: host.identity.peerId,
        name: "laptop",
        mine: false,
        addresses: host.sessions.addresses(),
        pairedAtMs: 0,
        secret: Buffer.alloc(32),
      });
      await assert.rejects(
        stranger.sessions.connect(host.identity.peerId),
        isCode("not-paired", /^laptop no longer knows this device: pair again/),
      );
      assert.equal(stranger.sessions.get(host.identity.peerId), undefined);
      assert.equal(host.sessions.get(stranger.identity.peerId), undefined);
      await Promise.all([host.close(), stranger.close()]);
    }
  });

  test("cannot crowd the door: there is a place for the one who is expected", async () => {
    const check = leakCheck();
    const [host, crowd, guest] = await Promise.all([started({ welcomesStrangers: () => true }), started(), started()]);
    const sessions = await Promise.all(Array.from({ length: LIMITS.strangerSessionsPerAddress * 3 }, () => dial(crowd, host)));
    const session = await dial(guest, host);
    assert.deepEqual(await session.request("test/door", null), { who: guest.identity.peerId, paired: false });
    const open = await Promise.all(
      sessions.map((one) =>
        one.request("test/door", null).then(
          () => 1,
          () => 0,
        ),
      ),
    );
    assert.ok(open.reduce((sum: number, one) => sum + one, 0) < LIMITS.strangerSessionsPerAddress);
    await Promise.all([host.close(), crowd.close(), guest.close()]);
    await check();
  });

  test("a paired peer may come beside its session to pair again, some times at once", async () => {
    const [host, peer] = await Promise.all([started(), started()]);
    await pairPeers(host, peer);
    const kept = await peer.sessions.connect(host.identity.peerId);
    const beside = await dial(peer, host);
    assert.ok(beside.paired);
    assert.equal(await beside.request("test/secret", null), "secret");
    assert.equal(await kept.request("test/secret", null), "secret");
    const more = await Promise.all(Array.from({ length: LIMITS.apartSessions * 2 }, () => dial(peer, host)));
    await until(() => host.sessions.get(peer.identity.peerId) !== undefined, "the kept one is there");
    const over = await Promise.all(
      [beside, ...more].map((one) => Promise.race([one.closed.then(() => 1), sleep(100).then(() => 0)])),
    );
    assert.equal(
      over.reduce((sum: number, one) => sum + one, 0),
      LIMITS.apartSessions + 1,
    );
    await host.book.remove(peer.identity.peerId);
    await Promise.all([beside, ...more].map((one) => one.closed));
    await Promise.all([host.close(), peer.close()]);
  });

  test("a paired peer has as little beside its session, and in that one as much as ever", async () => {
    const [host, peer] = await Promise.all([started({ limits: { ...quick, strangerMs: 300 } }), started()]);
    await pairPeers(host, peer);
    const kept = await peer.sessions.connect(host.identity.peerId);
    const large = "x".repeat(LIMITS.strangerHeadBytes);
    await kept.request("test/door", large);
    await hasLittle(host, await dial(peer, host));
    await kept.request("test/door", large);
    await Promise.all([host.close(), peer.close()]);
  });
});

describe("versions", () => {
  const speaks = (min: number, max: number, features: string[] = [], needs: string[] = []): Protocol => ({
    versions: [min, max],
    features,
    needs,
  });

  async function meeting(a: Protocol, b: Protocol): Promise<readonly [SessionPeer, SessionPeer]> {
    const peers = await Promise.all([started({ protocol: a }), started({ protocol: b })]);
    await pairPeers(...peers);
    return peers;
  }

  test("N and N-1 talk by what both know, whoever dials", async () => {
    for (const [ours, theirs, common] of [
      [speaks(1, 2), speaks(1, 1), 1],
      [speaks(2, 3), speaks(1, 2), 2],
      [speaks(1, 1, ["sparse"]), speaks(1, 1, ["later", "sparse"]), 1],
    ] as const) {
      const [a, b] = await meeting(ours, theirs);
      const [ab, ba] = await Promise.all([a.sessions.connect(b.identity.peerId), b.sessions.connect(a.identity.peerId)]);
      assert.deepEqual([ab.remote.version, ba.remote.version], [common, common]);
      assert.deepEqual(ab.remote.features, theirs.features);
      assert.equal(await ab.request("test/secret", null), "secret");
      await Promise.all([a.close(), b.close()]);
    }
  });

  test("too far apart, or requiring what the other does not know: refused by name, and both users read it", async () => {
    for (const [ours, theirs, here, there] of [
      [
        speaks(1, 1),
        speaks(2, 3),
        /this device speaks covey version 1, the other one versions 2 to 3/,
        /this device speaks covey versions 2 to 3/,
      ],
      [
        speaks(1, 1),
        speaks(1, 1, ["ledger"], ["ledger"]),
        /the other device requires.*: ledger/,
        /this device requires.*: ledger/,
      ],
    ] as const) {
      // Each of them dials once, while the other one only listens: who listens can read it as well as who dials.
      for (const dialler of [0, 1] as const) {
        const check = leakCheck();
        const [a, b] = await meeting(ours, theirs);
        const [asks, listens] = dialler === 0 ? [a, b] : [b, a];
        await listens.book.update(asks.identity.peerId, { addresses: [] });
        const [mine, other] = dialler === 0 ? [here, there] : [there, here];
        await assert.rejects(asks.sessions.connect(listens.identity.peerId), isCode("version", mine));
        await until(() => isCode("version", other)(listens.sessions.problem(asks.identity.peerId)), "the other side can read it");
        assert.match(asks.sessions.problem(listens.identity.peerId)!.hint!, /Update covey on/);
        await Promise.all([a.close(), b.close()]);
        await check();
      }
    }
  });
});

test("what goes wrong with strangers is one line in the log for each address, and names no secret", async () => {
  const lines: unknown[] = [];
  const log: Logger = { ...silentLog, info: (facts, text) => void lines.push({ ...facts, text }) };
  const [host, stranger] = await Promise.all([started({ log }), started()]);
  for (let round = 0; round < 10; round++) await assert.rejects(dial(stranger, host));
  assert.equal(lines.length, 1);
  assert.match(JSON.stringify(lines), /not paired/);
  await Promise.all([host.close(), stranger.close()]);
});
