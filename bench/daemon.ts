// The daemon as a user meets it: start to ready, a call of the built command line, memory idle and while a large file passes.

import { mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cli, type Daemons, memoryMiB, run, startDaemons } from "./daemons.ts";
import type { Row } from "./row.ts";

const GiB = 2 ** 30;
const FILE_BYTES = 4 * GiB;
const CALLS = 15;
const STARTS = 5;

export async function benchDaemon(): Promise<readonly Row[]> {
  const directory = await mkdtemp(join(await roomyDirectory(), "covey-bench-"));
  try {
    const first = join(directory, "first");
    const startMs = await timed(() => cli(first, "up", "--listen", "tcp://127.0.0.1:0"));
    const calls: number[] = [];
    for (let i = 0; i < CALLS; i++) calls.push(await timed(() => cli(first, "status", "--json")));
    await cli(first, "down");
    const fromNothing: number[] = [];
    for (let i = 0; i < STARTS; i++) {
      fromNothing.push(await timed(() => cli(first, "peer", "ls", "--json")));
      await cli(first, "down");
    }
    const nodeMs: number[] = [];
    for (let i = 0; i < CALLS; i++) nodeMs.push(await timed(() => run([process.execPath, "-e", "0"])));

    await using daemons = await startDaemons(directory);
    const idle = await memoryMiB(daemons.a, "VmRSS");
    const peaks = await fileMemory(daemons, directory);
    return [
      {
        name: "start to ready, by `covey up`",
        value: startMs,
        unit: "ms",
        bar: "<= 1000",
        note: "a new home: the key, the store and the port are made",
      },
      {
        name: "`covey status` with a running daemon, median",
        value: median(calls),
        unit: "ms",
        bar: "<= 100",
        note: `of the built command; \`node -e 0\` takes ${median(nodeMs).toFixed(0)} ms here`,
      },
      {
        name: "`covey peer ls` when none runs: it is started first",
        value: median(fromNothing),
        unit: "ms",
        note: `median of ${STARTS}`,
      },
      { name: "memory idle (resident)", value: idle, unit: "MiB", bar: "<= 120" },
      { name: "memory, sender of 4 GiB, peak", value: peaks.sender, unit: "MiB", bar: "<= 200", note: "VmHWM of the process" },
      {
        name: "memory, receiver of 4 GiB, peak",
        value: peaks.receiver,
        unit: "MiB",
        bar: "<= 200",
        note: "VmHWM of the process",
      },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function fileMemory({ a, b }: Daemons, directory: string): Promise<{ sender: number; receiver: number }> {
  const path = join(directory, "large.bin");
  {
    await using file = await open(path, "wx");
    const block = Buffer.alloc(2 ** 20, "covey");
    for (let written = 0; written < FILE_BYTES; written += block.length) await file.write(block);
  }
  await using job = await a.peer("b").send(path);
  await job.done;
  return { sender: await memoryMiB(a, "VmHWM"), receiver: await memoryMiB(b, "VmHWM") };
}

/** Memory-backed if there is room for the file twice, else the temporary directory. */
async function roomyDirectory(): Promise<string> {
  const free = await statfs("/dev/shm").then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return free > 3 * FILE_BYTES ? "/dev/shm" : tmpdir();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
