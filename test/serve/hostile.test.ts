// What a client that means harm can do to HTTP of the gateway: raw sockets.

import assert from "node:assert/strict";
import { once } from "node:events";
import { linkSync } from "node:fs";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { ask, browserRequest, type HttpPort, RawClient, serveHttp } from "./port.ts";

const KEEP = "Connection: keep-alive";
let base: string;
let root: string;
let http: HttpPort;
/** Each would end a daemon. */
const unhandled: unknown[] = [];
const keep = (reason: unknown): void => void unhandled.push(reason);

before(async () => {
  process.on("unhandledRejection", keep);
  base = await mkdtemp(join(tmpdir(), "covey-hostile-"));
  root = join(base, "root");
  await mkdir(join(root, "sub"), { recursive: true });
  await writeFile(join(root, "a.txt"), "0123456789");
  await writeFile(join(root, "large"), "");
  await truncate(join(root, "large"), 5 * 2 ** 30);
  http = await serveHttp({ directory: root, uploadInto: join(base, "incoming") });
});

after(async () => {
  await http[Symbol.asyncDispose]();
  process.off("unhandledRejection", keep);
  await rm(base, { recursive: true, force: true });
});

const RESET_REQUESTS: readonly (readonly [what: string, path: string, fields: readonly string[], method: string])[] = [
  ["a whole file", "/large", [], "GET"],
  ["several ranges", "/large", [`Range: bytes=${Array.from({ length: 16 }, (_, i) => `${3 * i}-${3 * i}`).join(",")}`], "GET"],
  ["large ranges", "/large", ["Range: bytes=0-3000000,4000000-7000000,8000000-"], "GET"],
  ["a small file", "/a.txt", [KEEP], "GET"],
  ["a directory", "/", [KEEP], "GET"],
  ["nothing", "/absent", ["Accept: text/html"], "GET"],
  ["an upload", "/", ["Content-Type: multipart/form-data; boundary=x", "Content-Length: 1000"], "POST"],
];

for (const [what, path, fields, method] of RESET_REQUESTS)
  test(`clients that reset their connections at any moment: ${what}`, async () => {
    const before = http.events.length;
    for (let round = 0; round < 4; round++)
      await Promise.all(
        Array.from({ length: 16 }, async (_, moment) => {
          const client = new RawClient(http.port);
          await once(client.socket, "connect");
          client.socket.write(browserRequest(http.port, path, fields, method).repeat(1 + (moment % 3)));
          if (moment % 2 === 0 && method === "GET") await Promise.race([once(client.socket, "data"), client.closed]);
          for (let turns = moment; turns > 0; turns--) await new Promise(setImmediate);
          client.socket.resetAndDestroy();
          await client.closed;
        }),
      );
    assert.equal((await ask(http.port, browserRequest(http.port, "/a.txt"))).body.toString(), "0123456789");
    assert.ok(http.events.length > before);
    assert.deepEqual(unhandled.splice(0), []);
  });

test("a page elsewhere sees no difference between what is here and what is not", async () => {
  const of = async (path: string, fields: readonly string[]): Promise<string | undefined> =>
    (await ask(http.port, browserRequest(http.port, path, fields))).headers.get("cross-origin-resource-policy");
  for (const fields of [
    [],
    ["Accept: text/html"],
    ["Accept: application/json"],
    ["Range: bytes=99-"],
    ["If-None-Match: *"],
    ["If-Match: x"],
  ])
    for (const path of ["/a.txt", "/sub", "/sub/", "/absent"])
      assert.equal(await of(path, fields), "same-origin", `${path} ${fields}`);
});

test("a request that wants another protocol is the last one", async () => {
  const upgrade = ["Connection: keep-alive, Upgrade", "Upgrade: websocket"];
  const { status, headers, body } = await ask(
    http.port,
    browserRequest(http.port, "/a.txt", upgrade) + browserRequest(http.port, "/"),
  );
  assert.deepEqual([status, headers.get("connection"), body.toString()], [200, "close", "0123456789"]);
});

test("pages that were sent, or not, hold no room", async () => {
  const directory = join(base, "long");
  await mkdir(directory);
  // Each byte of a name is nine on the page.
  for (let i = 0; i < 4000; i++) linkSync(join(root, "a.txt"), join(directory, `${i}${'"'.repeat(240)}`));
  await using many = await serveHttp({ directory });
  const request = browserRequest(many.port, "/", [], "HEAD");
  let bytes = 0;
  while (bytes <= LIMITS.gatewayListedBytes) {
    const { status, headers } = await ask(many.port, request);
    assert.equal(status, 200);
    bytes += Number(headers.get("content-length"));
  }
});
