// The daemon's socket against whatever a program of this user may send, over the real socket and a real peer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, lstat, mkdtemp, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { silentLog } from "../core/log.ts";
import { VERSION } from "../core/version.ts";
import { connect } from "./connect.ts";
import { hostPeer, type HostedPeer } from "./host.ts";
import { OPERATIONS } from "./operations.ts";
import { serveControl, type ControlServer } from "./server.ts";

let directory: string;
let hosted: HostedPeer;
let server: ControlServer;
let socketPath: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "covey-server-"));
  hosted = await hostPeer(join(directory, "home"), "daemon", async () => ({ listen: [], name: "tested" }));
  server = await serveControl({ ...hosted, log: silentLog });
  socketPath = hosted.home.socket;
});

after(async () => {
  await server.close();
  await hosted.close();
  await rm(directory, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
}

async function ask({ method = "POST", path = "/v1/status", body = "{}", headers = {} }: Sent): Promise<Answer> {
  const sent = request({ socketPath, method, path, headers: { "covey-version": VERSION, ...headers }, agent: false });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return { status: response.statusCode!, body: Buffer.concat(parts).toString() };
}

const codeOf = ({ body }: Answer): unknown => (JSON.parse(body) as { code: unknown }).code;

test("a call is answered with its value, one without a value with 204", async () => {
  const status = await ask({});
  assert.equal(status.status, 200);
  assert.equal((JSON.parse(status.body) as { name: string }).name, "tested");
  assert.deepEqual(await ask({ path: "/v1/data.get", body: '{"key":"nothing"}' }), { status: 204, body: "" });
});

test("what is no request of covey's is refused, each with its status and code", async () => {
  const table: readonly (readonly [what: string, sent: Sent, status: number, code: string])[] = [
    ["no JSON", { body: "{" }, 400, "bad-argument"],
    ["nothing", { body: "" }, 400, "bad-argument"],
    ["bytes that are not UTF-8", { body: Buffer.of(0x22, 0xff, 0x22) }, 400, "bad-argument"],
    ["not an object", { body: "[1]" }, 400, "bad-argument"],
    ["null", { body: "null" }, 400, "bad-argument"],
    ["an argument too many", { body: '{"x":1}' }, 400, "bad-argument"],
    ["__proto__", { body: '{"__proto__":{"x":1}}' }, 400, "bad-argument"],
    ["a missing argument", { path: "/v1/data.get" }, 400, "bad-argument"],
    ["a wrong type", { path: "/v1/data.get", body: '{"key":1}' }, 400, "bad-argument"],
    ["a number that is none", { path: "/v1/data.list", body: '{"limit":-1}' }, 400, "bad-argument"],
    ["GET", { method: "GET", body: "" }, 400, "bad-argument"],
    ["DELETE", { method: "DELETE" }, 400, "bad-argument"],
    ["no such operation", { path: "/v1/nothing" }, 400, "bad-argument"],
    ["a property of every object", { path: "/v1/constructor" }, 400, "bad-argument"],
    ["another API", { path: "/v2/status" }, 400, "bad-argument"],
    ["a path that climbs", { path: "/v1/../v1/status" }, 400, "bad-argument"],
    ["another version", { headers: { "covey-version": "0.0.1" } }, 426, "version"],
    ["a peer that is not there", { path: "/v1/peer.show", body: '{"peer":"x"}' }, 404, "not-found"],
    ["a length beyond the limit", { headers: { "content-length": String(LIMITS.controlBodyBytes + 1) }, body: "" }, 413, "limit"],
  ];
  for (const [what, sent, status, code] of table) {
    const answer = await ask(sent);
    assert.deepEqual([answer.status, codeOf(answer)], [status, code], what);
  }
});

test("a version that does not fit says how to restart, and whom", async () => {
  const { body } = await ask({ headers: { "covey-version": "0.0.1" } });
  const error = JSON.parse(body) as { hint: string; details: unknown };
  assert.match(error.hint, /covey down.*covey up/);
  assert.deepEqual(error.details, { daemon: VERSION, pid: process.pid });
});

test("a call without the version header, as from a browser, is refused", async () => {
  const sent = request({ socketPath, method: "POST", path: "/v1/status", agent: false });
  sent.end("{}");
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 400);
});

test("a body without a declared length is cut off at the limit", async () => {
  const sent = request({ socketPath, method: "POST", path: "/v1/status", headers: { "covey-version": VERSION }, agent: false });
  sent.on("error", () => {}).setMaxListeners(0);
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  const chunk = Buffer.alloc(1 << 20, " ");
  const writing = (async () => {
    for (let i = 0; i <= LIMITS.controlBodyBytes / chunk.length + 1 && !sent.destroyed; i++) {
      if (!sent.write(chunk)) await Promise.race([once(sent, "drain"), once(sent, "close")]);
    }
  })();
  const [response] = await answered;
  assert.equal(response.statusCode, 413);
  response.resume();
  sent.destroy();
  await writing.catch(() => {});
});

test("what is not HTTP is hung up on, and others go on", async () => {
  for (const bytes of [
    "\u0016\u0003\u0001\u0002\u0000",
    `POST /v1/status HTTP/1.1\r\n${"a: b\r\n".repeat(5000)}\r\n`,
    "GET\n\n",
  ]) {
    const socket = createConnection(socketPath);
    socket.on("error", () => {});
    socket.write(bytes);
    socket.resume();
    await once(socket, "close");
  }
  assert.equal((await ask({})).status, 200);
});

test("a stream is told in lines and ends with a record that says so", async () => {
  await using covey = await connect({ home: hosted.home.dir });
  const offers = await ask({ path: "/v1/transfer.watch", body: '{"offer":"404"}' });
  assert.deepEqual([offers.status, codeOf(offers)], [404, "not-found"]);
  await covey.data().set("seen", 1);
  const sent = request({
    socketPath,
    method: "POST",
    path: "/v1/data.watch",
    headers: { "covey-version": VERSION },
    agent: false,
  });
  sent.end("{}");
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const [began] = (await once(response, "data")) as [Buffer];
  assert.match(began.toString(), /^\{"item":\{"type":"now".*\}\}\n$/);
  await covey.data().set("seen", 2);
  const [line] = (await once(response, "data")) as [Buffer];
  assert.match(line.toString(), /^\{"item":\{"type":"set".*\}\}\n$/);
  response.destroy();
});

test("a caller that hangs up ends what it asked for; a reader that stops is waited for without piling up", async () => {
  await using covey = await connect({ home: hosted.home.dir });
  const sent = request({
    socketPath,
    method: "POST",
    path: "/v1/data.watch",
    headers: { "covey-version": VERSION },
    agent: false,
  });
  sent.end("{}");
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.pause();
  const value = "x".repeat(60_000);
  for (let i = 0; i < 100; i++) await covey.data().set(`slow/${i}`, value);
  // 6 MB were set; what the socket and both ends of it hold is far less, and the rest was not written.
  assert.ok(response.readableLength < 1 << 20);
  let keys = 0;
  for await (const part of response) {
    keys += part.toString().split('"type":"set"').length - 1;
    if (keys >= 100) break;
  }
  assert.equal(keys, 100);
});

test("the socket is the user's alone", async () => {
  assert.equal((await lstat(socketPath)).mode & 0o777, 0o600);
  assert.equal((await lstat(hosted.home.dir)).mode & 0o777, 0o700);
});

test("a home that others could change is not trusted by those who connect", async () => {
  await chmod(hosted.home.dir, 0o777);
  try {
    await assert.rejects(connect({ home: hosted.home.dir }), { code: "home-unsafe" });
  } finally {
    await chmod(hosted.home.dir, 0o700);
  }
});

test("a home whose path is too long for a socket has it elsewhere, in private; a socket left by a kill is replaced", async () => {
  const long = join(directory, "a".repeat(100), "home");
  const other = await hostPeer(long, "daemon", async () => ({ listen: [] }));
  await symlink(join(directory, "covey-gone", "socket"), other.home.socket);
  const control = await serveControl({ ...other, log: silentLog });
  const elsewhere = join(await readlink(other.home.socket), "..");
  try {
    assert.equal((await lstat(elsewhere)).mode & 0o777, 0o700);
    await using covey = await connect({ home: long });
    assert.equal((await covey.status()).home, long);
    await covey.close();
    // Somebody else's directory in its place is not gone into.
    await chmod(elsewhere, 0o755);
    await assert.rejects(connect({ home: long }), { code: "home-unsafe" });
  } finally {
    await control.close();
    await other.close();
  }
  await assert.rejects(lstat(elsewhere), { code: "ENOENT" });
  assert.deepEqual(
    (await readdir(long)).filter((name) => name.startsWith("socket")),
    [],
  );
});

test("nobody there is `daemon-down`, with what to do", async () => {
  await assert.rejects(connect({ home: join(directory, "nobody") }), { code: "daemon-down", hint: /`covey up` starts it/ });
  const dead = await hostPeer(join(directory, "dead"), "daemon", async () => ({ listen: [] }));
  await writeFile(dead.home.socket, "");
  await assert.rejects(connect({ home: dead.home.dir }), (error) => error instanceof CoveyError && error.code === "daemon-down");
  await dead.close();
});

const FIRST_ITEMS: Readonly<Record<string, readonly object[]>> = {
  "serve.open": [{ type: "serving", serving: { id: "i", settings: {} } }],
  "stream.incoming": [{ type: "ready" }, ...["i", "too many"].map((id) => ({ type: "stream", id }))],
};

test("every operation of the table is called through Covey", async () => {
  const called = new Set<string>();
  const { createCovey } = await import("./facade.ts");
  const covey = createCovey({
    call: async (name) => {
      called.add(name);
      return (
        name === "data.list" || name === "data.conflicts" ? [] : { id: "i", ticket: "t", expiresAtMs: 0, offer: {} }
      ) as never;
    },
    stream: (name) => (called.add(name), items<object>(FIRST_ITEMS[name] ?? [])) as never,
    duplex: async (name, args) => {
      called.add(name);
      if ("id" in args && args.id === "too many") throw new CoveyError("limit", "no more");
      const parts = [Buffer.from('{"offer":{}}'), null];
      return {
        read: async () => parts.shift(),
        write: async () => {},
        end: async () => {},
        reset() {},
        closed: new Promise(() => {}),
      } as never;
    },
    close: async () => {},
  });
  const peer = covey.peer("x");
  const data = peer.data();
  const invitation = await covey.invite();
  await invitation[Symbol.asyncDispose]();
  await Promise.all([
    covey.status(),
    covey.join("t"),
    covey.peers(),
    covey.inbox(),
    covey.transfers(),
    covey.decline("1"),
    covey.cancel("1"),
  ]);
  await Promise.all([
    covey.accept("1", { into: "/" }),
    peer.show(),
    peer.rename("y"),
    peer.remove(),
    peer.message("m"),
    peer.messages(),
    peer.unread(),
  ]);
  await Promise.all([
    peer.markRead(),
    peer.send("/f"),
    data.get("k"),
    data.set("k", 1),
    data.setMany([]),
    data.remove("k"),
    data.list(),
  ]);
  await data.conflicts();
  await Promise.all([
    covey.shares(),
    covey.servings(),
    covey.unserve("1"),
    covey.tellGuest("guest-1", "t"),
    covey.guestMessages(),
    covey.markGuestsRead([]),
    covey.pause("1"),
    covey.resume("1"),
    peer.access(),
    peer.allow({ offers: "ask" }),
    peer.shares(),
    peer.share("/f"),
    peer.unshare("f"),
    peer.get("f", { into: "/" }),
    peer.sendBytes([], { name: "f" }),
    peer.open("s"),
  ]);
  await covey.handle("s", {}, () => Promise.reject(new Error("no")));
  await using _ = await covey.serve({ reply: "r" });
  for (const stream of [
    covey.incoming(),
    covey.watchTransfer("1"),
    peer.watchMessages(),
    data.watch(),
    peer.watchShares(),
    peer.list("f"),
    peer.read("f"),
  ])
    for await (const _ of stream);
  called.add("ping");
  assert.deepEqual([...called].toSorted(), Object.keys(OPERATIONS).toSorted());
});

async function* items<Item>(all: readonly Item[]): AsyncGenerator<Item, void> {
  yield* all;
}
