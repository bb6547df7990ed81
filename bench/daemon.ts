// The daemon as a user meets it: start to ready, a call of the built command line, memory idle and while a large file passes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { connect } from "../src/control/connect.ts";
import type { Covey } from "../src/control/covey.ts";
import type { Row } from "./row.ts";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const GiB = 2 ** 30;
const FILE_BYTES = 4 * GiB;
const CALLS = 15;

export async function benchDaemon(): Promise<readonly Row[]> {
  const directory = await mkdtemp(join(await roomyDirectory(), "covey-bench-"));
  const homes = [join(directory, "a"), join(directory, "b")] as const;
  try {
    const startMs = await timed(() => cli(homes[0], "up", "--listen", "tcp://127.0.0.1:0"));
    await cli(homes[1], "up", "--listen", "tcp://127.0.0.1:0");
    const calls: number[] = [];
    for (let i = 0; i < CALLS; i++) calls.push(await timed(() => cli(homes[0], "status", "--json")));
    const nodeMs: number[] = [];
    for (let i = 0; i < CALLS; i++) nodeMs.push(await timed(() => run([process.execPath, "-e", "0"])));

    await using a = await connect({ home: homes[0] });
    await using b = await connect({ home: homes[1] });
    const idle = await memoryMiB(a);
    const invitation = await a.invite({ as: "b" });
    await b.join(invitation.ticket, { as: "a" });
    await invitation.done;
    const peaks = await fileMemory(a, b, directory);
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
    for (const home of homes) await cli(home, "down").catch(() => {});
    await rm(directory, { recursive: true, force: true });
  }
}

async function fileMemory(a: Covey, b: Covey, directory: string): Promise<{ sender: number; receiver: number }> {
  const path = join(directory, "large.bin");
  {
    await using file = await open(path, "wx");
    const block = Buffer.alloc(2 ** 20, "covey");
    for (let written = 0; written < FILE_BYTES; written += block.length) await file.write(block);
  }
  await using job = await a.peer("b").send(path);
  for await (const offer of b.incoming()) {
    await b.accept(offer.id, { into: directory });
    break;
  }
  await job.done;
  return { sender: await memoryMiB(a, "VmHWM"), receiver: await memoryMiB(b, "VmHWM") };
}

async function memoryMiB(covey: Covey, field = "VmRSS"): Promise<number> {
  const { pid } = await covey.status();
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return Number(kib) / 1024;
}

/** Memory-backed if there is room for the file twice, else the temporary directory. */
async function roomyDirectory(): Promise<string> {
  const free = await statfs("/dev/shm").then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return free > 3 * FILE_BYTES ? "/dev/shm" : tmpdir();
}

const cli = (home: string, ...args: string[]): Promise<void> => run([process.execPath, MAIN, "--home", home, ...args]);

async function run([command, ...args]: [string, ...string[]]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
