// One file of 1 GiB between two processes through real sessions, verified and flushed, beside scp over a private sshd where there is one.
// What daemons take in memory meanwhile: daemon.ts.
//
//   1. both peers, their stores and the file are in memory (tmpfs), so that the program is measured and not a disk
//   2. from the offer to the sender knowing that it is durable over there; the best of a few runs
//   3. the same file through scp in the same run: machines drift, ratios less

import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createHasher } from "../src/core/hash.ts";
import { startChild } from "../test/files/children.ts";
import { openLab, watchUntil } from "../test/files/peers.ts";
import type { Row } from "./row.ts";
import { timeScp } from "./sshd.ts";

const MiB = 1024 * 1024;
const SIZE_MIB = 1024;
const RUNS = 3;

interface Run {
  readonly seconds: number;
  readonly sender: number;
  readonly receiver: number;
}

export async function benchFiles(): Promise<readonly Row[]> {
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const dir = await mkdtemp(join(parent, "covey-bench-"));
  try {
    const path = join(dir, "file");
    await fill(path);
    const scp = await timeScp(path, dir, RUNS);
    const best = await timeCovey(path, dir);
    const rate = SIZE_MIB / best.seconds;
    const cpu = `CPU: sender ${best.sender.toFixed(2)} s, receiver ${best.receiver.toFixed(2)} s`;
    const rows: Row[] = [
      {
        name: "1 GiB file, offer to durable over there",
        value: rate,
        unit: "MiB/s",
        note: `tmpfs, TCP on loopback, best of ${RUNS}; ${cpu}; ${await parts(path)}`,
      },
    ];
    if (typeof scp === "string") return [...rows, { name: "runs of scp beside it", value: 0, unit: "runs", note: scp }];
    rows.push({
      name: "the same by scp -c aes128-gcm@openssh.com",
      value: SIZE_MIB / scp,
      unit: "MiB/s",
      note: `private sshd on loopback, best of ${RUNS}`,
    });
    rows.push({
      name: "against scp",
      value: rate / (SIZE_MIB / scp),
      unit: "×",
      bar: ">= 2",
      note: "neither verifies nor flushes",
    });
    return rows;
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function timeCovey(path: string, dir: string): Promise<Run> {
  await using lab = await openLab({ mine: true, parent: dir });
  const address = lab.b.sessions.addresses()[0]!;
  await lab.b.close();
  await using child = await startChild([join(lab.dir, "b"), address]);
  const runs: Run[] = [];
  for (let run = 0; run < RUNS; run++) {
    const before = { sender: process.cpuUsage(), receiver: await cpuSeconds(child.pid) };
    const start = performance.now();
    const { offer } = await lab.a.files.send(lab.b.id, [path]);
    const done = await watchUntil(lab.a, offer.id);
    const seconds = (performance.now() - start) / 1000;
    if (done.offer.state !== "done") throw new Error(`the transfer ended as ${done.offer.state}`);
    const { user, system } = process.cpuUsage(before.sender);
    const receiver = (await cpuSeconds(child.pid)) - before.receiver;
    runs.push({ seconds, sender: (user + system) / 1e6, receiver });
    await rm(lab.b.incoming, { recursive: true });
  }
  return runs.sort((a, b) => a.seconds - b.seconds)[0]!;
}

/** What the parts would take alone, one after the other. */
async function parts(path: string): Promise<string> {
  const file = await open(path);
  const buffer = Buffer.allocUnsafeSlow(MiB);
  const hasher = createHasher();
  let reading = 0;
  let hashing = 0;
  for (let block = 0; block < SIZE_MIB; block++) {
    const start = performance.now();
    await file.read(buffer, 0, MiB, block * MiB);
    const read = performance.now();
    hasher.update(buffer);
    reading += read - start;
    hashing += performance.now() - read;
  }
  await file.close();
  return `of which reading once ${(reading / 1000).toFixed(2)} s, hashing once ${(hashing / 1000).toFixed(2)} s (each side hashes twice: blocks, and the whole)`;
}

async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  const buffer = Buffer.alloc(MiB);
  for (let block = 0; block < SIZE_MIB; block++) {
    buffer.writeUInt32BE(block);
    await file.write(buffer);
  }
  await file.close();
}

async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
