// Duplexes on the daemon's socket against whatever a program of this user may send, over the real socket and a real peer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { u32 } from "../../core/bytes.ts";
import type { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { silentLog } from "../../core/log.ts";
import { VERSION } from "../../core/version.ts";
import type { Peer } from "../../peer/contract.ts";
import { leakCheck } from "../../testing/leak-check.ts";
import { connect } from "../connect.ts";
import type { Covey } from "../covey.ts";
import { createCovey } from "../facade.ts";
import { FrameReader } from "./frames.ts";
import { hostPeer, type HostedPeer } from "../host.ts";
import { localInvoker } from "../invoke.ts";
import { serveControl, type ControlServer } from "../server.ts";

const listen = ["tcp://127.0.0.1:0"];
let directory: string;
let hosted: HostedPeer;
let server: ControlServer;
let desk: Covey;
let otherPeer: Peer;
let leaks: () => Promise<void>;

before(async () => {
  leaks = leakCheck();
  directory = await mkdtemp(join(tmpdir(), "covey-upgrade-"));
  hosted = await hostPeer(join(directory, "home"), "daemon", async () => ({ listen, name: "tested" }));
  server = await serveControl({ ...hosted, log: silentLog });
  const other = await hostPeer(join(directory, "desk"), "program", async () => ({ listen, name: "desk" }));
  otherPeer = other.peer;
  desk = createCovey(localInvoker(other.peer, () => other.close()));
  const { ticket } = await hosted.peer.pairing.invite({});
  await desk.join(ticket, { as: "tested" });
});

after(async () => {
  await Promise.all([server.close(), desk.close()]);
  await hosted.close();
  await rm(directory, { recursive: true, force: true });
  await leaks();
});

/** A program's socket, and all that came on it. */
function dial(): {
  readonly socket: Socket;
  readonly closed: Promise<Buffer>;
  got(): Buffer;
  until(text: string): Promise<void>;
} {
  const socket = createConnection(hosted.home.socket);
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => void parts.push(part)).on("error", () => {});
  const got = (): Buffer => Buffer.concat(parts);
  return {
    socket,
    got,
    closed: new Promise((resolve) => socket.once("close", () => resolve(got()))),
    async until(text) {
      while (!got().includes(text)) await once(socket, "data", { signal: AbortSignal.timeout(10_000) });
    },
  };
}

const head = (name: string, body: string, headers: Record<string, string> = {}): string => {
  const all = {
    host: "covey",
    connection: "Upgrade",
    upgrade: "covey-stream",
    "covey-version": VERSION,
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([key, value]) => `${key}: ${value}\r\n`);
  return `POST /v1/${name} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
};

const opening = '{"peer":"desk","name":"echo"}';

test("what is no request for a duplex is answered like a call, and hung up on", async () => {
  const table: readonly (readonly [what: string, request: string, status: number, code: string])[] = [
    ["a call", head("status", "{}"), 400, "bad-argument"],
    ["a stream", head("data.watch", "{}"), 400, "bad-argument"],
    ["nothing of that name", head("nothing", "{}"), 400, "bad-argument"],
    ["another version", head("stream.open", opening, { "covey-version": "0.0.1" }), 426, "version"],
    ["no JSON", head("stream.open", "{"), 400, "bad-argument"],
    ["no arguments", head("stream.open", ""), 400, "bad-argument"],
    ["an argument too many", head("stream.open", '{"peer":"desk","name":"x","more":1}'), 400, "bad-argument"],
    ["a length beyond the limit", head("stream.open", "", { "content-length": "99999999999" }), 413, "limit"],
    ["no such peer", head("stream.open", '{"peer":"nobody","name":"x"}'), 404, "not-found"],
    ["a name that can't be one", head("stream.open", '{"peer":"desk","name":""}'), 400, "bad-argument"],
    ["a name that nobody takes", head("stream.open", '{"peer":"desk","name":"nothing"}'), 403, "refused"],
    ["a stream that nobody opened", head("stream.take", '{"id":"x"}'), 404, "not-found"],
    ["no length", head("stream.open", opening, { "content-length": "-1" }), 400, ""],
    ["no upgrade", head("stream.open", opening, { upgrade: "h2c", connection: "close" }), 400, "bad-argument"],
  ];
  for (const [what, request, status, code] of table) {
    const { socket, closed } = dial();
    socket.write(request);
    const answer = (await closed).toString();
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), what);
    if (code !== "") assert.equal((JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))) as { code: string }).code, code, what);
  }
});

test("a call without an upgrade to a duplex, and one with another upgrade to a call", async () => {
  const plain = dial();
  plain.socket.write(head("status", "{}", { upgrade: "h2c" }));
  await plain.until('"tested"');
  assert.match(plain.got().toString(), /^HTTP\/1.1 200 /);
  plain.socket.destroy();
});

test("the arguments may come in pieces, and the first frames with them", async () => {
  await using _ = await desk.handle("echo", {}, async (stream) => {
    for await (const chunk of stream) await stream.write(chunk);
  });
  const { socket, closed } = dial();
  const bytes = Buffer.concat([Buffer.from(head("stream.open", opening)), u32(5), Buffer.from("hello"), u32(0)]);
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  const answer = await closed;
  assert.match(answer.toString("latin1"), /^HTTP\/1.1 101 [^]*\r\ncovey-version: /);
  const events = [...new FrameReader().read(answer.subarray(answer.indexOf("\r\n\r\n") + 4))];
  assert.equal(events.pop()?.is, "end");
  assert.equal(Buffer.concat(events.map((event) => (event.is === "data" ? event.bytes : assert.fail()))).toString(), "hello");
});

test("hostile bytes after the upgrade cut that stream, on both sides, and nothing else", async () => {
  const cuts: (CoveyError | undefined)[] = [];
  await using _ = await desk.handle("echo", {}, async (stream) => {
    await stream.write(Buffer.from("ready"));
    cuts.push(await stream.closed);
  });
  const wrong: readonly (readonly [what: string, bytes: Buffer, told: boolean])[] = [
    ["a frame that is too long", u32(LIMITS.controlFrameBytes + 1), true],
    ["text", Buffer.from("GET / HTTP/1.1\r\n\r\n"), true],
    ["bytes behind the end", Buffer.concat([u32(0), u32(0)]), true],
    ["a cut with nonsense", Buffer.concat([u32(0xffffffff), u32(2), Buffer.from("{{")]), false],
  ];
  for (const [what, bytes, told] of wrong) {
    const { socket, until, closed } = dial();
    socket.write(head("stream.open", opening));
    await until("ready");
    socket.write(bytes);
    const answer = await closed;
    assert.equal(answer.includes(u32(0xffffffff)), told, what);
    if (told) assert.match(answer.toString("latin1"), /"code":"protocol"/, what);
  }
  for (const half of [Buffer.of(0, 0), u32(10), Buffer.concat([u32(10), Buffer.from("five.")])]) {
    const { socket, until, closed } = dial();
    socket.write(head("stream.open", opening));
    await until("ready");
    socket.end(half);
    await closed;
  }
  await using covey = await connect({ home: hosted.home.dir });
  assert.equal((await covey.status()).name, "tested");
  while (cuts.length < 7) await new Promise(setImmediate);
  assert.ok(
    cuts.every((why) => why?.code === "closed"),
    String(cuts),
  );
});

test("a program that hangs up while its stream is being opened leaves none", async () => {
  const came = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const end = otherPeer.streams.handle("slow", {}, async ({ signal }) => {
    signal.addEventListener("abort", () => over.resolve(), { once: true });
    came.resolve();
    await over.promise;
  });
  const { socket } = dial();
  socket.write(head("stream.open", '{"peer":"desk","name":"slow"}'));
  await came.promise;
  socket.destroy();
  await over.promise;
  end();
});

test("only so many connections carry streams; calls still find room, and places come back", async () => {
  const before = LIMITS.controlDuplexes;
  assert.ok(before < LIMITS.controlConnections);
  // Each of them waits for its arguments, and holds a place meanwhile.
  const held = Array.from({ length: before }, () => dial());
  for (const { socket } of held) socket.write(head("stream.open", "", { "content-length": "10" }));
  await using covey = await connect({ home: hosted.home.dir });
  await assert.rejects(
    async () => {
      for (let tries = 0; tries < 50; tries++)
        await covey
          .peer("desk")
          .open("nothing")
          .catch((error: unknown) => {
            if ((error as CoveyError).code !== "refused") throw error;
          });
    },
    { code: "limit" },
  );
  assert.equal((await covey.status()).name, "tested");
  await using _ = await covey.handle("no room", {}, async () => assert.fail("there is no connection for it"));
  await assert.rejects(desk.peer("tested").open("no room"), { code: "limit" });
  for (const { socket } of held) socket.destroy();
  await Promise.all(held.map(({ closed }) => closed));
  await assert.rejects(
    async () => {
      for (;;)
        await covey
          .peer("desk")
          .open("nothing")
          .catch((error: unknown) => {
            if ((error as CoveyError).code !== "limit") throw error;
          });
    },
    { code: "refused" },
  );
});

test("what is sent as bytes is kept privately, and nothing is left of what was cut, in whatever way", async () => {
  await using covey = await connect({ home: hosted.home.dir });
  const peer = covey.peer("desk");
  const spooled = (): Promise<string[]> => readdir(hosted.home.spool);
  await assert.rejects(
    peer.sendBytes(
      (async function* () {
        yield Buffer.from("some");
        await new Promise(setImmediate);
        assert.equal((await spooled()).length, 1);
        throw new Error("the source failed");
      })(),
      { name: "x" },
    ),
    /the source failed/,
  );
  const enough = new AbortController();
  const stuck = peer.sendBytes(
    (async function* () {
      yield Buffer.from("some");
      enough.abort(new Error("enough"));
      await new Promise(() => {});
    })(),
    { name: "x", signal: enough.signal },
  );
  await assert.rejects(stuck, /enough/);
  await assert.rejects(peer.sendBytes(["text"] as never, { name: "x" }), { code: "bad-argument" });
  for (const name of ["", ".", "..", "a/b", "\0", "x".repeat(LIMITS.offerNameBytes + 1)])
    await assert.rejects(peer.sendBytes([Buffer.of(1)], { name }), { code: "bad-argument" }, name);
  const { socket, until } = dial();
  socket.write(head("file.sendBytes", '{"peer":"desk","name":"x"}'));
  await until("101");
  socket.write(Buffer.concat([u32(4), Buffer.from("some")]));
  while ((await spooled()).length === 0) await new Promise(setImmediate);
  socket.destroy();
  while ((await spooled()).length > 0) await new Promise(setImmediate);
  assert.deepEqual(await covey.transfers(), []);
});

test("why an operation's own stream failed reaches the program: a peer removed while its bytes were sent", async () => {
  await using covey = await connect({ home: hosted.home.dir });
  const third = await hostPeer(join(directory, "third"), "program", async () => ({ listen, name: "third" }));
  await using other = createCovey(localInvoker(third.peer, () => third.close()));
  await other.join((await hosted.peer.pairing.invite({})).ticket, { as: "tested" });
  const sending = covey.peer("third").sendBytes(
    (async function* () {
      yield Buffer.from("some");
      await covey.peer("third").remove();
    })(),
    { name: "x" },
  );
  await assert.rejects(sending, { code: "not-paired" });
  assert.deepEqual(await readdir(hosted.home.spool), []);
});
