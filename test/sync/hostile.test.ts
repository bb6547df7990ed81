// A paired peer that says what it likes on the push route, by hand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CoveyError } from "../../src/core/errors.ts";
import type { SpaceId, StoreId } from "../../src/core/ids.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFrameReader } from "../../src/services/replication/frame-reader.ts";
import { type Batch, decodeAnswer, encodeAnswer, encodeBatch } from "../../src/services/replication/frames.ts";
import { encodeMessage } from "../../src/services/messages/envelope.ts";
import type { Session } from "../../src/session/contract.ts";
import type { IncomingResult, WireEntry } from "../../src/space/contract.ts";
import { pathOf } from "../../src/space/path.ts";
import { contentsOf, eventually, type Lab, openLab, pair, type TestPeer } from "./peers.ts";

const STORE = "5".repeat(32) as StoreId;

interface Stage {
  readonly lab: Lab;
  /** Honest. */
  readonly a: TestPeer;
  /** Paired with it, and replicating nothing by itself. */
  readonly b: TestPeer;
  readonly space: SpaceId;
  readonly session: Session;
}

async function setStage(lab: Lab): Promise<Stage> {
  const a = await lab.open("a");
  const b = await lab.open("b", { replicates: false });
  const space = await pair(a, b);
  const session = await b.sessions.connect(a.id);
  return { lab, a, b, space, session };
}

/** Pushes the batches one after the other on one stream; the answers. */
async function push({ session, space }: Stage, ...batches: readonly Batch[]): Promise<readonly IncomingResult[]> {
  const { stream } = await session.open("space/push", { space, store: STORE });
  const frames = createFrameReader(stream);
  const answers: IncomingResult[] = [];
  for (const batch of batches) {
    await stream.write(encodeBatch(batch));
    const frame = await frames.next();
    if (frame === null) break;
    answers.push(decodeAnswer(frame));
  }
  await stream.end();
  return answers;
}

/** Whether the stream is cut, and not ended, when these bytes arrive. */
async function isCut({ session, space }: Stage, bytes: Buffer): Promise<boolean> {
  const { stream } = await session.open("space/push", { space, store: STORE });
  try {
    await stream.write(bytes);
    while ((await stream.read()) !== null);
    return false;
  } catch {
    return true;
  }
}

async function entriesOf({ b, a, space }: Stage, ...keys: readonly string[]): Promise<readonly WireEntry[]> {
  const { seq } = await b.store.now(space);
  await b.data.setMany(
    space,
    keys.map((key) => ({ key, value: key })),
  );
  return (await b.store.outgoing(space, a.id, seq)).entries;
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte));

const answerTo = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "accepted",
    (error: unknown) => (error instanceof CoveyError ? `${error.code}: ${error.message}` : String(error)),
  );

test("wrong types in the head are refused as such", async () => {
  await using lab = await openLab();
  const stage = await setStage(lab);
  const { space, session } = stage;
  const heads = [
    null,
    1,
    "x",
    [],
    {},
    { space },
    { space, store: 1 },
    { space: space.toUpperCase(), store: STORE },
    { space: [space], store: STORE },
  ];
  for (const head of heads) assert.match(await answerTo(session.open("space/push", head)), /^protocol: /, JSON.stringify(head));
});

test("absent spaces, the peer's own space and those with others get one answer", async () => {
  await using lab = await openLab();
  const { a, space, session } = await setStage(lab);
  const forbidden = [await a.store.self(), "0".repeat(64)].map((space) =>
    answerTo(session.open("space/push", { space, store: STORE })),
  );
  const answers = new Set(await Promise.all(forbidden));
  assert.deepEqual([...answers], ["not-found: there is no such space"]);
  assert.equal(await answerTo(session.open("space/push", { space, store: STORE })), "accepted");
});

test("forged, altered and foreign entries are refused one by one; the good ones beside them are stored", async () => {
  await using lab = await openLab();
  const stage = await setStage(lab);
  const { a, b, space } = stage;
  const [one, two, three] = (await entriesOf(stage, "one", "two", "three")) as [WireEntry, WireEntry, WireEntry];
  const self = await b.store.self();
  await b.data.set(self, "mine", 1);
  const [foreign] = (await b.store.outgoing(self, b.id, 0).catch(() => ({ entries: [] }))).entries;
  const bad: WireEntry[] = [
    { ...two, signature: flipped(two.signature, 5) },
    { ...two, signed: flipped(two.signed, 40) },
    { ...two, value: Buffer.from('"other"') },
    { ...two, value: undefined },
    { ...two, signature: three.signature },
    { signed: Buffer.alloc(0), signature: Buffer.alloc(64), value: undefined },
    { signed: Buffer.alloc(5000, 1), signature: Buffer.alloc(64), value: Buffer.alloc(10) },
    ...(foreign === undefined ? [] : [foreign]),
  ];
  const [answer] = await push(stage, { from: 0, to: 20, entries: [one, ...bad, three] });
  assert.deepEqual(answer!.verdicts, ["stored", ...bad.map(() => "refused"), "stored"]);
  assert.deepEqual(
    (await a.data.list(space, "")).map(({ key }) => key),
    ["one", "three"],
  );
});

test("replays change nothing; a batch behind a gap moves no cursor", async () => {
  await using lab = await openLab();
  const stage = await setStage(lab);
  const { a, space } = stage;
  const entries = await entriesOf(stage, "one", "two");
  const batch = { from: 0, to: 2, entries };
  await push(stage, batch);
  const before = await contentsOf(a.store, space);
  for (let i = 0; i < 3; i++) {
    const [again] = await push(stage, batch);
    assert.deepEqual(again, { verdicts: ["have", "have"], cursor: { store: STORE, seq: 2 } });
  }
  const [behindGap] = await push(stage, { from: 1_000_000, to: Number.MAX_SAFE_INTEGER, entries });
  assert.deepEqual(behindGap!.cursor, { store: STORE, seq: 2 });
  assert.deepEqual(await contentsOf(a.store, space), before);
});

test("bytes that are no batch cut the stream, and only that", async () => {
  await using lab = await openLab();
  const stage = await setStage(lab);
  const { session, a, space } = stage;
  const length = (bytes: number): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(bytes);
    return head;
  };
  const backwards = encodeBatch({ from: 3, to: 2, entries: [] });
  for (const bytes of [
    length(LIMITS.pushFrameBytes + 1),
    length(0xffff_ffff),
    length(0),
    Buffer.concat([length(100), Buffer.alloc(100, 0xff)]),
    backwards,
  ]) {
    assert.ok(await isCut(stage, bytes), bytes.toString("hex").slice(0, 40));
  }
  assert.equal(a.sessions.get(stage.b.id)?.peer, session.peer === a.id ? stage.b.id : undefined);
  const [answer] = await push(stage, { from: 0, to: 1, entries: await entriesOf(stage, "good") });
  assert.deepEqual(answer!.verdicts, ["stored"]);
  assert.equal((await a.data.get(space, "good"))?.value, "good");
});

test("of many streams of one peer the last one counts; the others are cut and leave nothing behind", async () => {
  await using lab = await openLab();
  const stage = await setStage(lab);
  const { session, space, a } = stage;
  const opened = await Promise.allSettled(Array.from({ length: 100 }, () => session.open("space/push", { space, store: STORE })));
  let open = 0;
  const cut = opened.map(async (one) => {
    if (one.status === "rejected") return;
    open++;
    await one.value.stream.closed;
    open--;
  });
  await eventually("one is left", () => open === 1);
  const [answer] = await push(stage, { from: 0, to: 1, entries: await entriesOf(stage, "good") });
  assert.deepEqual(answer!.verdicts, ["stored"]);
  assert.equal((await a.data.list(space, "")).length, 1);
  await Promise.all(cut);
});

test("a flood of batches that nobody waits for is taken at the store's pace", async () => {
  await using lab = await openLab();
  const stage = await setStage(lab);
  const { session, space, a, b } = stage;
  const entries = await entriesOf(stage, ...Array.from({ length: 200 }, (_, i) => `k/${i}`));
  const frame = encodeBatch({ from: 0, to: 200, entries });
  const { stream } = await session.open("space/push", { space, store: STORE });
  const flooding = (async () => {
    for (let i = 0; i < 100; i++) await stream.write(Buffer.from(frame));
    await stream.end();
  })();
  const answers = createFrameReader(stream);
  let count = 0;
  for (let answer = await answers.next(); answer !== null; answer = await answers.next()) count++;
  await flooding;
  assert.equal(count, 100);
  assert.equal((await a.data.list(space, "")).length, 200);
  assert.equal(b.sessions.get(a.id) !== undefined, true);
});

test("one who answers pushes with lies or nonsense is asked again, after a pause, and loses only its own copy", async () => {
  await using lab = await openLab();
  const { a, b, space } = await setStage(lab);
  const answers: ((frame: Buffer) => Buffer | undefined)[] = [
    () => Buffer.alloc(200, 0xff),
    () => Buffer.from([0, 0, 0, 1, 7]),
    () => undefined,
    () => encodeAnswer({ verdicts: ["stored", "stored"], cursor: { store: a.store.storeId(), seq: 1e9 } }),
    () => encodeAnswer({ verdicts: ["stored"], cursor: { store: STORE, seq: 1e9 } }),
    () => encodeAnswer({ verdicts: ["held"], cursor: { store: a.store.storeId(), seq: 0 } }),
  ];
  let opened = 0;
  b.sessions.handle("space/push", async (call) => {
    const lie = answers[opened++ % answers.length]!;
    const stream = await call.accept({ have: { store: STORE, seq: 5 } });
    const frame = await createFrameReader(stream).next();
    const bytes = lie(frame!);
    if (bytes === undefined) return;
    await stream.write(bytes);
    await stream.closed;
  });
  const startMs = performance.now();
  await a.data.set(space, "key", "value");
  await eventually("asked again", () => opened === 4);
  // Three pauses, each twice as long as the one before; a timer may be a millisecond early.
  assert.ok(performance.now() - startMs >= 7 * LIMITS.pushRetryMs - 10);
  assert.equal((await a.data.get(space, "key"))?.value, "value");
  assert.equal(await a.replication.waiting(b.id), 1);
  assert.equal(a.replication.status(b.id).state === "pausing" || a.replication.status(b.id).state === "pushing", true);
});

test("whoever shows a cursor that was never given out is cut, and told that nothing is held of it", async () => {
  await using lab = await openLab();
  const { a, b, space, session } = await setStage(lab);
  await a.data.set(space, "key", 1);
  const { stream } = await session.open("space/push", { space, store: STORE });
  await stream.write(encodeBatch({ from: 0, to: 7, entries: [] }));
  await createFrameReader(stream).next();
  assert.deepEqual(await a.store.cursorFor(space, b.id), { store: STORE, seq: 7 });
  b.sessions.handle("space/push", async (call) => {
    const pushed = await call.accept({ have: { store: a.store.storeId(), seq: 2 ** 52 + 1 } });
    await pushed.closed;
  });
  await assert.rejects(stream.read());
  const { value } = await session.open("space/push", { space, store: STORE });
  assert.deepEqual(value, { have: null });
});

test("nonsense as the answer to a request to push is no answer", async () => {
  await using lab = await openLab();
  const { a, b, space } = await setStage(lab);
  const values = [
    null,
    {},
    { have: { store: STORE, seq: -1 } },
    { have: { store: "x", seq: 0 } },
    { have: { store: STORE, seq: 0.5 } },
  ];
  let opened = 0;
  b.sessions.handle("space/push", async (call) => {
    const stream = await call.accept(values[opened++ % values.length]);
    await stream.closed;
  });
  await a.data.set(space, "key", 1);
  await eventually("asked again", () => opened >= 3);
  assert.equal(await a.replication.waiting(b.id), 1);
});

test("who writes in this one's name hides nothing that was said here", async () => {
  await using lab = await openLab();
  const { a, b, space } = await setStage(lab);
  await a.messages.send(b.id, "said here");
  const lanes = Array.from({ length: LIMITS.messageLanes }, (_, i) => i.toString(16).padStart(16, "0"));
  const value = encodeMessage("not said here");
  await b.store.write(space, [
    ...lanes.map((lane) => ({ path: pathOf("msg", a.id, lane, "000000000001"), value })),
    ...lanes.map((_, i) => ({ path: pathOf("msg", a.id, a.store.incarnation(), String(1e12 - 1 - i)), value })),
    { path: pathOf("msg", a.id, "mark"), value },
    { path: pathOf("msg", "nobody", "mark"), value },
    { path: pathOf("msg"), value },
  ]);
  const { entries } = await b.store.outgoing(space, a.id, 0);
  const [answer] = await push({ lab, a, b, space, session: await b.sessions.connect(a.id) }, { from: 0, to: 1000, entries });
  assert.deepEqual(new Set(answer!.verdicts), new Set(["refused"]));
  assert.deepEqual(
    (await a.messages.list(b.id)).map(({ text }) => text),
    ["said here"],
  );
});
