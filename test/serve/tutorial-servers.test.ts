// Programs of socket tutorials as servers, and covey as their client: a hundred runs of each, several at once, and not one failure.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { plain } from "../../src/plain/plain.ts";
import { type Ran, run } from "../cli/command.ts";
import { runLanes } from "./lanes.ts";
import { noPython, type PythonServer, startPythonServer } from "./python.ts";

const RUNS = 100;
const LANES = 12;
const skip = noPython;

let directory: string;
before(async () => void (directory = await mkdtemp(join(tmpdir(), "covey-tutorials-"))));
after(() => rm(directory, { recursive: true, force: true }));

test("a server that greets and hangs up", { skip }, async () => {
  await using servers = await startServers("greeting_server.py");
  await runLanes(RUNS, LANES, async (_, lane) => {
    await using stream = await plain.connect(servers.url(lane));
    assert.equal(Buffer.concat(await Array.fromAsync(stream.read())).toString(), "Thank you for connecting");
  });
  const piped = await cli(["pipe", servers.url(0)]);
  assert.deepEqual([piped.status, piped.out], [0, "Thank you for connecting"], piped.err);
});

test("a server that holds a conversation", { skip }, async () => {
  await using servers = await startServers("conversation_server.py");
  await runLanes(RUNS, LANES, async (number, lane) => {
    const text = `Hello from client ${number} ¡olé!`;
    assert.deepEqual(await plain.message(servers.url(lane), text), { text: `You said: ${text}`, closed: false });
  });
  const said = await cli(["msg", servers.url(0), "Hello from the command line"]);
  assert.equal(said.status, 0, said.err);
  assert.match(said.out, /You said: Hello from the command line/);
});

test("a server of files, which says no length", { skip }, async () => {
  const shared = join(directory, "shared");
  await mkdir(shared);
  const files: Readonly<Record<string, Buffer>> = {
    "one.txt": Buffer.from("1"),
    "photo.jpg": randomBytes(300_001),
    "page.html": Buffer.from("<p>\r\n\r\nHTTP/1.1 500 no\r\n\r\n</p>"),
  };
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(shared, name), bytes);
  await using servers = await startServers("file_server.py", [shared]);
  await runLanes(RUNS, LANES, async (number, lane) => {
    const [name, bytes] = Object.entries(files)[number % Object.keys(files).length]!;
    const { path, size, wholeBy } = await plain.download(`${servers.http(lane)}/${name}`, {
      into: directory,
      as: `copy-${number}`,
    });
    assert.deepEqual([size, wholeBy], [bytes.length, "close"]);
    assert.ok(bytes.equals(await readFile(path)), `${name} is not the same`);
    await rm(path);
  });
  await assert.rejects(plain.download(`${servers.http(0)}/none`, { into: directory }), { code: "not-found" });
  const got = await cli(["get", `${servers.http(0)}/photo.jpg`, "-o", "photo.jpg"]);
  assert.equal(got.status, 0, got.err);
  assert.ok(files["photo.jpg"]!.equals(await readFile(join(directory, "photo.jpg"))));
});

test("a peer with the list protocol", { skip }, async () => {
  await using servers = await startServers("list_server.py", ["milk", "bread"]);
  assert.deepEqual(await plain.getList(servers.url(0)), ["milk", "bread"]);
  await runLanes(RUNS, LANES, async (number, lane) => {
    const list = [`run-${number}`, "Käse", "Brot"].slice(0, 1 + (number % 3));
    await plain.setList(servers.url(lane), list);
    assert.deepEqual(await plain.getList(servers.url(lane)), list);
  });
  await assert.rejects(plain.setList(servers.url(0), ["x".repeat(1024)]), { code: "limit" });
  const set = await cli(["data", "set", servers.url(0), "a,b,c"]);
  assert.equal(set.status, 0, set.err);
  const got = await cli(["data", "get", servers.url(0), "--json"]);
  assert.deepEqual([got.status, JSON.parse(got.out)], [0, ["a", "b", "c"]], got.err);
});

/** Without a daemon, and without making a home for one. */
async function cli(argv: readonly string[]): Promise<Ran> {
  const home = join(directory, "home");
  const ran = await run(argv, { cwd: directory, env: { COVEY_HOME: home } });
  assert.ok(!existsSync(home));
  return ran;
}

interface Servers extends AsyncDisposable {
  url(lane: number): string;
  http(lane: number): string;
}

/** One for each lane: they serve one client after the other. */
async function startServers(script: string, args: readonly string[] = []): Promise<Servers> {
  const servers: PythonServer[] = await Promise.all(Array.from({ length: LANES }, () => startPythonServer(script, args)));
  const place = (lane: number): string => `127.0.0.1:${servers[lane]!.port}`;
  return {
    url: (lane) => `tcp://${place(lane)}`,
    http: (lane) => `http://${place(lane)}`,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
