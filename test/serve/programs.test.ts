// What people have at hand joins: curl, telnet that sends each key, netcat that ends its side, a browser's form.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { connect as connectToDaemon } from "../../src/control/connect.ts";
import type { Covey } from "../../src/control/covey.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { type Ran, startProgram } from "../cli/command.ts";
import { runLanes } from "./lanes.ts";
import { type Place, serve } from "./serve.ts";

const noCurl = spawnSync("curl", ["--version"]).error === undefined ? false : "there is no curl";
const film = randomBytes(5_000_000);

let root: string;
let home: string;
let incoming: string;
let directory: string;
let covey: Covey;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "covey-programs-"));
  [home, incoming, directory] = ["home", "incoming", "public"].map((name) => join(root, name)) as [string, string, string];
  await startDaemon({ home, change: { listen: ["tcp://127.0.0.1:0"], incoming } });
  covey = await connectToDaemon({ home });
  await mkdir(join(directory, "sub"), { recursive: true });
  await writeFile(join(directory, "film.mp4"), film);
  await writeFile(join(directory, "sub", "menü 100%.txt"), "soup\n");
});
after(async () => {
  await covey?.close();
  await stopDaemon({ home });
  await rm(root, { recursive: true, force: true });
});

test("curl: a download, one that is resumed, a part, a head, what is not there", { skip: noCurl }, async () => {
  await using place = await serve(covey, { directory });
  const target = join(root, "film");
  assert.equal((await curl("-o", target, `${place.url}film.mp4`)).status, 0);
  assert.ok(film.equals(await readFile(target)));

  await writeFile(target, film.subarray(0, 1_234_567));
  assert.equal((await curl("-C", "-", "-o", target, `${place.url}film.mp4`)).status, 0);
  assert.ok(film.equals(await readFile(target)));
  assert.equal((await curl("-r", "-10", "-o", target, `${place.url}film.mp4`)).status, 0);
  assert.ok(film.subarray(-10).equals(await readFile(target)));

  const head = await curl("-I", `${place.url}film.mp4`);
  assert.match(head.out, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(head.out, /^content-length: 5000000\r$/im);
  assert.match(head.out, /^content-type: video\/mp4\r$/im);
  const tag = /^etag: (.+)\r$/im.exec(head.out)![1]!;
  const unchanged = await curl("-o", target, "-w", "%{http_code}", "-H", `If-None-Match: ${tag}`, `${place.url}film.mp4`);
  assert.equal(unchanged.out, "304");

  assert.equal((await curl(`${place.url}sub/men%C3%BC%20100%25.txt`)).out, "soup\n");
  assert.equal((await curl("-L", "-H", "Accept: application/json", `${place.url}sub`)).status, 0);
  const missing = await curl("-f", `${place.url}none`);
  assert.equal(missing.status, 22);
});

test("curl: an upload, only where there may be one, into the directory for incoming files", { skip: noCurl }, async () => {
  const file = join(root, "photo.jpg");
  await writeFile(file, film.subarray(0, 300_001));
  {
    await using closed = await serve(covey, { directory });
    const { out } = await curl("-w", "%{http_code}", "-o", "/dev/null", "-F", `file=@${file}`, closed.url);
    assert.match(out, /^4\d\d$/);
    assert.deepEqual(await readdir(incoming).catch(() => []), []);
  }
  await using place = await serve(covey, { directory, upload: true });
  for (const name of ["photo.jpg", "photo (2).jpg"]) {
    assert.equal((await curl("-f", "-F", `file=@${file}`, place.url)).status, 0);
    assert.equal((await stat(join(incoming, name))).size, 300_001);
  }
  assert.ok(film.subarray(0, 300_001).equals(await readFile(join(incoming, "photo (2).jpg"))));
  await curl("-f", "-F", `file=@${file};filename=../../evil.sh`, place.url);
  assert.equal((await readdir(incoming)).filter((name) => name.includes("evil")).length, 1);
  assert.deepEqual(await readdir(directory), ["film.mp4", "sub"]);
});

test("curl: with a token, what is without it in its address is not there", { skip: noCurl }, async () => {
  await using place = await serve(covey, { directory, token: true });
  const { out: with_ } = await curl("-o", "/dev/null", "-w", "%{http_code}", `${place.url}film.mp4`);
  const bare = `http://${place.host}:${place.port}/`;
  const { out: without } = await curl("-o", "/dev/null", "-w", "%{http_code}", `${bare}film.mp4`);
  assert.deepEqual([with_, without], ["200", "404"]);
});

test("telnet, which sends each key by itself: one message a key", async () => {
  await using place = await serve(covey, { reply: "message_ack" });
  const client = await dial(place);
  for (const key of ["h", "i", "!"]) {
    client.socket.write(key);
    await client.receives("message_ack");
    await wait(LIMITS.textPauseLoopbackMs);
  }
  client.socket.end();
  assert.deepEqual(await heardFrom(client), ["h", "i", "!"]);
});

test("telnet, which sends lines: one message a line, and answers end as its lines do", async () => {
  await using place = await serve(covey, { reply: "message_ack" });
  const client = await dial(place);
  client.socket.write("one\r\ntwo\r\n");
  await client.receives("message_ack\r\nmessage_ack\r\n");
  client.socket.end();
  assert.deepEqual(await heardFrom(client), ["one", "two"]);
});

test("netcat: what it has written is heard, and answered, though it has ended its side at once", async () => {
  await using place = await serve(covey, { reply: "thanks" });
  await runLanes(100, 8, async (run) => {
    const client = await dial(place);
    client.socket.end(`sent and gone ${run}`);
    await client.ends();
    assert.equal(client.received(), "thanks");
  });
  const heard = (await covey.guestMessages({ limit: 1000 })).filter(({ text }) => text.startsWith("sent and gone"));
  assert.equal(new Set(heard.map(({ text }) => text)).size, 100);
  assert.equal(heard.length, 100);
});

test("one that sends and closes at once has been heard", async () => {
  // They come faster than they are heard.
  await using place = await serve(covey, { reply: "thanks", perAddress: 128 });
  await runLanes(100, 8, async (run) => {
    const { socket } = await dial(place);
    socket.write(`closed at once ${run}`);
    socket.destroySoon();
    await once(socket, "close");
  });
  await until(async () => {
    const heard = (await covey.guestMessages({ limit: 1000 })).filter(({ text }) => text.startsWith("closed at once"));
    return new Set(heard.map(({ text }) => text)).size === 100;
  });
});

const curl = (...args: readonly string[]): Promise<Ran> => startProgram("curl", ["-sS", ...args], { stdin: "" }).ended;

interface Client {
  readonly socket: Socket;
  received(): string;
  /** Since it was asked for the last time, exactly this comes. */
  receives(text: string): Promise<void>;
  /** The other side ends. */
  ends(): Promise<void>;
}

async function dial({ host, port }: Place): Promise<Client> {
  const socket = connect(port, host).setEncoding("utf8");
  await once(socket, "connect");
  let received = "";
  let seen = 0;
  socket.on("data", (text: string) => (received += text));
  socket.on("error", () => {});
  return {
    socket,
    received: () => received,
    async receives(text) {
      while (received.length - seen < text.length) await once(socket, "data", { signal: AbortSignal.timeout(20_000) });
      assert.equal(received.slice(seen), text);
      seen = received.length;
    },
    ends: async () => void (socket.readableEnded || (await once(socket, "end", { signal: AbortSignal.timeout(20_000) }))),
  };
}

/** What was heard of the one at this port. */
async function heardFrom({ socket }: Client): Promise<readonly string[]> {
  const from = `${socket.localAddress}:${socket.localPort}`;
  return (await covey.guestMessages({ limit: 1000 })).filter(({ address }) => address === from).map(({ text }) => text);
}

/** Polls until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await wait(20);
  }
}
