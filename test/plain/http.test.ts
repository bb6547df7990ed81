// Files over HTTP from servers as beginners write them, and from those that mean harm.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, mock, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { hash } from "../../src/core/hash.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { plain } from "../../src/plain/plain.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { answering, type PlainServer, startServer } from "./servers.ts";

let root: string;
let into: string;
let count = 0;
before(async () => void (root = await mkdtemp(join(tmpdir(), "covey-plain-"))));
beforeEach(async () => void (into = await mkdtemp(join(root, `${count++}-`))));
after(() => rm(root, { recursive: true }));

const body = randomBytes(200_000);
const head = (...fields: readonly string[]): string => ["HTTP/1.1 200 OK", ...fields, "", ""].join("\r\n");
const readAll = async (url: string): Promise<Buffer> => Buffer.concat(await Array.fromAsync(plain.read(url)));
const get = (server: PlainServer, name = "file") => plain.download(`${server.http}/${name}`, { into });

test("a request is one small head in one write, with what is needed and no more", async () => {
  await using server = await answering(head("Content-Length: 0"));
  await readAll(`${server.http}/a b/Käse?x=1#there`);
  const lines = server.received[0]!.toString().split("\r\n");
  assert.equal(lines[0], "GET /a%20b/K%C3%A4se?x=1 HTTP/1.1");
  assert.equal(lines[1], `Host: ${server.http.slice("http://".length)}`);
  assert.ok(lines.includes("Connection: close") && lines.includes("Accept-Encoding: identity"));
  assert.ok(server.received[0]!.length < 1024);
  await assert.rejects(readAll(`${server.http}/${"x".repeat(1000)}`), { code: "limit" });
  assert.equal(server.received.length, 1);
});

const WAYS: readonly (readonly [what: string, answer: Buffer, wholeBy: "length" | "close"])[] = [
  ["with its length", Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}`)), body]), "length"],
  ["HTTP/1.0, without a length", Buffer.concat([Buffer.from("HTTP/1.0 200 OK\r\n\r\n"), body]), "close"],
  ["bare line ends", Buffer.concat([Buffer.from("HTTP/1.1 200 OK\nContent-Type: x/y\n\n"), body]), "close"],
  ["a length that is no number", Buffer.concat([Buffer.from(head("Content-Length: None")), body]), "close"],
  [
    "more than its length",
    Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}`)), body, Buffer.from("more")]),
    "length",
  ],
  ["no head at all", body, "close"],
  [
    "after a word that it goes on",
    Buffer.concat([Buffer.from(`HTTP/1.1 100 Continue\r\n\r\n${head(`Content-Length: ${body.length}`)}`), body]),
    "length",
  ],
  ["in chunks", Buffer.from(`${head("Transfer-Encoding: chunked")}${inChunks(body, 999)}`, "latin1"), "length"],
  [
    "encoded, which is kept as it is",
    Buffer.concat([Buffer.from(head("Content-Encoding: gzip", `Content-Length: ${body.length}`)), body]),
    "length",
  ],
];

for (const [what, answer, wholeBy] of WAYS) {
  test(`a file ${what}: whole, in one packet or many`, async () => {
    const leaks = leakCheck();
    {
      await using server = await answering(answer);
      assert.deepEqual(await get(server), {
        path: join(into, "file"),
        size: body.length,
        resumedBytes: 0,
        wholeBy,
        blake3: hash(body).toString("hex"),
      });
      assert.ok(body.equals(await readFile(join(into, "file"))));
      assert.ok(body.equals(await readAll(server.http)));
      assert.deepEqual(await readdir(into), ["file"], "nothing is left beside it");
      assert.deepEqual(server.errors, []);
    }
    {
      const end = answer.length - body.length + 300;
      await using slow = await startServer(async (socket) => {
        for (let at = 0; at < end; at++) {
          socket.write(answer.subarray(at, at + 1));
          if (at % 16 === 0) await new Promise(setImmediate);
        }
        socket.end(answer.subarray(end));
      });
      assert.ok(body.equals(await readAll(slow.http)), "byte by byte");
    }
    await leaks();
  });
}

test("an empty file, and one of every byte", async () => {
  await using empty = await answering(head("Content-Length: 0"));
  assert.deepEqual([(await get(empty)).size, (await readFile(join(into, "file"))).length], [0, 0]);
  await using none = await answering("HTTP/1.1 204 No Content\r\n\r\n");
  assert.equal((await get(none, "none")).size, 0);
});

test("a million chunks of one byte", async () => {
  const bytes = Buffer.alloc(1_000_000, "x");
  await using server = await answering(`${head("Transfer-Encoding: chunked")}${"1\r\nx\r\n".repeat(bytes.length)}0\r\n\r\n`);
  const { size, blake3 } = await get(server);
  assert.deepEqual([size, blake3], [bytes.length, hash(bytes).toString("hex")]);
});

test("what is cut is an error, and leaves no file", async () => {
  const cuts: readonly (readonly [string, string, string])[] = [
    ["shorter than it said", `${head("Content-Length: 10")}half`, "connection-lost"],
    ["before its last chunk", `${head("Transfer-Encoding: chunked")}4\r\nhalf\r\n`, "connection-lost"],
    ["inside its head", "HTTP/1.1 200 OK\r\nContent-", "connection-lost"],
    ["before its head", "", "connection-lost"],
    ["behind a chunk that is none", `${head("Transfer-Encoding: chunked")}zz\r\nhalf`, "protocol"],
    ["with two lengths", `${head("Content-Length: 4", "Content-Length: 5")}half`, "protocol"],
    ["with a status that is none", "HTTP/1.1 OK\r\n\r\nhalf", "protocol"],
    ["with a part that was not asked for", "HTTP/1.1 206 Partial\r\nContent-Range: bytes 1-4/9\r\n\r\nhalf", "protocol"],
  ];
  for (const [what, answer, code] of cuts) {
    await using server = await answering(answer);
    await assert.rejects(get(server), { code }, what);
    await assert.rejects(readAll(server.http), { code }, what);
    assert.deepEqual(await readdir(into), [], what);
  }
  await using server = await startServer((socket) =>
    socket.write(`${head()}half`, () => setTimeout(() => socket.resetAndDestroy(), 30)),
  );
  await assert.rejects(get(server), { code: "connection-lost" }, "a reset is no end, even where the end is all that there is");
});

test("a status that is no file is an error with its words", async () => {
  const statuses: readonly (readonly [string, string])[] = [
    ["404 Not Found", "not-found"],
    ["410 Gone", "not-found"],
    ["403 Forbidden", "refused"],
    ["421 Misdirected Request", "refused"],
    ["500 Oops\u001b[2J", "refused"],
    ["304 Not Modified", "refused"],
    ["416 Range Not Satisfiable", "refused"],
  ];
  for (const [status, code] of statuses) {
    await using server = await answering(`HTTP/1.1 ${status}\r\nContent-Length: 4\r\n\r\nwhy?`);
    await assert.rejects(get(server), (error: { code: string; message: string; details: { status: number }; hint: string }) => {
      assert.equal(error.code, code, status);
      assert.equal(error.details.status, Number(status.slice(0, 3)));
      assert.doesNotMatch(error.message, /\p{Cc}/u);
      return error.hint.length > 0;
    });
    assert.deepEqual(await readdir(into), []);
  }
});

test("a redirect is followed, and names the file as it was asked for", async () => {
  await using server = await startServer((socket, first) =>
    socket.end(
      first.startsWith("GET /k%C3%A4se ")
        ? head("Content-Length: 2") + "hi"
        : `HTTP/1.1 302 Found\r\nLocation: ${first.startsWith("GET /old") ? "./mid?x" : "/k\u00c3\u00a4se"}\r\n\r\n`,
      "latin1",
    ),
  );
  assert.equal((await get(server, "old.txt")).path, join(into, "old.txt"));
  assert.equal(server.received.length, 3);
});

test("a redirect to elsewhere, to itself or to nowhere is not", async () => {
  const to = (location: string) => `HTTP/1.1 301 Moved\r\nLocation: ${location}\r\n\r\n`;
  const refused: readonly (readonly [string, string])[] = [
    [to("https://example.org/x"), "refused"],
    [to("file:///etc/passwd"), "refused"],
    [to("http://user:secret@127.0.0.1/"), "refused"],
    [to("http://127.0.0.1/\u0001"), "refused"],
    [to("/again"), "protocol"],
    ["HTTP/1.1 301 Moved\r\n\r\n", "protocol"],
  ];
  for (const [answer, code] of refused) {
    await using server = await answering(answer);
    await assert.rejects(get(server), { code }, answer);
    assert.equal(server.received.length, answer.includes("/again") ? LIMITS.plainRedirects + 1 : 1);
  }
  await using secure = await answering(to("https://example.org/x"));
  await assert.rejects(get(secure), { hint: /browser.*curl/ });
  await assert.rejects(plain.download("https://example.org/x", { into }), { code: "bad-argument", hint: /browser.*curl/ });
});

test("what never ends before the file is cut off", async () => {
  let most = 0;
  const endless = (begin: string, line: string): Promise<PlainServer> =>
    startServer((socket) => {
      const talk = (): void => {
        most = Math.max(most, socket.bytesWritten);
        if (socket.destroyed) return;
        if (socket.write(line.repeat(100))) setImmediate(talk);
        else socket.once("drain", talk);
      };
      socket.write(begin);
      talk();
    });
  for (const [begin, line] of [
    ["HTTP/1.1 200 OK\r\n", "X: y\r\n"],
    ["HTTP/1.1 200 OK\r\nX: ", "y"],
    ["", "HTTP/1.1 100 Continue\r\n\r\n"],
    [`${head("Transfer-Encoding: chunked")}1;`, "x=y;"],
    [`${head("Transfer-Encoding: chunked")}0\r\n`, "X: y\r\n"],
  ] as const) {
    await using server = await endless(begin, line);
    await assert.rejects(get(server), { code: "protocol" }, begin);
  }
  assert.ok(most < 16 * 1024 * 1024, `${most} bytes were taken, by the system's buffers too`);
  assert.deepEqual(await readdir(into), []);
});

test("a file of more than the disk holds is refused before a byte of it", async () => {
  await using server = await startServer((socket) => socket.write(head(`Content-Length: ${2 ** 52}`) + "x"));
  await assert.rejects(get(server), { code: "no-space" });
  assert.deepEqual(await readdir(into), []);
});

test("a word that it goes on, and the answer behind it in one packet, by one that keeps the connection", async () => {
  await using server = await startServer((socket) =>
    socket.write(`HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${head("Content-Length: 5")}whole`),
  );
  assert.equal(String(await readAll(server.http)), "whole", "nothing else comes, so nothing else was waited for");
});

test("one that stops sending is given up, in the head and in the file", async () => {
  for (const [begin, ms] of [
    ["", LIMITS.plainAnswerMs],
    [`${head("Content-Length: 10")}half`, LIMITS.plainIdleMs],
  ] as const) {
    await using server = await startServer((socket) => socket.write(begin));
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      let isOver = false;
      const got = assert.rejects(get(server), { code: "timeout" }).finally(() => (isOver = true));
      while (!(server.received[0]?.length ?? 0)) await new Promise(setImmediate);
      let waitedMs = 0;
      for (; !isOver; waitedMs += 1000) {
        mock.timers.tick(1000);
        await new Promise(setImmediate);
      }
      await got;
      assert.ok(waitedMs >= ms, `${waitedMs}`);
    } finally {
      mock.timers.reset();
    }
  }
});

test("names from the server and from the address are made safe, and stay in the directory", async () => {
  const names: readonly (readonly [disposition: string, path: string, name: string])[] = [
    ['attachment; filename="../../evil"', "x", "evil"],
    ['attachment; filename="/etc/cron.d/evil"', "x", "evil"],
    ['attachment; filename=".bashrc"', "x", "_bashrc"],
    ['attachment; filename="photo.jpg\u202egpj.exe"', "x", "photo.jpg_gpj.exe"],
    ["attachment", "..%2f..%2fevil.txt", "___.._evil.txt"],
    ["attachment", "a%00b%0a", "a_b"],
    ["attachment; filename=con", "x", "_con"],
  ];
  for (const [disposition, path, name] of names) {
    await using server = await startServer((socket) => socket.end(`${head(`Content-Disposition: ${disposition}`)}x`));
    assert.equal((await get(server, path)).path, join(into, name));
    assert.deepEqual(await readdir(into), [name]);
    await rm(join(into, name));
  }
});

test("a name that is taken gets a number, is left, or is replaced", async () => {
  await using server = await answering(`${head("Content-Length: 3")}new`);
  const url = `${server.http}/a.txt`;
  await writeFile(join(into, "a.txt"), "old");
  assert.equal((await plain.download(url, { into })).path, join(into, "a (2).txt"));
  await assert.rejects(plain.download(url, { into, conflict: "skip" }), { code: "conflict" });
  assert.equal(await readFile(join(into, "a.txt"), "utf8"), "old");
  assert.equal((await plain.download(url, { into, conflict: "overwrite" })).path, join(into, "a.txt"));
  assert.equal(await readFile(join(into, "a.txt"), "utf8"), "new");
  assert.equal((await plain.download(url, { into, as: ".b", conflict: "skip" })).path, join(into, ".b"));
  assert.deepEqual((await readdir(into)).toSorted(), [".b", "a (2).txt", "a.txt"]);
});

test("what can't be a place for a file is told before anybody is asked", async () => {
  await using server = await answering(head());
  await writeFile(join(into, "file"), "");
  for (const options of [
    { into: "relative" },
    { into: join(into, "nowhere") },
    { into: join(into, "file") },
    { into, as: "a/b" },
    { into, as: ".." },
    { into, as: "" },
    { into, as: "x".repeat(256) },
  ])
    await assert.rejects(plain.download(server.http, options), { code: "bad-argument" }, JSON.stringify(options));
  assert.equal(server.received.length, 0);
});

test("a file of a gateway is held against its hash", async () => {
  const etag = (bytes: Buffer): string => `ETag: "b3-${hash(bytes).toString("hex")}"`;
  await using right = await answering(Buffer.concat([Buffer.from(head(etag(body), `Content-Length: ${body.length}`)), body]));
  assert.equal((await get(right)).wholeBy, "hash");
  await using wrong = await answering(
    Buffer.concat([Buffer.from(head(etag(Buffer.from("other")), `Content-Length: ${body.length}`)), body]),
  );
  await assert.rejects(get(wrong, "wrong"), { code: "integrity" });
  assert.deepEqual(await readdir(into), ["file"]);
});

test("a gateway that knew the hash of a large file too late to say it is asked for it behind the file", async () => {
  const interim = `"v-${"0".repeat(32)}"`;
  const named = (bytes: Buffer): string => `HTTP/1.1 304 Not Modified\r\nETag: "b3-${hash(bytes).toString("hex")}"\r\n\r\n`;
  for (const [later, outcome] of [
    [named(body), "hash"],
    [named(Buffer.from("other")), "integrity"],
    ["HTTP/1.1 200 OK\r\n\r\n", "length"],
    ["HTTP/1.1 304 Not Modified\r\n\r\n", "length"],
    ["", "length"],
  ] as const) {
    await using server = await startServer((socket, first, connection) => {
      if (connection === 0) {
        socket.write(head(`ETag: ${interim}`, `Content-Length: ${body.length}`));
        return socket.end(body);
      }
      assert.match(first, /^HEAD \/file HTTP\/1\.1\r\n/);
      assert.ok(first.includes(`\r\nIf-None-Match: ${interim}\r\n`));
      return socket.end(later);
    });
    const got = await get(server).then(
      ({ wholeBy }) => wholeBy,
      (error: unknown) => (error as { code: string }).code,
    );
    assert.equal(got, outcome, later);
  }
  assert.equal((await readdir(into)).length, 4);
});

test("progress is told as it goes, with the size where it is known, and once all is there", async () => {
  await using server = await startServer(async (socket) => {
    socket.write(head("Content-Length: 10"));
    for (let at = 0; at < 10; at++) {
      socket.write("x");
      await wait(30);
    }
    socket.end();
  });
  const told: number[] = [];
  await plain.download(server.http, {
    into,
    onProgress: ({ doneBytes, size }) => {
      assert.equal(size, 10);
      told.push(doneBytes);
    },
  });
  assert.deepEqual(
    told,
    told.toSorted((a, b) => a - b),
  );
  assert.ok(told.length > 1);
  assert.equal(told.at(-1), 10);
});

test("a reader who stops early, and a signal, end the connection", async () => {
  const leaks = leakCheck();
  {
    await using server = await startServer((socket) => socket.write(`${head(`Content-Length: ${body.length}`)}some`));
    for await (const bytes of plain.read(server.http)) {
      assert.equal(Buffer.from(bytes).toString(), "some");
      break;
    }
    const reason = new Error("enough");
    const enough = new AbortController();
    const reading = assert.rejects(
      plain.download(server.http, { into, signal: enough.signal, onProgress: () => enough.abort(reason) }),
      reason,
    );
    await reading;
    await assert.rejects(plain.download(server.http, { into, signal: enough.signal }), reason);
    assert.deepEqual(await readdir(into), []);
  }
  await leaks();
});

function inChunks(bytes: Buffer, length: number): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += length) {
    const part = bytes.subarray(at, at + length);
    text += `${part.length.toString(16)}\r\n${part.toString("latin1")}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}
