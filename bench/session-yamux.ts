// One Yamux stream beside a bare mutual-TLS loop, both ways, two processes, alternating; and small requests while bulk saturates.
// By itself: node bench/session-yamux.ts

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import type { TLSSocket } from "node:tls";

import type { PeerId } from "../src/core/ids.ts";
import { createYamux, type Yamux } from "../src/session/yamux/yamux.ts";
import type { Row } from "./row.ts";
import {
  BARE,
  DOWN,
  ECHO,
  newGate,
  order,
  receiveBare,
  receiveStream,
  sendBare,
  sendStream,
  UP,
  YAMUX,
} from "./session-yamux-peer.ts";

const ROUND_BYTES = 512 * 2 ** 20;
const ROUNDS = 8;
const REQUESTS = 500;

interface Other {
  readonly port: number;
  readonly peerId: PeerId;
}

export async function benchYamux(): Promise<Row[]> {
  const child = fork(new URL("./session-yamux-peer.ts", import.meta.url), ["peer"], { execArgv: [] });
  try {
    const [other] = (await once(child, "message")) as [Other];
    return await measure(other);
  } finally {
    await stop(child);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
}

async function measure(other: Other): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [kind, name] of [
    [UP, "sent"],
    [DOWN, "received"],
  ] as const) {
    const bare: number[] = [];
    const yamux: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const [bareRound, yamuxRound] = await bothRates(other, kind, round);
      if (round === 0) continue; // the first warms up
      bare.push(bareRound);
      yamux.push(yamuxRound);
    }
    const note = `median of ${ROUNDS} alternating rounds of ${ROUND_BYTES / 2 ** 20} MiB in writes of 64 KiB`;
    rows.push({ name: `bare mutual TLS, ${name}`, value: median(bare), unit: "MiB/s", note });
    rows.push({ name: `one Yamux stream, ${name}`, value: median(yamux), unit: "MiB/s", note });
    const ratio = median(yamux.map((rate, round) => rate / bare[round]!));
    rows.push({ name: `ratio, ${name}`, value: ratio, unit: "", bar: ">= 0.85", note: "median of the rounds' ratios" });
  }
  return [...rows, ...(await latency(other))];
}

/** Who goes second finds the garbage of the first: they take turns in that. */
async function bothRates(other: Other, kind: number, round: number): Promise<[bare: number, yamux: number]> {
  if (round % 2 === 0) return [await bareRate(other, kind), await yamuxRate(other, kind)];
  const yamux = await yamuxRate(other, kind);
  return [await bareRate(other, kind), yamux];
}

async function tls({ port, peerId }: Other): Promise<TLSSocket> {
  const { socket } = await newGate().gate.dial(
    connect({ port, host: "127.0.0.1", noDelay: true }),
    peerId,
    AbortSignal.timeout(10_000),
  );
  return socket;
}

/** MiB/s. */
async function bareRate(other: Other, kind: number): Promise<number> {
  const socket = await tls(other);
  const startMs = performance.now();
  socket.write(order(BARE, kind, ROUND_BYTES));
  if (kind === UP) await Promise.all([sendBare(socket, ROUND_BYTES), receiveBare(socket, 1)]);
  else await receiveBare(socket, ROUND_BYTES);
  const rate = rateSince(startMs);
  socket.destroy();
  return rate;
}

async function openYamux(other: Other): Promise<Yamux> {
  const socket = await tls(other);
  socket.write(order(YAMUX, 0, 0));
  await receiveBare(socket, 1);
  return createYamux(socket, { dialled: true, onStream: (stream) => stream.reset() });
}

async function yamuxRate(other: Other, kind: number): Promise<number> {
  const yamux = await openYamux(other);
  const startMs = performance.now();
  const stream = yamux.open();
  await stream.write(order(YAMUX, kind, ROUND_BYTES));
  if (kind === UP) await Promise.all([sendStream(stream, ROUND_BYTES), receiveStream(stream, 1)]);
  else await receiveStream(stream, ROUND_BYTES);
  const rate = rateSince(startMs);
  await yamux.close();
  return rate;
}

const rateSince = (startMs: number): number => ROUND_BYTES / 2 ** 20 / ((performance.now() - startMs) / 1000);

/** A stream with a question of a few bytes and its answer: alone, and with bulk on another stream. */
async function latency(other: Other): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [kind, name] of [
    [ECHO, "alone"],
    [UP, "while bulk is sent"],
    [DOWN, "while bulk is received"],
  ] as const) {
    const yamux = await openYamux(other);
    const bulk = yamux.open();
    const endless = 2 ** 39;
    await bulk.write(order(YAMUX, kind, endless));
    const busy = (kind === UP ? sendStream(bulk, endless) : receiveStream(bulk, endless)).catch(() => undefined);
    const times: number[] = [];
    for (let n = 0; n < REQUESTS; n++) {
      const startMs = performance.now();
      const stream = yamux.open();
      await stream.write(order(YAMUX, ECHO, 0));
      await Promise.all([stream.end(), receiveStream(stream, 7)]);
      times.push(performance.now() - startMs);
    }
    bulk.reset();
    await busy;
    await yamux.close();
    times.sort((a, b) => a - b);
    const note = `${REQUESTS} requests one after the other, each a stream`;
    rows.push({ name: `small request ${name}, p50`, value: times[REQUESTS >> 1]!, unit: "ms", note });
    rows.push({ name: `small request ${name}, p99`, value: times[Math.floor(REQUESTS * 0.99)]!, unit: "ms", note });
  }
  return rows;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

if (import.meta.main) for (const row of await benchYamux()) console.log(JSON.stringify(row));
