import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, mock, test } from "node:test";
import * as fc from "fast-check";

import { LIMITS } from "../core/limits.ts";
import { silentLog } from "../core/log.ts";
import { leakCheck } from "../testing/leak-check.ts";
import { HostPlaces, Places } from "./places.ts";
import { openPort, type Port } from "./port.ts";
import type { Speaker } from "./served.ts";

const leaks = leakCheck();
after(leaks);

/** Says which protocol it is and then all that it was given, once the client has ended. */
function echo(name: string): Speaker & { readonly taken: Socket[] } {
  const taken: Socket[] = [];
  return {
    taken,
    take(socket, first) {
      taken.push(socket);
      const parts = [first];
      const done = (): void => void socket.end(Buffer.concat([Buffer.from(`${name}:`), ...parts]));
      if (socket.readableEnded) return done();
      socket.on("data", (part: Buffer) => parts.push(part)).once("end", done);
      socket.resume();
    },
    close: async () => {},
  };
}

interface Opened extends AsyncDisposable {
  readonly port: Port;
  readonly number: number;
  readonly http: ReturnType<typeof echo>;
  readonly text: ReturnType<typeof echo>;
}

async function opened({ greets = false, perHost = 16, all = new Places() } = {}): Promise<Opened> {
  const http = echo("http");
  const text = echo("text");
  const places = new HostPlaces(all, perHost);
  const port = await openPort({ host: "127.0.0.1", port: 0 }, { http: greets ? undefined : http, text, places, log: silentLog });
  return { port, number: port.bound.port, http, text, [Symbol.asyncDispose]: () => port.close() };
}

/** Sends the parts, each by itself, ends, and resolves to all that comes back. */
async function said(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const answer = all(socket);
  for (const part of parts) {
    await new Promise((resolve) => socket.write(part, resolve));
    await new Promise(setImmediate);
  }
  socket.end();
  return answer;
}

function all(socket: Socket): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.once("error", reject);
  socket.once("close", () => resolve(Buffer.concat(parts).toString("latin1")));
  return promise;
}

test("the first bytes decide, and whoever gets the connection gets all of its bytes", async () => {
  await using on = await opened();
  assert.equal(await said(on.number, "GET / HTTP/1.1\r\n\r\n"), "http:GET / HTTP/1.1\r\n\r\n");
  assert.equal(await said(on.number, "G", "E", "T", " ", "/"), "http:GET /");
  assert.equal(await said(on.number, "G", "ET", "s it"), "text:GETs it");
  assert.equal(await said(on.number, "get_data"), "text:get_data");
  assert.equal(await said(on.number, "GET"), "text:GET");
  assert.equal(await said(on.number, "hello", "GET / HTTP/1.1\r\n\r\n"), "text:helloGET / HTTP/1.1\r\n\r\n");
  assert.equal(await said(on.number, "POST / HTTP/1.1\r\n\r\nupdate_data,x"), "http:POST / HTTP/1.1\r\n\r\nupdate_data,x");
});

test("however it is cut, the same speaker has the same bytes", async () => {
  await using on = await opened();
  const beginning = fc.constantFrom("GET /x", "DELETE ", "PROPPATC", "get_data", "G", "\0\x01", "M-SEARCH *");
  await fc.assert(
    fc.asyncProperty(beginning, fc.array(fc.nat(10), { maxLength: 4 }), async (whole, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length].sort((a, b) => a - b);
      const parts = at.slice(1).map((end, i) => whole.slice(at[i], end));
      assert.equal(await said(on.number, ...parts), await said(on.number, whole));
    }),
    { numRuns: 40 },
  );
});

test("with a greeting nothing is waited for, and everything is text", async () => {
  await using on = await opened({ greets: true });
  const socket = connect({ port: on.number, host: "127.0.0.1" });
  while (on.text.taken.length === 0) await new Promise(setImmediate);
  const answer = all(socket);
  socket.end();
  assert.equal(await answer, "text:");
  assert.equal(await said(on.number, "GET / HTTP/1.1\r\n\r\n"), "text:GET / HTTP/1.1\r\n\r\n");
  assert.equal(on.http.taken.length, 0);
});

test("a TLS hello, and a client that leaves without a word, are nobody's", async () => {
  await using on = await opened();
  assert.equal(await said(on.number, Buffer.from([0x16, 0x03, 0x01, 0, 5]).toString("latin1")), "");
  assert.equal(await said(on.number), "");
  assert.deepEqual([on.http.taken.length, on.text.taken.length], [0, 0]);
});

test("one too many from a host is told so in its own protocol, and a place that is given back is there again", async () => {
  await using on = await opened({ perHost: 2 });
  const held = [0, 1].map(() => connect({ port: on.number, host: "127.0.0.1" }));
  while (on.port.connections() < 2) await new Promise(setImmediate);
  assert.match(
    await said(on.number, "GET / HTTP/1.1\r\n\r\n"),
    /^HTTP\/1\.1 503 .*\r\nConnection: close\r\n\r\n.*try again later\n$/s,
  );
  assert.match(await said(on.number, "hello"), /^refused: there are too many connections/);
  assert.equal(on.port.connections(), 2);
  assert.deepEqual([on.http.taken.length, on.text.taken.length], [0, 0]);
  held[0]!.destroy();
  while (on.port.connections() > 1) await new Promise(setImmediate);
  assert.equal(await said(on.number, "hello"), "text:hello");
  held[1]!.destroy();
});

test("there are so many places for all servings together", async () => {
  const all = new Places();
  for (let taken = 0; taken < LIMITS.gatewayConnections - 1; taken++) all.take();
  await using one = await opened({ all });
  await using other = await opened({ all });
  const held = connect({ port: one.number, host: "127.0.0.1" });
  while (one.port.connections() === 0) await new Promise(setImmediate);
  assert.match(await said(other.number, "hello"), /^refused: /);
  held.destroy();
  while (one.port.connections() > 0) await new Promise(setImmediate);
  assert.equal(await said(other.number, "hello"), "text:hello");
});

test("of those that are turned away only so many are told; the rest is closed at once", async () => {
  await using on = await opened({ perHost: 1 });
  const sockets = Array.from({ length: LIMITS.gatewayTurnedAway + 20 }, () => {
    const socket = connect({ port: on.number, host: "127.0.0.1" });
    socket.on("error", () => {});
    return socket;
  });
  let closed = 0;
  for (const socket of sockets) socket.once("close", () => closed++);
  for (const socket of sockets) socket.resume();
  while (closed < 19) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(on.port.connections(), 1);
  for (const socket of sockets) socket.destroy();
});

test("closing cuts what is open, decided or not, and the port is free", async () => {
  const on = await opened();
  const ends = ["", "GE", "hello", "GET / HTTP/1.1"].map((text) => {
    const socket = connect({ port: on.number, host: "127.0.0.1" });
    socket.write(text);
    return all(socket).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
  });
  while (on.port.connections() < ends.length || on.http.taken.length + on.text.taken.length < 2) await new Promise(setImmediate);
  await on.port.close();
  for (const end of await Promise.all(ends)) assert.ok(end === "" || end === "ECONNRESET", end);
  const again = await openPort(
    { host: "127.0.0.1", port: on.number },
    { http: on.http, text: on.text, places: new HostPlaces(new Places(), 1), log: silentLog },
  );
  await again.close();
});

test("resets at any moment harm nobody", async () => {
  await using on = await opened({ perHost: 500 });
  for (let round = 0; round < 60; round++) {
    const socket = connect({ port: on.number, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.once("connect", () => {
      socket.write(["", "G", "hello", "GET /"][round % 4]!);
      if (round % 3 === 0) setImmediate(() => socket.resetAndDestroy());
      else socket.resetAndDestroy();
    });
    await new Promise((resolve) => socket.once("close", resolve));
  }
  assert.equal(await said(on.number, "hello"), "text:hello");
  while (on.port.connections() > 0) await new Promise(setImmediate);
});

test("the beginning of a method waits as long as a head may, and silence longer", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await using on = await opened();
    for (const [sends, waits, comes] of [
      ["GE", LIMITS.gatewayHeadMs, /^HTTP\/1\.1 408 /],
      ["", LIMITS.gatewayIdleMs, /^$/],
    ] as const) {
      const socket = connect({ port: on.number, host: "127.0.0.1" });
      let answered = false;
      const answer = all(socket).finally(() => (answered = true));
      if (sends !== "") await new Promise((resolve) => socket.write(sends, resolve));
      while (on.port.connections() === 0) await new Promise(setImmediate);
      for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
      mock.timers.tick(waits - 1);
      for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
      assert.equal(answered, false);
      mock.timers.tick(1);
      assert.match(await answer, comes);
    }
  } finally {
    mock.timers.reset();
  }
});
