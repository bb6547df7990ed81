import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import { silentLog } from "../core/log.ts";
import { listenAtKeptPort } from "./listen.ts";

let directory: string;
let portFile: string;
const servers: Server[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "covey-listen-"));
  portFile = join(directory, "port");
});

after(() => rm(directory, { recursive: true, force: true }));

afterEach(async () => {
  await hangUp();
  await rm(portFile, { force: true });
});

async function hangUp(): Promise<void> {
  await Promise.all(servers.splice(0).map(async (server) => once(server.close(), "close")));
}

/** Real sockets, all or none of them. */
async function listen(at: readonly Address[]): Promise<readonly Address[]> {
  try {
    const ports: number[] = [];
    for (const address of at) ports.push(await bind(Number(address.split(":").at(-1))));
    return ports.map((port) => `tcp://127.0.0.1:${port}`);
  } catch {
    await hangUp();
    throw new CoveyError("conflict", "taken");
  }
}

async function bind(port: number): Promise<number> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

/** One life of a peer: the ports that it gets. */
async function start(...wanted: readonly Address[]): Promise<readonly number[]> {
  await listenAtKeptPort({ wanted, portFile, log: silentLog, listen });
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await hangUp();
  return ports;
}

test("a port that was drawn is asked for again", async () => {
  const drawn = await start("tcp://127.0.0.1:0");
  assert.equal(await readFile(portFile, "utf8"), `${drawn[0]}\n`);
  assert.deepEqual(await start("tcp://127.0.0.1:0"), drawn);
});

test("while another program has it, a free one is used; then it is the old one again", async () => {
  const drawn = await start("tcp://127.0.0.1:0");
  const other = createServer().listen(drawn[0], "127.0.0.1");
  await once(other, "listening");
  assert.notDeepEqual(await start("tcp://127.0.0.1:0"), drawn);
  await once(other.close(), "close");
  assert.deepEqual(await start("tcp://127.0.0.1:0"), drawn);
});

test("a port that was named is neither kept nor changed, and one drawn beside it is kept", async () => {
  const [named] = await start("tcp://127.0.0.1:0");
  await rm(portFile);
  assert.deepEqual(await start(`tcp://127.0.0.1:${named}`), [named]);
  await assert.rejects(readFile(portFile), { code: "ENOENT" });
  const both = await start(`tcp://127.0.0.1:${named}`, "tcp://127.0.0.1:0");
  assert.equal(await readFile(portFile, "utf8"), `${both[1]}\n`);
  assert.deepEqual(await start(`tcp://127.0.0.1:${named}`, "tcp://127.0.0.1:0"), both);
});

test("a named port that is taken is an error", async () => {
  const [port] = await start("tcp://127.0.0.1:0");
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  await assert.rejects(start(`tcp://127.0.0.1:${port}`), { code: "conflict" });
  await once(other.close(), "close");
});

test("a file that says no port is written anew", async () => {
  await writeFile(portFile, "99999\n", { mode: 0o600 });
  const drawn = await start("tcp://127.0.0.1:0");
  assert.equal(await readFile(portFile, "utf8"), `${drawn[0]}\n`);
});
