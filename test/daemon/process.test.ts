// The daemon as a process: started once however many ask, gone when it is told, replaced after a kill, the same after a restart.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFile, chmod, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { connect } from "../../src/control/connect.ts";
import type { Covey } from "../../src/control/covey.ts";
import { lockHolder } from "../../src/control/lock.ts";
import { open } from "../../src/control/open.ts";
import { sleep } from "../../src/core/async.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { homeAt } from "../../src/identity/home-names.ts";

const change = { listen: ["tcp://127.0.0.1:0"], name: "tested" };
const MAIN = fileURLToPath(new URL("../../src/daemon/main.ts", import.meta.url));

let directory: string;
let count = 0;
const homes: string[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "covey-daemon-"));
});

after(async () => {
  await Promise.all(homes.map((home) => stopDaemon({ home }).catch(() => {})));
  await rm(directory, { recursive: true, force: true });
});

function newHome(): string {
  const home = join(directory, String(++count));
  homes.push(home);
  return home;
}

async function pidOf(home: string): Promise<number> {
  await using covey = await connect({ home });
  return (await covey.status()).pid;
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("a daemon ends when its home is removed, or another one is in its place", async () => {
  const outlive = async (replaced: boolean): Promise<void> => {
    const home = newHome();
    await startDaemon({ home, change });
    const pid = await pidOf(home);
    await rm(home, { recursive: true });
    if (replaced) await mkdir(home, { mode: 0o700 });
    while (runs(pid)) await sleep(50);
  };
  await Promise.all([outlive(false), outlive(true)]);
});

test("three commands at once start one daemon, and all find it", async () => {
  const home = newHome();
  const started = await Promise.all([1, 2, 3].map(() => startDaemon({ home, change })));
  assert.equal(started.filter(Boolean).length, 1);
  const pids = await Promise.all([1, 2, 3].map(() => pidOf(home)));
  assert.equal(new Set(pids).size, 1);
  const holder = lockHolder(homeAt(home));
  assert.deepEqual(holder, { pid: pids[0], kind: "daemon" });
  assert.equal(await startDaemon({ home }), false);
  assert.equal(await stopDaemon({ home }), pids[0]);
  assert.equal(await stopDaemon({ home }), undefined);
  await assert.rejects(connect({ home }), { code: "daemon-down" });
});

test("a second daemon exits at once and says who holds the home", async () => {
  const home = newHome();
  await startDaemon({ home, change });
  const pid = await pidOf(home);
  const second = spawn(process.execPath, [MAIN, "--home", home], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  second.stderr.on("data", (part: Buffer) => (said += part.toString()));
  const [status] = (await once(second, "close")) as [number];
  assert.equal(status, 1);
  assert.match(said, new RegExp(`process ${pid} already runs the peer of`));
  assert.equal(await pidOf(home), pid);
  await assert.rejects(open({ home, listen: [] }), { code: "home-busy", details: { pid, kind: "daemon" } });
  await stopDaemon({ home });
});

test("what it was told is kept: the same name, address and identity after a restart", async () => {
  const home = newHome();
  await startDaemon({ home, change });
  const facts = async (): Promise<unknown> => {
    await using covey = await connect({ home });
    const { peerId, name, addresses, storeId } = await covey.status();
    return { peerId, name, addresses, storeId };
  };
  const first = await facts();
  assert.match(JSON.stringify(first), /tested.*tcp:\/\/127\.0\.0\.1:[1-9]/s);
  await stopDaemon({ home });
  await startDaemon({ home });
  assert.deepEqual(await facts(), first);
  await stopDaemon({ home });
});

test("options that don't work are told, and not kept", async () => {
  const home = newHome();
  await assert.rejects(startDaemon({ home, change: { listen: ["tcp://256.1.1.1:0"] } }), (error: Error & { code: string }) => {
    assert.notEqual(error.code, "internal", error.message);
    return true;
  });
  await assert.rejects(startDaemon({ home, change: { name: "../x" } }), { code: "bad-argument" });
  await startDaemon({ home, change });
  await stopDaemon({ home });
});

test("one that is given up while it starts does not start after all", async () => {
  const home = newHome();
  const enough = new Error("enough");
  await assert.rejects(startDaemon({ home, change, signal: AbortSignal.abort(enough) }), enough);
  const childMs = 1000;
  for (let waited = 0; waited < childMs; waited += 25, await sleep(25)) assert.equal(lockHolder(homeAt(home)), undefined);
  assert.equal(await readFile(homeAt(home).log, "utf8"), "");
});

/** Watches until that ends. */
async function watchOn(covey: Covey): Promise<void> {
  for await (const _ of covey.data().watch());
}

test("after kill -9 the next one starts, and has what was acknowledged", async () => {
  const home = newHome();
  await startDaemon({ home, change });
  const covey: Covey = await connect({ home });
  const { pid } = await covey.status();
  await covey.data().set("kept", 1);
  const watch = assert.rejects(watchOn(covey), { code: "daemon-down" });
  const invitation = await covey.invite();
  const waiting = assert.rejects(invitation.done, { code: "daemon-down" });
  process.kill(pid, "SIGKILL");
  await Promise.all([watch, waiting]);
  await assert.rejects(covey.status(), { code: "daemon-down" });
  await invitation[Symbol.asyncDispose]();
  await covey.close();
  await startDaemon({ home });
  await using again = await connect({ home });
  assert.equal((await again.data().get("kept"))?.value, 1);
  assert.notEqual((await again.status()).pid, pid);
  await stopDaemon({ home });
});

test("an orderly stop ends calls under way as closed, and leaves no socket", async () => {
  const home = newHome();
  await startDaemon({ home, change });
  await using covey = await connect({ home });
  const watch = assert.rejects(watchOn(covey), { code: "closed" });
  await covey.status();
  await stopDaemon({ home });
  await watch;
  await assert.rejects(lstat(homeAt(home).socket), { code: "ENOENT" });
});

test("a daemon of another version is told from one that is down, and can be stopped", async () => {
  const home = newHome();
  await startDaemon({ home, change });
  const { request } = await import("node:http");
  const sent = request({
    socketPath: homeAt(home).socket,
    method: "POST",
    path: "/v1/ping",
    headers: { "covey-version": "9.9.9" },
  });
  sent.end("{}");
  const [response] = (await once(sent, "response")) as [{ statusCode: number; resume(): void }];
  response.resume();
  assert.equal(response.statusCode, 426);
  assert.notEqual(await stopDaemon({ home }), undefined);
});

test("a home that is not the user's alone is refused, with the command that mends it", async () => {
  const home = newHome();
  await mkdir(home, { mode: 0o755 });
  await chmod(home, 0o755);
  await assert.rejects(startDaemon({ home }), { code: "home-unsafe", hint: /chmod 700/ });
  await chmod(home, 0o700);
  const link = newHome();
  await symlink(home, link);
  await assert.rejects(startDaemon({ home: link }), { code: "home-unsafe" });
});

test("its log and socket are private whatever the umask, and a large log is set aside", async () => {
  const home = newHome();
  const before = process.umask(0);
  try {
    await startDaemon({ home, change });
  } finally {
    process.umask(before);
  }
  const { dir, log, socket, database, config, key } = homeAt(home);
  for (const path of [log, socket, database, config, key]) assert.equal((await stat(path)).mode & 0o777, 0o600, path);
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
  await stopDaemon({ home });
  await appendFile(log, "x".repeat(LIMITS.logBytes));
  await startDaemon({ home });
  assert.ok((await stat(log)).size < LIMITS.logBytes);
  assert.ok((await stat(`${log}.1`)).size > LIMITS.logBytes);
  assert.match(await readFile(log, "utf8"), /"msg":"ready"/);
  await stopDaemon({ home });
});

test("a program that opened the peer itself is named to whoever starts or stops the daemon", async () => {
  const home = newHome();
  await using _ = await open({ home, listen: [] });
  await assert.rejects(startDaemon({ home }), { code: "home-busy", hint: /program/ });
  await assert.rejects(stopDaemon({ home }), { code: "home-busy", hint: new RegExp(String(process.pid)) });
});

test("a daemon whose store died does not live on without it", async () => {
  const child = fileURLToPath(new URL("child.ts", import.meta.url));
  const { status } = spawnSync(process.execPath, ["--max-old-space-size=48", child, join(directory, "fault.db")], {
    timeout: 60_000,
  });
  assert.equal(status, 70);
});
