// Directories of small files between two daemons, beside rsync over ssh, and listings of a large share.
//
//   1. everything is in memory (tmpfs) where there is room, so that the program is measured and not a disk
//   2. from the offer to the sender knowing that all of it is durable over there; the best of a few runs
//   3. the same directory through rsync in the same run

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cpuSeconds, type Daemons, MAIN, memoryMiB, startDaemons } from "./daemons.ts";
import type { Row } from "./row.ts";
import { timeRsync } from "./sshd.ts";

const RUNS = 3;
const FEW = 10_000;
const MANY = 100_000;
const FILE_BYTES = 4096;
const FILES_PER_DIRECTORY = 100;

export async function benchTrees(): Promise<readonly Row[]> {
  const directory = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "covey-bench-"));
  try {
    const few = makeTree(join(directory, "few"), FEW);
    const rsync = await timeRsync(few, directory, RUNS);
    await using daemons = await startDaemons(directory);
    const { seconds, sender, receiver } = await timeSends(daemons, few);
    const rows: Row[] = [
      {
        name: "10,000 files of 4 KiB, offer to durable over there",
        value: seconds,
        unit: "s",
        note: `best of ${RUNS}; CPU: sender ${sender.toFixed(2)} s, receiver ${receiver.toFixed(2)} s`,
      },
    ];
    if (typeof rsync === "string") rows.push({ name: "runs of rsync beside it", value: 0, unit: "runs", note: rsync });
    else {
      rows.push({ name: "the same by rsync -a over ssh", value: rsync, unit: "s", note: "verifies nothing, flushes nothing" });
      rows.push({ name: "against rsync, its time being 1", value: seconds / rsync, unit: "×", bar: "<= 0.5" });
    }
    return [...rows, ...(await many(daemons, directory))];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function many(daemons: Daemons, directory: string): Promise<readonly Row[]> {
  const { a, b, homes } = daemons;
  const path = makeTree(join(directory, "many"), MANY);
  await a.peer("b").share(path);
  const before = { a: await memoryMiB(a, "VmHWM"), b: await memoryMiB(b, "VmHWM") };
  const listed = await timeListing(homes[1]);
  const listing = { a: await memoryMiB(a, "VmHWM"), b: await memoryMiB(b, "VmHWM") };
  const started = performance.now();
  await send(daemons, path);
  const seconds = (performance.now() - started) / 1000;
  const grew = (now: { a: number; b: number }): string =>
    `peak of the sharer ${now.a.toFixed(0)} MiB (${before.a.toFixed(0)} before), of the other ${now.b.toFixed(0)} MiB (${before.b.toFixed(0)})`;
  return [
    {
      name: "`covey ls -R` of 100,000 files, first line",
      value: listed.firstMs,
      unit: "ms",
      note: "from the start of the built command",
    },
    { name: "the same, all lines", value: listed.allMs, unit: "ms", note: grew(listing) },
    {
      name: "100,000 files of 4 KiB, offer to durable over there",
      value: seconds,
      unit: "s",
      note: grew({ a: await memoryMiB(a, "VmHWM"), b: await memoryMiB(b, "VmHWM") }),
    },
  ];
}

async function timeSends(daemons: Daemons, path: string): Promise<{ seconds: number; sender: number; receiver: number }> {
  const { a, b } = daemons;
  const runs = [];
  for (let run = 0; run < RUNS; run++) {
    const before = { sender: await cpuSeconds(a), receiver: await cpuSeconds(b) };
    const started = performance.now();
    await send(daemons, path);
    const seconds = (performance.now() - started) / 1000;
    runs.push({ seconds, sender: (await cpuSeconds(a)) - before.sender, receiver: (await cpuSeconds(b)) - before.receiver });
  }
  return runs.toSorted((x, y) => x.seconds - y.seconds)[0]!;
}

async function send({ a, homes }: Daemons, path: string): Promise<void> {
  await using job = await a.peer("b").send(path);
  const { offer, notes } = await job.done;
  if (offer.state !== "done" || notes.count > 0) throw new Error(`it ended as ${offer.state} with ${notes.count} notes`);
  await rm(join(homes[1], "incoming"), { recursive: true });
}

async function timeListing(home: string): Promise<{ firstMs: number; allMs: number }> {
  const started = performance.now();
  const child = spawn(process.execPath, [MAIN, "--home", home, "ls", "-R", "a:many/"], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let firstMs = 0;
  let lines = 0;
  for await (const chunk of child.stdout) {
    if (lines === 0) firstMs = performance.now() - started;
    lines += String(chunk).split("\n").length - 1;
  }
  const [status] = (await exited) as [number];
  if (status !== 0 || lines < MANY) throw new Error(`ls ended with ${status} after ${lines} lines`);
  return { firstMs, allMs: performance.now() - started };
}

/** So many files of FILE_BYTES, each of its own content. */
function makeTree(root: string, files: number): string {
  const bytes = Buffer.alloc(FILE_BYTES, "covey");
  for (let i = 0; i < files; i++) {
    const directory = join(root, String(Math.floor(i / FILES_PER_DIRECTORY)));
    if (i % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
    bytes.writeUInt32BE(i);
    writeFileSync(join(directory, `file-${i}`), bytes);
  }
  return root;
}
