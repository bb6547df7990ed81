// A peer that breaks the rules or the limits: the session is cut, with a reason, and holds little meanwhile.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";

import fc from "fast-check";

import { CoveyError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import {
  ACK,
  DATA,
  encodeHeader,
  FIN,
  GO_AWAY,
  INITIAL_WINDOW,
  PING,
  PROTOCOL_ERROR,
  RST,
  SYN,
  WINDOW_UPDATE,
} from "../../src/session/yamux/frame.ts";
import type { Stream } from "../../src/session/contract.ts";
import { type End, type RawPeer, rawPair } from "./pairs.ts";

interface Fault {
  readonly code: "protocol" | "limit";
  /** Which limit. */
  readonly of?: string;
  act(peer: RawPeer, end: End): void | Promise<void>;
}

const open = (peer: RawPeer, id: number): void => peer.send(WINDOW_UPDATE, SYN, id, 0);
const times = (count: number, act: (n: number) => void): void => {
  for (let n = 0; n < count; n++) act(n);
};

const FAULTS: Readonly<Record<string, Fault>> = {
  "an unknown version": { code: "protocol", act: (peer) => void peer.wire.write(Buffer.alloc(12, 1)) },
  "a stream id of our parity": { code: "protocol", act: (peer) => open(peer, 2) },
  "a stream id used before": {
    code: "protocol",
    act(peer) {
      open(peer, 3);
      open(peer, 3);
    },
  },
  "a stream id below one used before": {
    code: "protocol",
    act(peer) {
      open(peer, 3);
      open(peer, 1);
    },
  },
  "data on a stream that nobody opened": { code: "protocol", act: (peer) => peer.send(DATA, 0, 1, 0) },
  "credit for a stream that we did not open yet": { code: "protocol", act: (peer) => peer.send(WINDOW_UPDATE, 0, 2, 1) },
  "acceptance of a stream that it opened itself": {
    code: "protocol",
    act(peer) {
      open(peer, 1);
      peer.send(WINDOW_UPDATE, ACK, 1, 0);
    },
  },
  "a header that claims more than the credit": { code: "protocol", act: (peer) => peer.send(DATA, SYN, 1, INITIAL_WINDOW + 1) },
  "data beyond the credit": {
    code: "protocol",
    act: (peer) => {
      // What is granted at the opening is never more than the whole window.
      open(peer, 1);
      times(LIMITS.yamuxWindowBytes / 65_536 + 1, () => peer.send(DATA, 0, 1, 65_536, Buffer.alloc(65_536)));
    },
  },
  "data after its end": {
    code: "protocol",
    act(peer) {
      peer.send(DATA, SYN | FIN, 1, 1, Buffer.of(1));
      peer.send(DATA, 0, 1, 1, Buffer.of(1));
    },
  },
  "two ends": {
    code: "protocol",
    act(peer) {
      peer.send(WINDOW_UPDATE, SYN | FIN, 1, 0);
      peer.send(WINDOW_UPDATE, FIN, 1, 0);
    },
  },
  "data on a stream that both sides have ended": {
    code: "protocol",
    async act(peer, end) {
      peer.send(WINDOW_UPDATE, SYN | FIN, 1, 0);
      await (await end.accept()).end();
      peer.send(DATA, 0, 1, 1, Buffer.of(1));
    },
  },
  "more data for a stream that was cut than it had credit for": {
    code: "protocol",
    async act(peer, end) {
      open(peer, 1);
      (await end.accept()).reset();
      await peer.sees(({ flags }) => flags === RST);
      times(LIMITS.yamuxWindowBytes / 65_536 + 1, () => peer.send(DATA, 0, 1, 65_536, Buffer.alloc(65_536)));
    },
  },
  "credit beyond 2^32": {
    code: "protocol",
    act(peer) {
      open(peer, 1);
      peer.send(WINDOW_UPDATE, 0, 1, 0xffff_ffff);
    },
  },
  "pings without end": { code: "limit", of: "pings", act: (peer) => times(1000, (n) => peer.send(PING, SYN, 0, n)) },
  "answers to pings that were never sent": {
    code: "limit",
    of: "pings",
    act: (peer) => times(1000, (n) => peer.send(PING, ACK, 0, n)),
  },
  "window updates without end": {
    code: "limit",
    of: "window updates",
    act(peer) {
      open(peer, 1);
      times(3 * LIMITS.yamuxUpdatesPerSecond, () => peer.send(WINDOW_UPDATE, 0, 1, 0));
    },
  },
  "empty frames without end": {
    code: "limit",
    of: "empty frames",
    act(peer) {
      open(peer, 1);
      times(3 * LIMITS.yamuxEmptyPerSecond, () => peer.send(DATA, 0, 1, 0));
    },
  },
  "streams opened and reset without end": {
    code: "limit",
    of: "resets",
    act: (peer) =>
      times(3 * LIMITS.yamuxResetsPerSecond, (n) => {
        open(peer, 2 * n + 1);
        peer.send(WINDOW_UPDATE, RST, 2 * n + 1, 0);
      }),
  },
  "streams opened beyond the limit without end": {
    code: "limit",
    of: "resets",
    act: (peer) => times(LIMITS.yamuxStreams + 3 * LIMITS.yamuxResetsPerSecond, (n) => open(peer, 2 * n + 1)),
  },
  "resets of streams that nobody opened": {
    code: "limit",
    of: "resets",
    act: (peer) => times(3 * LIMITS.yamuxResetsPerSecond, (n) => peer.send(WINDOW_UPDATE, RST, 2 * n + 1, 0)),
  },
  "streams opened and ended without end": {
    code: "limit",
    of: "new streams",
    async act(peer, end) {
      void (async () => {
        for (;;) void (await end.accept()).end().catch(() => undefined);
      })();
      for (let n = 0; n < 10 * LIMITS.yamuxOpensPerSecond && !peer.wire.destroyed; n++) {
        peer.send(WINDOW_UPDATE, SYN | FIN, 2 * n + 1, 0);
        if (n % (LIMITS.yamuxStreams / 2) === 0) await setImmediate();
      }
    },
  },
};

for (const [name, { code, of, act }] of Object.entries(FAULTS)) {
  test(`is cut: ${name}`, async (t) => {
    const { end, peer } = rawPair(t);
    await act(peer, end);
    const why = await end.yamux.closed;
    assert.equal(why?.code, code);
    if (of !== undefined) assert.ok(why.message.includes(of), why.message);
    assert.equal(end.yamux.streams, 0);
    const goodbye = await peer.sees(({ type }) => type === GO_AWAY);
    assert.equal(goodbye.length, PROTOCOL_ERROR);
  });
}

test("a peer that asks and takes no answers is cut", async (t) => {
  const { end, peer } = rawPair(t);
  peer.wire.pause();
  void (async () => {
    for (;;) (await end.accept()).reset();
  })();
  for (let n = 0; n < 2 * LIMITS.yamuxControlFrames; n++) {
    open(peer, 2 * n + 1);
    if (n % (LIMITS.yamuxStreams / 2) === 0) await setImmediate();
  }
  const why = await end.yamux.closed;
  assert.equal(why?.code, "limit");
  assert.ok(why.message.includes("answers"), why.message);
});

test("a stream beyond the limit is refused by a reset, and the session goes on", async (t) => {
  const { end, peer } = rawPair(t, { maxIncoming: 2 });
  times(3, (n) => open(peer, 2 * n + 1));
  assert.equal((await peer.sees(({ flags }) => flags === RST)).id, 5);
  peer.send(DATA, 0, 5, 100, Buffer.alloc(100)); // it could not know yet
  assert.equal(end.yamux.streams, 2);
  (await end.accept()).reset();
  open(peer, 7);
  await end.accept();
  await end.accept();
});

test("what a peer may have unread here is the windows and the credit lent, however many streams it opens", async (t) => {
  const { peer, end } = rawPair(t);
  times(LIMITS.yamuxStreams, (n) => open(peer, 2 * n + 1));
  await peer.sees(({ type, id }) => type === WINDOW_UPDATE && id === 2 * LIMITS.yamuxStreams - 1);
  const granted = peer.frames.filter(({ type }) => type === WINDOW_UPDATE).reduce((sum, { length }) => sum + length, 0);
  assert.ok(granted > 0 && granted <= LIMITS.yamuxCreditBytes, `${granted} bytes`);
  // Lent credit comes back with the streams.
  for (let n = 0; n < LIMITS.yamuxStreams; n++) (await end.accept()).reset();
  open(peer, 2 * LIMITS.yamuxStreams + 1);
  const { length } = await peer.sees(({ type, id }) => type === WINDOW_UPDATE && id === 2 * LIMITS.yamuxStreams + 1);
  assert.equal(length, LIMITS.yamuxWindowBytes - INITIAL_WINDOW);
});

test("pings are answered with what they carried", async (t) => {
  const { peer } = rawPair(t);
  peer.send(PING, SYN, 0, 0xdead_beef);
  assert.deepEqual(await peer.sees(({ type }) => type === PING), { type: PING, flags: ACK, id: 0, length: 0xdead_beef });
});

test("bytes that come one by one are read as if they came at once", async (t) => {
  const { end, peer } = rawPair(t);
  const bytes = Buffer.concat([encodeHeader(DATA, SYN, 1, 5000), Buffer.alloc(5000, 9), encodeHeader(WINDOW_UPDATE, FIN, 1, 0)]);
  for (const byte of bytes) peer.wire.write(Buffer.of(byte));
  const stream = await end.accept();
  let got = 0;
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) got += chunk.length;
  assert.equal(got, 5000);
});

/** Frames that are nearly right: small ids, plausible lengths, any flags. */
const frames = fc.array(
  fc.record({
    type: fc.constantFrom(DATA, DATA, WINDOW_UPDATE, WINDOW_UPDATE, PING, GO_AWAY),
    flags: fc.constantFrom(0, 0, SYN, SYN, ACK, FIN, RST, SYN | FIN, SYN | RST, ACK | FIN),
    id: fc.integer({ min: 0, max: 9 }),
    length: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(INITIAL_WINDOW, 0xffff_ffff)),
    cut: fc.boolean(),
  }),
  { maxLength: 40 },
);

test("whatever frames come, the session lives or is cut with a reason, and every stream settles", async (t: TestContext) => {
  await fc.assert(
    fc.asyncProperty(frames, async (frames) => {
      const { end, peer } = rawPair(t);
      const opened = [end.yamux.open(), end.yamux.open()];
      const settled: Promise<unknown>[] = [];
      const use = (stream: Stream): void => {
        const work = async (): Promise<void> => {
          await stream.write(Buffer.alloc(10));
          while ((await stream.read()) !== null);
          await stream.end();
        };
        settled.push(
          work().catch((error: unknown) => assert.ok(error instanceof CoveyError && error.code !== "internal")),
          stream.closed,
        );
      };
      for (const stream of opened) use(stream);
      void (async () => {
        for (;;) use(await end.accept());
      })();
      for (const { type, flags, id, length, cut } of frames) {
        const data = type === DATA && length <= 300 ? Buffer.alloc(cut ? length >> 1 : length) : undefined;
        peer.send(type, flags, id, length, data);
      }
      await setImmediate();
      peer.wire.end();
      const why = await end.yamux.closed;
      assert.ok(why === undefined || ["protocol", "limit", "closed"].includes(why.code), why?.message);
      await Promise.all(settled);
      assert.equal(end.yamux.streams, 0);
    }),
    { numRuns: 300 },
  );
});
