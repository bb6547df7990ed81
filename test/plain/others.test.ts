// Real programs as the other end: Python's web server, covey's own gateway, and whatever a server may say.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import fc from "fast-check";

import { hash } from "../../src/core/hash.ts";
import { type Covey, CoveyError, open, plain } from "../../src/index.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { reachableHosts } from "../../src/transport/address.ts";
import { startProgram } from "../cli/command.ts";
import { noPython } from "../serve/python.ts";
import { type Gate, openGate } from "./gate.ts";
import { startServer } from "./servers.ts";

const MiB = 1024 * 1024;

let root: string;
let into: string;
let served: string;
let me: Covey;
const large = randomBytes(65 * MiB);
before(async () => {
  root = await mkdtemp(join(tmpdir(), "covey-others-"));
  served = join(root, "served");
  await mkdir(join(served, "käse & co"), { recursive: true });
  await writeFile(join(served, "large"), large);
  await writeFile(join(served, "käse & co", "100% 日本.txt"), "small");
  await utimes(join(served, "large"), 1_700_000_000, 1_700_000_000);
  me = await open({ home: join(root, "home"), name: "me", listen: [] });
});
beforeEach(async () => void (into = await mkdtemp(join(root, "into-"))));
after(async () => {
  await me.close();
  await rm(root, { recursive: true });
});

test(
  "python3 -m http.server: names, times, lengths, a directory, and a download that has to begin again",
  { skip: noPython },
  async () => {
    const server = startProgram("python3", ["-m", "http.server", "--bind", "127.0.0.1", "--directory", served, "0"], {
      env: { PYTHONUNBUFFERED: "1" },
    });
    try {
      await server.until(/port \d+/);
      await using gate = await openGate(Number(/port (\d+)/.exec(server.out())![1]));
      const url = `http://127.0.0.1:${gate.port}`;
      const small = await plain.download(`${url}/käse & co/100%25 日本.txt`, { into });
      assert.deepEqual([small.path, small.size, small.wholeBy], [join(into, "100% 日本.txt"), 5, "length"]);
      assert.equal((await plain.download(`${url}/käse & co`, { into })).path, join(into, "käse & co"));
      await assert.rejects(plain.download(`${url}/none`, { into }), { code: "not-found" });

      await abortedAfter(gate, `${url}/large`, 10 * MiB);
      assert.equal((await readdir(into)).filter((name) => name.endsWith(".part")).length, 1);
      const { path, resumedBytes, blake3 } = await plain.download(`${url}/large`, { into });
      assert.deepEqual([resumedBytes, blake3], [0, hash(large).toString("hex")]);
      assert.ok(large.equals(await readFile(path)));
      assert.deepEqual((await readdir(into)).toSorted(), ["100% 日本.txt", "käse & co", "large"]);
    } finally {
      server.kill("SIGKILL");
      await server.ended;
    }
  },
);

test("a gateway: verified, resumed, refused where it refuses", async () => {
  const leaks = leakCheck();
  {
    await using serving = await me.serve({ directory: served, listen: "tcp://127.0.0.1:0", token: true });
    const direct = new URL(serving.serving.urls[0]!);
    await using gate = await openGate(Number(direct.port));
    const url = direct.href.replace(direct.host, `127.0.0.1:${gate.port}`);
    const small = await plain.download(`${url}käse & co/100%25 日本.txt`, { into });
    assert.deepEqual([small.path, small.wholeBy], [join(into, "100% 日本.txt"), "hash"]);

    // The first run gets the tag of a version, those behind it that of a hash.
    await abortedAfter(gate, `${url}large`, 20 * MiB);
    await abortedAfter(gate, `${url}large`, 40 * MiB);
    const { path, resumedBytes, wholeBy, blake3 } = await plain.download(`${url}large`, { into });
    assert.ok(resumedBytes >= 40 * MiB, `${resumedBytes}`);
    assert.deepEqual([wholeBy, blake3], ["hash", hash(large).toString("hex")]);
    assert.ok(large.equals(await readFile(path)));
    await abortedAfter(gate, `${url}large`, 20 * MiB);
    const changed = Buffer.from(large).fill(0, 0, 10);
    await writeFile(join(served, "large"), changed);
    const again = await plain.download(`${url}large`, { into });
    assert.deepEqual([again.resumedBytes, again.blake3], [0, hash(changed).toString("hex")]);

    await assert.rejects(plain.download(new URL("/large", url).href, { into }), { code: "not-found" });
    await assert.rejects(plain.download(`${url}%2e%2e%2fhome`, { into }), { code: "not-found" });
    assert.deepEqual((await readdir(into)).toSorted(), ["100% 日本.txt", "large", "large (2)"]);
    assert.equal(Buffer.concat(await Array.fromAsync(plain.read(`${url}large`))).length, large.length);
  }
  await leaks();
});

test("a gateway: messages and lists", async () => {
  const list = { key: "list", writable: true };
  await using serving = await me.serve({ list, reply: "thanks\n", listen: "tcp://127.0.0.1:0" });
  const address = serving.serving.address!;
  assert.equal((await plain.message(address, "Hello from client")).text, "thanks\n");
  assert.deepEqual(await plain.getList(address), []);
  for (const values of [[], ["käse", "日本 ", ""]]) {
    await plain.setList(address, values);
    assert.deepEqual(await plain.getList(address), values);
    assert.deepEqual((await me.data().get("list"))?.value, values);
  }
  await me.data().set("list", ["a,b"]);
  await assert.rejects(plain.getList(address), { code: "refused" });
  await using closed = await me.serve({ list: { key: "list" }, listen: "tcp://127.0.0.1:0" });
  await assert.rejects(plain.setList(closed.serving.address!, ["x"]), { code: "refused" });
  await me.data().set("list", ["a", "b"]);
  await using greeted = await me.serve({ list, greeting: "Hi", listen: "tcp://127.0.0.1:0" });
  assert.deepEqual(await plain.getList(greeted.serving.address!), ["a", "b"]);
  await plain.setList(greeted.serving.address!, ["c"]);
  await using greeting = await me.serve({ greeting: "Hi\n", close: true, listen: "tcp://127.0.0.1:0" });
  assert.deepEqual(await plain.message(greeting.serving.address!, "x"), { text: "Hi\n", closed: true });
});

test("a server elsewhere can't send a download on to this device itself", async (t) => {
  const [host] = reachableHosts("0.0.0.0", networkInterfaces());
  if (host === "127.0.0.1") return t.skip("this device has no other address");
  await using local = await startServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nsecret"));
  await using server = await startServer(
    (socket) => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${local.http.replace("127.0.0.1", "localhost")}/\r\n\r\n`),
    { host: host! },
  );
  await assert.rejects(plain.download(server.http, { into }), { code: "refused", message: /nearer/ });
  assert.ok(
    local.received.every((bytes) => bytes.length === 0),
    "it was asked nothing",
  );
});

test("whatever a server says, a download has an end: a file, or an error and nothing left", async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "HTTP/1.1 ",
      "200 OK",
      "206 Partial",
      "404",
      "\r\n",
      "\n",
      "\r\n\r\n",
      "Content-Length: ",
      "Transfer-Encoding: chunked",
    ),
    fc.constantFrom(
      "0",
      "5",
      "a",
      "Location: /",
      "Location: ",
      "hello",
      "Content-Range: bytes 0-4/5",
      ": ",
      'ETag: "v"',
      "302",
      "100",
    ),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  let answer = "";
  await using server = await startServer((socket) => socket.end(answer, "latin1"));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("", "HTTP/1.1 200 OK\r\n"), fc.array(piece, { maxLength: 12 }), async (begin, pieces) => {
      answer = begin + pieces.join("");
      const got = await plain.download(`${server.http}/file`, { into }).catch((error: unknown) => error);
      const names = await readdir(into);
      if (got instanceof CoveyError) {
        assert.ok(!["internal", "io"].includes(got.code), got.message);
        assert.ok(
          names.every((name) => name.startsWith(".covey-")),
          names.join(),
        );
      } else {
        assert.ok(!(got instanceof Error), String(got));
        assert.deepEqual(names, ["file"]);
      }
      for (const name of names) await rm(join(into, name));
    }),
    { numRuns: 200 },
  );
});

/** Resolves when so many bytes had come, in this run or before, and it was stopped. */
async function abortedAfter(gate: Gate, url: string, bytes: number): Promise<void> {
  gate.bytes = 22 * MiB;
  const enough = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ doneBytes }: { doneBytes: number }): void => void (doneBytes >= bytes && enough.abort(reason));
  await assert.rejects(plain.download(url, { into, signal: enough.signal, onProgress }), reason);
  gate.bytes = Infinity;
}
