// What takes as long as a limit of the gateway: heads that come slowly, and clients that do not read.

import assert from "node:assert/strict";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { browserRequest, parseAnswer, RawClient, serveHttp } from "../serve/port.ts";

test("a head that comes byte by byte is answered with 408", async () => {
  await using http = await serveHttp({});
  using client = new RawClient(http.port);
  client.socket.write("GET / HTTP/1.1\r\n");
  const drip = setInterval(() => client.socket.write("x"), 500);
  const answer = parseAnswer(await client.rest());
  clearInterval(drip);
  assert.deepEqual([answer.status, answer.headers.get("connection")], [408, "close"]);
});

test("a kept connection that is not used ends", async () => {
  await using http = await serveHttp({});
  using client = new RawClient(http.port);
  client.socket.write(browserRequest(http.port, "/", ["Connection: keep-alive"]));
  await client.has(1);
  assert.equal(await client.closed, "end");
});

test("a client that takes nothing of its answer is cut", async () => {
  const root = await mkdtemp(join(tmpdir(), "covey-idle-"));
  await writeFile(join(root, "large"), "");
  await truncate(join(root, "large"), 80 * 2 ** 20);
  const http = await serveHttp({ directory: root });
  using client = new RawClient(http.port);
  client.socket.write(browserRequest(http.port, "/large"));
  await client.has(1);
  client.socket.pause();
  while (http.events.length === 0) await new Promise((resolve) => setTimeout(resolve, 1000));
  client.socket.resume();
  assert.equal(await client.closed, "cut");
  const [event] = http.events;
  assert.equal(event?.type === "request" ? event.status : 0, undefined);
  await http[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});
