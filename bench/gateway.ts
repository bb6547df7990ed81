// What `covey serve` does beside Python's and nginx's servers, in one run, from one directory in memory (tmpfs).
//
//   1. 1 GiB by curl, in alternating rounds; the first time covey hashes the file meanwhile, which is told apart
//   2. requests for a small file, with connections that are kept and with a new one each
//   3. 256 connections at once: what the daemon takes in memory

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";

import { connect } from "../src/control/connect.ts";
import type { Covey } from "../src/control/covey.ts";
import { cli, memoryMiB } from "./daemons.ts";
import { requestsPerSecond, takeAtOnce, takeNothing } from "./http-load.ts";
import type { Row } from "./row.ts";
import { startNginx, startPython, type WebServer } from "./web-servers.ts";

const MiB = 2 ** 20;
const LARGE_MIB = 1024;
const SHARED_MIB = 8;
const SMALL_BYTES = 4096;
const ROUNDS = 3;
const LOAD_SECONDS = 3;
const LOAD_CONNECTIONS = 16;
const MANY = 256;

export async function benchGateway(): Promise<readonly Row[]> {
  const root = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "covey-bench-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const directory = join(root, "public");
  await mkdir(directory);
  await fill(join(directory, "large.bin"), LARGE_MIB);
  await fill(join(directory, "shared.bin"), SHARED_MIB);
  await writeFile(join(directory, "small.bin"), Buffer.alloc(SMALL_BYTES, "covey"));

  const home = join(root, "home");
  await cli(home, "up", "--listen", "tcp://127.0.0.1:0");
  stack.defer(() => cli(home, "down"));
  const covey = stack.use(await connect({ home }));
  const serving = stack.use(await covey.serve({ directory, listen: "tcp://127.0.0.1:0", perAddress: 2 * MANY }));
  const url = new URL(serving.serving.urls[0]!).href;

  const servers = new Map<string, string>([["covey", url]]);
  const missing: Row[] = [];
  for (const [name, started] of [
    ["python3 -m http.server", await startPython(directory)],
    ["nginx", await startNginx(directory, join(root, "nginx"))],
  ] as const) {
    if (typeof started === "string") missing.push({ name: `${name}: runs beside it`, value: 0, unit: "runs", note: started });
    else servers.set(name, stack.use<WebServer>(started).url);
  }
  return [
    ...(await benchLarge(servers)),
    ...(await benchRequests(servers, true)),
    ...(await benchRequests(servers, false)),
    ...(await benchMany(covey, url)),
    ...missing,
  ];
}

async function benchLarge(servers: ReadonlyMap<string, string>): Promise<readonly Row[]> {
  // What a process sends first it sends slowly, hashing or not.
  await takeAtOnce(`${servers.get("covey")!}shared.bin`, LOAD_CONNECTIONS);
  const first = await curlSeconds(`${servers.get("covey")!}large.bin`);
  const best = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, url] of servers) best.set(name, Math.min(best.get(name) ?? Infinity, await curlSeconds(`${url}large.bin`)));
  const rates = new Map([...best].map(([name, seconds]) => [name, LARGE_MIB / seconds]));
  return [
    { name: "1 GiB by curl, the first time", value: LARGE_MIB / first, unit: "MiB/s", note: "it is hashed meanwhile" },
    ...beside(rates, "1 GiB by curl", "MiB/s", `tmpfs, loopback, best of ${ROUNDS}`, ">= 0.7"),
  ];
}

async function benchRequests(servers: ReadonlyMap<string, string>, keepAlive: boolean): Promise<readonly Row[]> {
  const rates = new Map<string, number>();
  for (const [name, url] of servers)
    rates.set(
      name,
      await requestsPerSecond({ url: `${url}small.bin`, connections: LOAD_CONNECTIONS, keepAlive, seconds: LOAD_SECONDS }),
    );
  const how = keepAlive ? "connections kept" : "a new connection each";
  return beside(rates, `requests for 4 KiB, ${how}`, "/s", `${LOAD_CONNECTIONS} at once, for ${LOAD_SECONDS} s`);
}

/** Each figure, and covey's against the others'. */
function beside(
  rates: ReadonlyMap<string, number>,
  what: string,
  unit: string,
  note: string,
  barBesideNginx?: string,
): readonly Row[] {
  const own = rates.get("covey")!;
  return [...rates].flatMap(([name, value]): Row[] => {
    if (name === "covey") return [{ name: what, value, unit, note }];
    const bar = name === "nginx" && barBesideNginx !== undefined ? { bar: barBesideNginx } : {};
    return [
      { name: `the same from ${name}`, value, unit },
      { name: `against ${name}`, value: own / value, unit: "×", ...bar },
    ];
  });
}

async function benchMany(covey: Covey, url: string): Promise<readonly Row[]> {
  const before = await memoryMiB(covey, "VmRSS");
  let waiting: number;
  {
    using _ = await takeNothing(`${url}large.bin`, MANY);
    await wait(2000);
    waiting = await memoryMiB(covey, "VmRSS");
  }
  await forgetPeak(covey);
  const startedMs = performance.now();
  const bytes = await takeAtOnce(`${url}shared.bin`, MANY);
  const seconds = (performance.now() - startedMs) / 1000;
  if (bytes < MANY * SHARED_MIB * MiB) throw new Error(`of ${MANY} downloads at once, only ${bytes} bytes came`);
  return [
    {
      name: `memory with ${MANY} connections that take nothing of 1 GiB`,
      value: waiting,
      unit: "MiB",
      note: `${before.toFixed(0)} MiB before`,
    },
    {
      name: `memory, ${MANY} downloads of ${SHARED_MIB} MiB at once, peak`,
      value: await memoryMiB(covey, "VmHWM"),
      unit: "MiB",
      note: `${(bytes / MiB / seconds).toFixed(0)} MiB/s in all`,
    },
  ];
}

/** VmHWM begins again (proc(5), clear_refs). */
const forgetPeak = async (covey: Covey): Promise<void> => writeFile(`/proc/${(await covey.status()).pid}/clear_refs`, "5");

async function curlSeconds(url: string): Promise<number> {
  const { stdout } = await promisify(execFile)("curl", ["-sSf", "-o", "/dev/null", "-w", "%{time_total} %{size_download}", url]);
  const [seconds, bytes] = stdout.split(" ").map(Number) as [number, number];
  if (bytes !== LARGE_MIB * MiB) throw new Error(`curl got ${bytes} bytes of ${url}`);
  return seconds;
}

async function fill(path: string, mib: number): Promise<void> {
  await using file = await open(path, "w");
  const buffer = Buffer.alloc(MiB);
  for (let block = 0; block < mib; block++) {
    buffer.writeUInt32BE(block);
    await file.write(buffer);
  }
}
