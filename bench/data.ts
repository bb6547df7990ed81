// What users feel of messages and data, between two real peers on loopback in one process: TLS, threads of their own for the stores,
// and flushes included.
//   1. messages, one after the other: from `send` to the watch on the other side; a round trip and a flush for comparison
//   2. 100,000 keys are set in batches of 1,000 while the other peer is away
//   3. it comes, and gets them

import { sleep } from "../src/core/async.ts";
import { eventually, inSync, openLab, pair, type TestPeer } from "../test/sync/peers.ts";
import type { Row } from "./row.ts";

const ENTRIES = 100_000;
const BATCH = 1000;
const MESSAGES = 300;
/** Between two messages, so that the watermark of one is not written in the way of the next. */
const PAUSE_MS = 25;

export async function benchData(): Promise<Row[]> {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  const b = await lab.open("b");
  const space = await pair(a, b);
  await inSync(a, b);
  const roundTripMs = await measureRoundTrip(a, b);
  const flushMs = median(await repeat(50, () => a.store.write(space, [{ append: "msg", value: Buffer.from("flush") }])));
  await inSync(a, b);
  const latency = await measureMessages(a, b);
  await b.close();

  const setMs = await timed(async () => {
    for (let from = 0; from < ENTRIES; from += BATCH) {
      await a.data.setMany(
        space,
        Array.from({ length: BATCH }, (_, i) => ({ key: `key/${String(from + i).padStart(6, "0")}`, value: { n: from + i } })),
      );
    }
  });
  const again = await lab.open("b");
  const receivedMs = await timed(async () => {
    await eventually(
      "everything is there",
      async () => {
        await sleep(20);
        return (await again.store.spaces()).some(({ peer, paths }) => peer === a.id && paths >= ENTRIES);
      },
      300_000,
    );
  });
  const beyond = latency.map((ms) => ms - roundTripMs - 2 * flushMs);
  return [
    { name: "message, from send to the other side's watch, p50", value: percentile(latency, 0.5), unit: "ms" },
    {
      name: "the same, p99",
      value: percentile(latency, 0.99),
      unit: "ms",
      note: `round trip ${roundTripMs.toFixed(2)} ms, one flush ${flushMs.toFixed(2)} ms`,
    },
    { name: "beyond the round trip and two flushes, p99", value: percentile(beyond, 0.99), unit: "ms", bar: "<= 5" },
    {
      name: `${ENTRIES.toLocaleString("en")} keys set, ${BATCH} a batch`,
      value: ENTRIES / (setMs / 1000),
      unit: "entries/s",
      bar: ">= 40,000",
    },
    {
      name: "received by a peer that was away",
      value: ENTRIES / (receivedMs / 1000),
      unit: "entries/s",
      bar: ">= 20,000",
      note: "sender and receiver share the machine",
    },
  ];
}

async function measureRoundTrip(a: TestPeer, b: TestPeer): Promise<number> {
  b.sessions.handle("bench/echo", () => Promise.resolve(null));
  const session = await a.sessions.connect(b.id);
  return median(await repeat(100, () => session.request("bench/echo", null)));
}

async function measureMessages(a: TestPeer, b: TestPeer): Promise<readonly number[]> {
  const stop = new AbortController();
  const arrivedMs = new Map<string, number>();
  let arrived = Promise.withResolvers<void>();
  const watching = (async () => {
    const after = await b.store.now(await b.store.direct(a.id));
    for await (const event of b.messages.watch(a.id, { after, signal: stop.signal })) {
      if (event.type !== "message") continue;
      arrivedMs.set(event.message.id, performance.now());
      arrived.resolve();
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  const latency: number[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    const sentMs = performance.now();
    const { id } = await a.messages.send(b.id, `message ${i}`);
    while (!arrivedMs.has(id)) {
      arrived = Promise.withResolvers();
      await arrived.promise;
    }
    latency.push(arrivedMs.get(id)! - sentMs);
    await sleep(PAUSE_MS);
  }
  stop.abort(new Error("measured"));
  await watching;
  return latency;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function repeat(times: number, work: () => Promise<unknown>): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) taken.push(await timed(work));
  return taken;
}

const percentile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))]!;

const median = (values: readonly number[]): number => percentile(values, 0.5);
