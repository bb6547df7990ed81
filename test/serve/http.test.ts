// HTTP of the gateway, as clients see it: raw sockets.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { linkSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { hash } from "../../src/core/hash.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { CoveyError } from "../../src/core/errors.ts";
import { ask, browserRequest, type HttpPort, parseAnswer, RawClient, serveHttp } from "./port.ts";

const BYTES = Buffer.from(Array.from({ length: 2000 }, (_, i) => i % 251));
let base: string;
let root: string;
let http: HttpPort;

before(async () => {
  base = await mkdtemp(join(tmpdir(), "covey-http-"));
  root = join(base, "root");
  await mkdir(join(root, "sub"), { recursive: true });
  await writeFile(join(root, "bytes.bin"), BYTES);
  await writeFile(join(root, "note.txt"), "Grüße\n");
  await writeFile(join(root, "empty"), "");
  await writeFile(join(base, "secret"), "secret");
  await symlink("../secret", join(root, "out"));
  await symlink("/dev/zero", join(root, "zero"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  http = await serveHttp({ directory: root });
});

after(async () => {
  await http[Symbol.asyncDispose]();
  await rm(base, { recursive: true, force: true });
});

const get = (path: string, fields: readonly string[] = [], method = "GET"): ReturnType<typeof ask> =>
  ask(http.port, browserRequest(http.port, path, fields, method));

test("a socket program of twenty lines has the head in its first read, and the file behind it", async () => {
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      using client = new RawClient(http.port);
      client.socket.write(`GET /bytes.bin HTTP/1.${i % 2}\r\n${i % 3 === 0 ? "" : "Host: localhost\r\n"}\r\n`);
      const all = await client.rest();
      const head = client.reads[0]!.toString("latin1");
      assert.match(head, /^HTTP\/1\.1 200 OK\r\n[ -~\r\n]*\r\n\r\n$/);
      assert.ok(head.length < 1024);
      assert.deepEqual(all.subarray(head.length), BYTES);
    }),
  );
});

test("the longest name and type leave the head of a plain answer short", async () => {
  const name = `${"ü".repeat(120)}.pptx`;
  await writeFile(join(root, name), "x");
  using client = new RawClient(http.port);
  client.socket.write(`GET /${encodeURIComponent(name)} HTTP/1.1\r\n\r\n`);
  await client.closed;
  assert.ok(client.reads[0]!.length < 1024 && client.reads[0]!.toString().endsWith("\r\n\r\n"));
});

test("a file: bytes, type, length, tag and date", async () => {
  const answer = await get("/bytes.bin");
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body, BYTES);
  assert.equal(answer.headers.get("content-type"), "application/octet-stream");
  assert.equal(answer.headers.get("content-length"), "2000");
  assert.equal(answer.headers.get("etag"), `"b3-${hash(BYTES).toString("hex")}"`);
  assert.equal(answer.headers.get("accept-ranges"), "bytes");
  assert.equal(answer.headers.get("connection"), "close");
  assert.ok(Date.parse(answer.headers.get("last-modified")!) <= Date.now());
  assert.equal((await get("/note.txt")).headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal((await get("/empty")).headers.get("content-length"), "0");
});

test("names of any bytes", { skip: process.platform !== "linux" && "the file system has names of its own" }, async () => {
  const name = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1).filter((byte) => byte !== 0x2f));
  for (const part of [name, Buffer.from([0xff]), Buffer.from("a%2fb"), Buffer.from('"\r\nX: y')]) {
    await writeFile(Buffer.concat([Buffer.from(`${root}/sub/`), part]), part);
    const path = [...part].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    const answer = await get(`/sub/${path}`);
    assert.deepEqual(answer.body, part);
    assert.equal(answer.headers.has("x"), false);
  }
  const listed = JSON.parse((await get("/sub/", ["Accept: application/json"])).body.toString()) as { href: string }[];
  for (const { href } of listed) assert.equal((await get(`/sub/${href}`)).status, 200, href);
});

test("a directory of too many names: the first ones, and how many more there are", async () => {
  const directory = join(base, "many");
  await mkdir(directory);
  const names = Array.from({ length: LIMITS.gatewayListed + 3 }, (_, i) => String(i).padStart(6, "0"));
  // A link is made in a fraction of the time of a file.
  for (const name of names) linkSync(join(root, "empty"), join(directory, name));
  await using many = await serveHttp({ directory });
  const of = (...fields: readonly string[]): ReturnType<typeof ask> => ask(many.port, browserRequest(many.port, "/", fields));
  const json = await of("Accept: application/json");
  const listed = JSON.parse(json.body.toString()) as { name: string }[];
  assert.deepEqual(
    listed.map(({ name }) => name),
    names.slice(0, LIMITS.gatewayListed),
  );
  assert.equal(json.headers.get("x-more-names"), "3");
  assert.match((await of()).body.toString(), /3 more names/);
  assert.equal((await get("/sub/", ["Accept: application/json"])).headers.has("x-more-names"), false);
});

test("HEAD is the head of GET", async () => {
  const [head, whole] = await Promise.all([get("/bytes.bin", [], "HEAD"), get("/bytes.bin")]);
  assert.equal(head.body.length, 0);
  for (const [name, value] of head.headers) if (name !== "date") assert.equal(value, whole.headers.get(name), name);
  assert.equal((await get("/bytes.bin", ["Range: bytes=0-1"], "HEAD")).status, 200);
});

test("what is not there, not served, or no file has one answer", async () => {
  const of = async (path: string): Promise<unknown> => {
    const { status, headers, body } = await get(path);
    return { status, body: body.toString(), headers: [...headers].filter(([name]) => name !== "date") };
  };
  const absent = await of("/absent");
  assert.equal((absent as { status: number }).status, 404);
  const outside = ["/out", "/out/x", "/zero", "/fifo", "/bytes.bin/", "/bytes.bin/x", "/sub/absent", "/absent/"];
  const up = ["/../secret", "/sub/../../secret", "/..%2fsecret", "/%2e%2e/secret", "/.%2e/%2e./secret", "/%252e%252e/secret"];
  const odd = ["/%c0%ae%c0%ae/secret", "/..%5csecret", "//bytes.bin", "/./bytes.bin", "/bytes.bin%00", "/%00", "/%", "/sub//"];
  const deep = [`/${"a/".repeat(2000)}`, `/${"x".repeat(300)}`, "/%2fetc%2fpasswd", "/..;/secret", "/%uff0e%uff0e/secret"];
  for (const path of [...outside, ...up, ...odd, ...deep]) assert.deepEqual(await of(path), absent, path);
});

test("a directory: led to by a slash, a page, JSON for those who ask for it", async () => {
  const moved = await get("/sub");
  assert.deepEqual([moved.status, moved.headers.get("location")], [301, "./sub/"]);
  const page = await get("/");
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(page.body.toString(), /note\.txt/);
  const json = await get("/", ["Accept: application/json"]);
  assert.equal(json.headers.get("content-type"), "application/json");
  const listed = JSON.parse(json.body.toString()) as { name: string; kind: string; size: number; href: string }[];
  const names = listed.map(({ name }) => name);
  assert.deepEqual(names, names.toSorted());
  assert.deepEqual(
    names.filter((name) => ["out", "zero", "fifo"].includes(name)),
    [],
  );
  assert.deepEqual(
    listed.filter(({ name }) => ["bytes.bin", "sub"].includes(name)).map(({ kind, size, href }) => [kind, size, href]),
    [
      ["file", 2000, "bytes.bin"],
      ["directory", 0, "sub/"],
    ],
  );
});

test("conditions", async () => {
  const { headers } = await get("/bytes.bin");
  const [tag, date] = [headers.get("etag")!, headers.get("last-modified")!];
  for (const field of [`If-None-Match: ${tag}`, `If-None-Match: "x", W/${tag}`, `If-Modified-Since: ${date}`]) {
    const answer = await get("/bytes.bin", [field]);
    assert.deepEqual([answer.status, answer.body.length, answer.headers.get("etag")], [304, 0, tag], field);
  }
  assert.equal((await get("/bytes.bin", ['If-None-Match: "b3-00"'])).status, 200);
  assert.equal((await get("/bytes.bin", ['If-Match: "b3-00"'])).status, 412);
});

test("ranges", async () => {
  const one = await get("/bytes.bin", ["Range: bytes=100-199"]);
  assert.deepEqual([one.status, one.headers.get("content-range")], [206, "bytes 100-199/2000"]);
  assert.deepEqual(one.body, BYTES.subarray(100, 200));
  assert.deepEqual((await get("/bytes.bin", ["Range: bytes=-5"])).body, BYTES.subarray(-5));
  assert.deepEqual((await get("/bytes.bin", ["Range: bytes=1995-"])).body, BYTES.subarray(1995));
  const none = await get("/bytes.bin", ["Range: bytes=2000-"]);
  assert.deepEqual([none.status, none.headers.get("content-range")], [416, "bytes */2000"]);
  const tag = one.headers.get("etag")!;
  assert.equal((await get("/bytes.bin", ["Range: bytes=0-1", `If-Range: ${tag}`])).status, 206);
  assert.equal((await get("/bytes.bin", ["Range: bytes=0-1", 'If-Range: "old"'])).status, 200);
  const many = Array.from({ length: 900 }, (_, i) => `${2 * i}-${2 * i}`).join(",");
  assert.deepEqual((await get("/bytes.bin", [`Range: bytes=${many}`])).body, BYTES);
});

test("several ranges in one answer, those that overlap as one", async () => {
  const answer = await get("/bytes.bin", ["Range: bytes=0-9,5-19,1000-1000,-3"]);
  assert.equal(answer.status, 206);
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(answer.headers.get("content-type")!)![1]!;
  const parts = answer.body.toString("latin1").split(`--${boundary}`);
  assert.deepEqual([parts[0], parts.at(-1)], ["", "--\r\n"]);
  const shown = parts.slice(1, -1).map((part) => /Content-Range: (\S+ \S+)\r\n\r\n(.*)\r\n$/s.exec(part)!.slice(1));
  const part = (start: number, end: number): string[] => [`bytes ${start}-${end}/2000`, BYTES.toString("latin1", start, end + 1)];
  assert.deepEqual(shown, [part(0, 19), part(1000, 1000), part(1997, 1999)]);
});

test("a file of 5 GiB, beyond 4 GiB and at once", async () => {
  const size = 5 * 2 ** 30;
  const file = await open(join(root, "sparse"), "w");
  await file.truncate(size);
  await file.write("here", 2 ** 32 + 12_345);
  await file.close();
  const answer = await get("/sparse", [`Range: bytes=${2 ** 32 + 12_345}-${2 ** 32 + 12_348}`]);
  assert.equal(answer.body.toString(), "here");
  assert.equal(answer.headers.get("content-range"), `bytes ${2 ** 32 + 12_345}-${2 ** 32 + 12_348}/${size}`);
  assert.match(answer.headers.get("etag")!, /^"v-/);
  using client = new RawClient(http.port);
  client.socket.write(browserRequest(http.port, "/sparse"));
  await client.has(100_000);
  assert.match(client.all.toString("latin1", 0, 2000), /Content-Length: 5368709120\r\n/);
  client[Symbol.dispose]();
  await rm(join(root, "sparse"));
});

const CHANGES: readonly (readonly [what: string, change: (path: string) => Promise<unknown>])[] = [
  ["shrinks", (path) => truncate(path, 1000)],
  ["grows", (path) => writeFile(path, "more", { flag: "a" })],
  ["is touched", (path) => utimes(path, 1, 1)],
  [
    "changes within, its time put back",
    async (path) => {
      const file = await open(path, "r+");
      const { atime, mtime } = await file.stat();
      await file.write("other", 20 * 2 ** 20);
      await file.utimes(atime, mtime);
      await file.close();
    },
  ],
];

for (const [what, change] of CHANGES)
  test(`a file that ${what} while it is served is never whole`, async () => {
    const path = join(root, "changing");
    // More than the system takes for a client that reads nothing.
    const size = 24 * 2 ** 20;
    for (const range of [[], ["Range: bytes=0-15000000,20000000-25000000"]]) {
      await writeFile(path, "");
      await truncate(path, size);
      using client = new RawClient(http.port);
      client.socket.write(browserRequest(http.port, "/changing", range));
      await client.has(2000);
      client.socket.pause();
      await change(path);
      client.socket.resume();
      assert.equal(await client.closed, "cut");
      assert.ok(client.all.length < size, String(client.all.length));
    }
  });

test("a connection is kept for those who ask, and requests that come together are answered in order", async () => {
  using client = new RawClient(http.port);
  const keep = ["Connection: keep-alive"];
  const paths = ["/note.txt", "/bytes.bin", "/absent", "/empty", "/sub", "/note.txt"];
  client.socket.write(paths.map((path) => browserRequest(http.port, path, keep)).join(""));
  client.socket.write(browserRequest(http.port, "/bytes.bin") + browserRequest(http.port, "/note.txt"));
  let rest = await client.rest();
  const seen: number[] = [];
  while (rest.length > 0) {
    const { status, headers, body } = parseAnswer(rest);
    seen.push(status);
    rest = body.subarray(Number(headers.get("content-length")));
  }
  assert.deepEqual(seen, [200, 200, 404, 200, 301, 200, 200]);
});

test("a thousand requests in one write have a thousand answers, and then it ends", async () => {
  using client = new RawClient(http.port);
  const request = browserRequest(http.port, "/empty", ["Connection: keep-alive"]);
  client.socket.write(request.repeat(LIMITS.gatewayRequests + 5));
  const heads = (await client.rest()).toString("latin1").match(/^HTTP\/1\.1 200 OK\r$/gm);
  assert.equal(heads?.length, LIMITS.gatewayRequests);
});

test("the end of a client's writing is not the end of its reading", async () => {
  using client = new RawClient(http.port);
  client.socket.end(browserRequest(http.port, "/bytes.bin"));
  assert.deepEqual(parseAnswer(await client.rest()).body, BYTES);
});

const BROKEN: readonly (readonly [what: string, request: string, status: number])[] = [
  ["garbage", "GET \0\0\0\r\n\r\n", 400],
  ["no target", "GET\r\n\r\n", 400],
  ["a target that is none", "GET bytes.bin HTTP/1.1\r\n\r\n", 400],
  ["another version", "GET / HTTP/3.7\r\n\r\n", 400],
  ["a length and chunks", "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
  ["two lengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400],
  ["chunks that are not the last encoding", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400],
  ["a folded field", "GET / HTTP/1.1\r\nHost: localhost\r\n more\r\n\r\n", 400],
  ["a space before a colon", "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400],
  ["a NUL in a field", "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 400],
  ["a bare CR", "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 400],
  ["two hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400],
  ["a head that is too large", `GET / HTTP/1.1\r\nX: ${"x".repeat(LIMITS.gatewayHeadBytes)}\r\n\r\n`, 431],
  ["too many fields", `GET / HTTP/1.1\r\n${"X: y\r\n".repeat(LIMITS.gatewayHeadFields + 1)}\r\n`, 431],
  ["a target that is too long", `GET /${"x".repeat(LIMITS.gatewayHeadBytes)} HTTP/1.1\r\n\r\n`, 431],
  ["a proxy wanted", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 405],
  ["an upload, where there is none", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405],
  ["OPTIONS", "OPTIONS / HTTP/1.1\r\n\r\n", 405],
  ["TRACE", "TRACE / HTTP/1.1\r\n\r\n", 405],
  ["a body with GET", "GET /empty HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400],
  ["chunks with GET", "GET /empty HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400],
  ["something else expected", "GET /empty HTTP/1.1\r\nExpect: wonders\r\n\r\n", 417],
  ["another host", "GET /empty HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421],
  ["another host in the target", "GET http://evil.example/empty HTTP/1.1\r\nHost: localhost\r\n\r\n", 421],
  ["this host in the target", "GET http://localhost/empty HTTP/1.1\r\nHost: localhost\r\n\r\n", 200],
  ["an upgrade", "GET /empty HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200],
];

for (const [what, request, status] of BROKEN)
  test(`one answer and the end: ${what}`, async () => {
    const { body, ...answer } = await ask(http.port, request);
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("connection"), "close");
    assert.equal(body.length, Number(answer.headers.get("content-length")));
    assert.equal(
      [...answer.headers.keys()].some((name) => name.startsWith("access-control")),
      false,
    );
  });

test("what is behind the last request of a connection is never one", async () => {
  for (const behind of ["update_data,x\r\n", "garbage\0\r\n", browserRequest(http.port, "/note.txt"), "\x16\x03\x01"]) {
    const answer = await ask(http.port, browserRequest(http.port, "/bytes.bin") + behind);
    assert.deepEqual(answer.body, BYTES);
    const request = `GET /bytes.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${behind.length}\r\n\r\n${behind}`;
    const refused = await ask(http.port, request);
    assert.deepEqual([refused.status, refused.body.length], [400, Number(refused.headers.get("content-length"))]);
  }
});

test("garbage behind a kept request is answered after it", async () => {
  const request = browserRequest(http.port, "/bytes.bin", ["Connection: keep-alive"]);
  const answer = await ask(http.port, `${request}\0\0\r\n\r\n`);
  assert.deepEqual(answer.body.subarray(0, 2000), BYTES);
  assert.match(answer.body.toString("latin1", 2000), /^HTTP\/1\.1 400 /);
});

test("chunks of one byte without end change nothing and are not kept", async () => {
  using client = new RawClient(http.port);
  client.socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const chunks = Buffer.from("1\r\nx\r\n".repeat(10_000));
  for (let i = 0; i < 20 && !client.socket.destroyed; i++)
    if (!client.socket.write(chunks)) await Promise.race([once(client.socket, "drain"), client.closed]);
  client.socket.end("0\r\n\r\n");
  assert.equal(parseAnswer(await client.rest()).status, 405);
});

test("files can't run, lead or pass for a page from here", async () => {
  for (const name of ["evil.html", "evil.svg", "evil.js", "evil.xhtml", "evil", "evil.txt"]) {
    await writeFile(join(root, name), "<script>alert(1)</script>");
    const { headers } = await get(`/${name}`);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.match(headers.get("content-security-policy")!, /^sandbox; default-src 'none';/);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
  }
});

test("the token comes first in the path, and without it there is nothing", async () => {
  await using secret = await serveHttp({ directory: root, token: "s3cret" });
  const of = (path: string, fields: readonly string[] = []): ReturnType<typeof ask> =>
    ask(secret.port, browserRequest(secret.port, path, fields));
  assert.deepEqual((await of("/s3cret/bytes.bin")).body, BYTES);
  const moved = await of("/s3cret");
  assert.deepEqual([moved.status, moved.headers.get("location")], [301, "./s3cret/"]);
  const absent = await of("/s3cret/absent");
  for (const path of ["/", "/bytes.bin", "/s3cre/bytes.bin", "/s3cret2/", "/?s3cret", "/../s3cret/bytes.bin"]) {
    const answer = await of(path);
    assert.deepEqual([answer.status, answer.body], [absent.status, absent.body], path);
  }
  assert.equal((await ask(secret.port, "OPTIONS / HTTP/1.1\r\n\r\n")).status, 404);
  const paths = secret.events.map((event) => (event.type === "request" ? event.path : ""));
  assert.equal(paths.filter((path) => path === "/bytes.bin").length, 2, String(paths));
  assert.equal(
    paths.some((path) => path.includes("s3cret")),
    false,
    String(paths),
  );
});

test("a list: by itself, above the files, and when it can't be shown", async () => {
  let values: readonly string[] | undefined = ["a", "<b>"];
  let writes = 0;
  const list = {
    key: "fruit",
    read: async () => {
      if (values === undefined) throw new CoveyError("refused", "it is not text");
      return values;
    },
    write: async () => void writes++,
  };
  await using alone = await serveHttp({ list });
  const json = ["Accept: application/json"];
  assert.deepEqual(JSON.parse((await ask(alone.port, browserRequest(alone.port, "/", json))).body.toString()), values);
  const page = (await ask(alone.port, browserRequest(alone.port, "/"))).body.toString();
  assert.match(page, /fruit[^]*&lt;b&gt;/);
  assert.equal((await ask(alone.port, browserRequest(alone.port, "/x"))).status, 404);
  await using both = await serveHttp({ list, directory: root });
  assert.match((await ask(both.port, browserRequest(both.port, "/"))).body.toString(), /fruit[^]*note\.txt/);
  assert.deepEqual(JSON.parse((await ask(both.port, browserRequest(both.port, "/?list", json))).body.toString()), values);
  values = undefined;
  assert.equal((await ask(both.port, browserRequest(both.port, "/?list", json))).status, 409);
  assert.match((await ask(both.port, browserRequest(both.port, "/"))).body.toString(), /it is not text/);
  const body = "update_data,x\r\nquit\r\n";
  for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]) {
    const fields = [`Content-Type: ${type}`, `Content-Length: ${body.length}`, "Origin: http://evil.example"];
    assert.equal((await ask(both.port, browserRequest(both.port, "/", fields, "POST") + body)).status, 403);
  }
  assert.equal(writes, 0);
});

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

test("curl: whole, resumed, twice on one connection, and what it may not", { skip: !hasCurl && "there is no curl" }, async () => {
  const run = promisify(execFile);
  const curl = async (...args: readonly string[]): Promise<string> => (await run("curl", ["-sS", ...args])).stdout;
  const [url, to] = [`${http.origin}/bytes.bin`, join(base, "curl.out")];
  await curl("-o", to, url);
  assert.deepEqual(await readFile(to), BYTES);
  await truncate(to, 700);
  assert.equal(await curl("-C", "-", "-o", to, "-w", "%{http_code} %{size_download}", url), "206 1300");
  assert.deepEqual(await readFile(to), BYTES);
  const twice = ["-o", to, url, "-o", to, url, "-w", "%{num_connects} "];
  assert.equal(await curl("-H", "Connection: keep-alive", ...twice), "1 0 ");
  assert.equal(await curl(...twice), "1 1 ");
  const status = (...args: readonly string[]): Promise<string> => curl("-o", to, "-w", "%{http_code}", ...args);
  assert.equal(await status("-T", to, `${http.origin}/new`), "405");
  assert.equal(await status("-F", `file=@${to}`, `${http.origin}/`), "405");
  assert.equal(await status("-X", "DELETE", url), "405");
  assert.equal(await status("--path-as-is", `${http.origin}/../secret`), "404");
  assert.equal(await status("-H", "Host: evil.example", url), "421");
});

test("an upload goes where uploads go; nobody else's page sends one", { skip: !hasCurl && "there is no curl" }, async () => {
  const into = join(base, "incoming");
  await using port = await serveHttp({ directory: root, uploadInto: into });
  const run = promisify(execFile);
  const status = async (...args: readonly string[]): Promise<string> =>
    (await run("curl", ["-sS", "-o", join(base, "curl.out"), "-w", "%{http_code}", "-F", `file=@${root}/bytes.bin`, ...args]))
      .stdout;
  assert.equal(await status(`${port.origin}/sub/`), "201");
  assert.deepEqual(await readFile(join(into, "bytes.bin")), BYTES);
  // It waits for a 100 before it sends.
  assert.equal(await status("-H", "Expect: 100-continue", "-H", "Connection: keep-alive", `${port.origin}/`), "201");
  assert.equal(await status("-H", "Origin: http://evil.example", `${port.origin}/`), "403");
  assert.equal(await status("-H", "Sec-Fetch-Site: cross-site", `${port.origin}/`), "403");
  assert.equal(await status("-H", "Host: evil.example", `${port.origin}/`), "421");
  assert.equal(await status(`${port.origin}/absent/`), "404");
  assert.equal(await status(`${port.origin}/bytes.bin`), "404");
  assert.deepEqual((await readdir(into)).length, 2);
});

test("while a name becomes a link and back, requests get the file or nothing", async () => {
  await mkdir(join(root, "flip"));
  await mkdir(join(base, "away"));
  await writeFile(join(root, "flip/file"), "inside");
  await writeFile(join(base, "away/file"), "outside");
  let stop = false;
  const seen = new Set<string>();
  const asking = Array.from({ length: 4 }, async () => {
    while (!stop) seen.add((await get("/flip/file")).body.toString());
  });
  for (let i = 0; i < 75; i++) {
    await rename(join(root, "flip"), join(root, "kept"));
    await symlink("../away", join(root, "flip"));
    await unlink(join(root, "flip"));
    await rename(join(root, "kept"), join(root, "flip"));
    if (i % 5 === 0) await get("/note.txt");
  }
  stop = true;
  await Promise.all(asking);
  assert.deepEqual([...seen].toSorted(), ["404: There is nothing here.\n", "inside"]);
});

test("each request is told of, once, with what went out", async () => {
  const seen = http.events.length;
  await get("/bytes.bin?x", ["Range: bytes=0-9"]);
  await get("/absent", [], "HEAD");
  const told = http.events
    .slice(seen)
    .map((event) => event.type === "request" && [event.method, event.path, event.status, event.bytes]);
  assert.deepEqual(told, [
    ["GET", "/bytes.bin?x", 206, 10],
    ["HEAD", "/absent", 404, 0],
  ]);
});

/** In buffers that are in use. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().arrayBuffers;
}

test("slow readers cost little, and a close cuts them", async () => {
  await writeFile(join(root, "large"), "");
  await truncate(join(root, "large"), 80 * 2 ** 20);
  const slow = await serveHttp({ directory: root });
  const clients = Array.from({ length: 100 }, () => new RawClient(slow.port));
  for (const { socket } of clients) {
    socket.write(browserRequest(slow.port, "/large"));
    socket.once("data", () => socket.pause());
  }
  await Promise.all(clients.map((client) => client.has(1)));
  const held = heldBytes();
  await slow[Symbol.asyncDispose]();
  // What the clients have read is among it.
  assert.ok(held < LIMITS.gatewaySendBytes + 100 * 4 * LIMITS.gatewaySlowBlockBytes, String(held));
  for (const { socket } of clients) socket.resume();
  assert.deepEqual(new Set(await Promise.all(clients.map(({ closed }) => closed))), new Set(["cut"]));
  assert.equal(slow.events.length, 100);
  assert.ok(slow.events.every((event) => event.type === "request" && event.status === undefined));
});
