// Commands that are given a URL, with plain servers at the other end: how a file is known to be whole, what is stopped and gone on with, one
// message and one list; and that none of it starts a peer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { CoveyError } from "../../src/core/errors.ts";
import { endAll, noTerminal, refusal, run, start, startOnTerminal, type Ran, type RunOptions } from "./command.ts";
import { show } from "./screen.ts";

const MiB = 2 ** 20;
const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e";
const content = Buffer.alloc(8 * MiB, "0123456789abcdef\n");

let directory: string;
let home: string;
const servers = new Set<Server>();
const sockets = new Set<Socket>();

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "covey-plain-"));
  home = join(directory, "home");
});

after(async () => {
  endAll();
  for (const socket of sockets) socket.destroy();
  await Promise.all([...servers].map(async (server) => once(server.close(), "close")));
  assert.equal(existsSync(home), false, "a peer was started, or its home made");
  await rm(directory, { recursive: true, force: true });
});

const refused = (argv: readonly string[]): Promise<CoveyError> => refusal(["--home", home, ...argv]);
const cli = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> => run(["--home", home, ...argv], options);

async function listening(server: Server): Promise<string> {
  servers.add(server);
  server.on("connection", (socket: Socket) => void sockets.add(socket.on("error", () => {})));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const http = async (answer: RequestListener): Promise<string> => `http://${await listening(createHttpServer(answer))}`;

/** A socket program, as tutorials have it: one read is one message. */
const program = async (answer: (said: string, socket: Socket) => void): Promise<string> =>
  `tcp://${await listening(createServer((socket) => socket.on("data", (said) => answer(said.toString(), socket))))}`;

/** Its files can be gone on with. At the first request it stops half way until that connection is gone, when it is told to. */
async function ranged(halts = false): Promise<{ url: string; readonly ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const url = await http((request, response) => {
    const { range } = request.headers;
    ranges.push(range);
    const from = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    response.writeHead(range === undefined ? 200 : 206, {
      "Content-Length": content.length - from,
      "Content-Type": "application/octet-stream",
      ETag: '"one"',
      ...(range === undefined ? {} : { "Content-Range": `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    if (halts && ranges.length === 1) response.write(content.subarray(0, content.length / 2));
    else response.end(content.subarray(from));
  });
  return { url, ranges };
}

/** An empty directory to fetch into. */
async function emptied(name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(path);
  return path;
}

test("get: into a directory, under a name, to stdout; as long as the server said", async () => {
  const { url } = await ranged();
  const cwd = await emptied("get");
  const here = await cli(["get", `${url}/a%20file.bin`], { cwd });
  assert.equal(here.status, 0, here.err);
  assert.match(here.out, /^Got \S+a file\.bin from 127\.0\.0\.1:\d+: 8\.00 MiB in [\d.]+ m?s, as long as the server said\n$/);
  assert.deepEqual(await readFile(join(cwd, "a file.bin")), content);
  const named = await cli(["get", `${url}/a`, "-o", "new/", "--json"], { cwd });
  const { path, size, wholeBy, resumedBytes } = JSON.parse(named.out) as Record<string, unknown>;
  assert.deepEqual([path, size, wholeBy, resumedBytes], [join(cwd, "new", "a"), content.length, "length", 0]);
  assert.equal((await cli(["get", `${url}/a`, "-o", "b"], { cwd })).status, 0);
  assert.deepEqual((await readdir(cwd)).toSorted(), ["a file.bin", "b", "new"]);
  const piped = await cli(["get", `${url}/a`, "-o", "-"], { cwd });
  assert.deepEqual([piped.status, piped.err, piped.out], [0, "", content.toString()]);
});

test("get --conflict: another name, what is there, or the new one", async () => {
  const url = await http((_, response) => void response.end("new"));
  const cwd = await emptied("conflict");
  await writeFile(join(cwd, "a.txt"), "old");
  const skipped = await cli(["get", `${url}/a.txt`, "--conflict", "skip"], { cwd });
  assert.equal(skipped.status, 0, skipped.err);
  assert.match(skipped.out, /there is a "a\.txt" already/);
  assert.match((await cli(["get", `${url}/a.txt`], { cwd })).out, /Got \S+a \(2\)\.txt/);
  assert.equal(await readFile(join(cwd, "a.txt"), "utf8"), "old");
  assert.equal((await cli(["get", `${url}/a.txt`, "--conflict", "overwrite"], { cwd })).status, 0);
  assert.equal(await readFile(join(cwd, "a.txt"), "utf8"), "new");
});

test("get: a server that just closes is warned of, and that is no failure", async () => {
  const url = await listening(
    createServer((socket) => socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\nall there is"))),
  );
  const cwd = await emptied("close");
  const got = await cli(["get", `http://${url}/a`], { cwd });
  assert.equal(got.status, 0);
  assert.match(got.out, /, of unverifiable length\n$/);
  assert.match(got.err, /^covey: the server did not say how long the file is: /);
  assert.equal(await readFile(join(cwd, "a"), "utf8"), "all there is");
  const piped = await cli(["get", `http://${url}/a`, "-o", "-"], { cwd });
  assert.deepEqual([piped.status, piped.out], [0, "all there is"]);
  assert.match(piped.err, /^covey: the server did not say/);
});

test("get: a file that is cut is an error, and nothing takes its name; what is not there is not found", async () => {
  const url = await listening(
    createServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))),
  );
  const cwd = await emptied("cut");
  assert.equal((await cli(["get", `http://${url}/a`], { cwd })).status, 1);
  assert.equal(existsSync(join(cwd, "a")), false);
  assert.equal((await cli(["get", `http://${url}/a`, "-o", "-"], { cwd })).status, 1);
  const missing = await http((_, response) => void response.writeHead(404).end("no"));
  assert.equal((await cli(["get", `${missing}/${encodeURIComponent(HOSTILE)}`], { cwd })).status, 3);
});

test("get: Ctrl-C stops it, and the same command goes on from there", async () => {
  const { url, ranges } = await ranged(true);
  const cwd = await emptied("resume");
  const getting = start(["--home", home, "get", `${url}/large.bin`], { cwd });
  await getting.until(/large\.bin: \d0 % of/);
  getting.kill("SIGINT");
  const stopped = await getting.ended;
  assert.equal(stopped.status, 130);
  assert.match(stopped.err, /Stopped at \d+ %\. The same command goes on with it/);
  const again = await cli(["get", `${url}/large.bin`], { cwd });
  assert.equal(again.status, 0, again.err);
  assert.match(again.out, /: 8\.00 MiB \([\d.]+ [KM]iB of it before\) in /);
  assert.match(ranges[1] ?? "", /^bytes=[1-9]\d*-$/);
  assert.deepEqual(await readdir(cwd), ["large.bin"]);
  assert.deepEqual(await readFile(join(cwd, "large.bin")), content);
});

for (const columns of [40, 80, 200]) {
  test(`get on a terminal of ${columns} columns: a bar, one line that fits`, { skip: noTerminal }, async () => {
    const { url } = await ranged(true);
    const cwd = await emptied(`terminal ${columns}`);
    const getting = startOnTerminal(
      ["--home", home, "get", `${url}/${encodeURIComponent(`${HOSTILE}日本語`)}`, "-o", `${cwd}/`],
      columns,
    );
    await getting.until("50 %");
    getting.write("\u0003");
    const { status, out } = await getting.ended;
    assert.equal(status, 130, out);
    const { lines } = show(out.replaceAll("^C", ""), columns);
    assert.match(lines.join(" "), /^Stopped at 50 %\./);
  });
}

test(
  "get on a terminal: of unknown size it tells how much there is; to the terminal itself it writes nothing",
  { skip: noTerminal },
  async () => {
    const url = await http((request, response) => {
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { Connection: "close" });
      if (request.url === "/slow") response.write(content.subarray(0, MiB));
      else response.end(HOSTILE);
    });
    const getting = startOnTerminal(["--home", home, "get", `${url}/slow`, "-o", `${await emptied("unknown")}/`], 80);
    await getting.until("1.00 MiB");
    getting.write("\u0003");
    const { status, out } = await getting.ended;
    assert.equal(status, 130, out);
    assert.match(show(out.replaceAll("^C", ""), 80).lines.join(" "), /Stopped after 1\.00 MiB/);
    const refused = await startOnTerminal(["--home", home, "get", `${url}/x`, "-o", "-"], 80).ended;
    assert.equal(refused.status, 2);
    show(refused.out, 80);
  },
);

test("msg: one message in one piece, and what comes back", async () => {
  const heard: string[] = [];
  const url = await program((said, socket) => {
    heard.push(said);
    if (said !== "bye") socket.write(`${HOSTILE} you said ${said}\r\n`);
    else socket.end();
  });
  const said = await cli(["msg", url, "Hello", "from", "client"]);
  assert.deepEqual([said.status, said.err], [0, ""]);
  assert.match(said.out, /you said Hello from client\n$/);
  show(said.out, Infinity);
  assert.equal((await cli(["msg", url, "-"], { stdin: "from\nstdin\n" })).status, 0);
  const json = await cli(["msg", url, "x", "--json"]);
  assert.deepEqual(JSON.parse(json.out), { text: `${HOSTILE} you said x\r\n`, closed: false });
  show(json.out, Infinity);
  assert.deepEqual(await cli(["msg", url, "bye"]), { status: 0, out: "", err: "Nothing came back.\n" });
  assert.deepEqual(heard, ["Hello from client", "from\nstdin", "x", "bye"]);
  const long = await refused(["msg", url, "x".repeat(1025)]);
  assert.deepEqual([long.code, long.message.includes("1024")], ["limit", true]);
  for (const argv of [
    ["msg", url],
    ["msg", url, "--follow"],
    ["msg", url, "x", "-f"],
  ]) {
    const { exitCode, hint } = await refused(argv);
    assert.equal(exitCode, 2);
    assert.equal(hint, `\`covey pipe ${url}\` is a whole conversation.`);
  }
});

test("data: the list of a plain program, asked for and changed", async () => {
  let list: readonly string[] = ["milk", "größe"];
  const url = await program((said, socket) => {
    const [command, ...values] = said.split(",");
    if (command === "update_data") list = values;
    // Closed behind it, so that nobody waits for a pause.
    socket.end(command === "get_data" ? `${list.join(",")}\n` : list.includes("no") ? "update_nack" : "update_ack");
  });
  assert.deepEqual(await cli(["data", "get", url]), { status: 0, out: "milk,größe\n", err: "" });
  assert.deepEqual(await cli(["data", "set", url, "a,b,c"]), { status: 0, out: "", err: "" });
  assert.deepEqual(JSON.parse((await cli(["data", "get", url, "--json"])).out), ["a", "b", "c"]);
  assert.equal((await cli(["data", "set", url, "-"], { stdin: "x,y\n" })).status, 0);
  assert.deepEqual(list, ["x", "y"]);
  assert.deepEqual(await cli(["data", "set", url, "", "--json"]), { status: 0, out: "null\n", err: "" });
  assert.deepEqual(await cli(["data", "get", url]), { status: 0, out: "", err: "The list is empty.\n" });
  assert.equal((await refused(["data", "set", url, "no"])).exitCode, 4);
  assert.equal((await refused(["data", "set", url, "a", "--if-version", "none"])).exitCode, 2);
});

test("where a URL makes no sense, it is said, and where it would", async () => {
  const url = "tcp://127.0.0.1:9";
  const table: readonly (readonly string[])[] = [
    ["data", "ls", url],
    ["data", "rm", url],
    ["data", "watch", url],
    ["data", "conflicts", url],
    ["send", "/etc/hostname", url],
    ["ls", url],
    ["share", ".", url],
    ["peer", "show", url],
    ["get", url],
    ["get", "https://127.0.0.1/x"],
    ["msg", "http://127.0.0.1/", "x"],
    ["data", "get", "http://127.0.0.1/"],
    ["data", "set", "ftp://127.0.0.1/", "x"],
  ];
  for (const argv of table) {
    const { exitCode, message, hint } = await refused(argv);
    assert.equal(exitCode, 2, `${argv.join(" ")}: ${message}`);
    assert.match(hint ?? "", /covey|curl|URL/, argv.join(" "));
  }
  const { status, err } = await cli(["msg", url]);
  assert.equal(status, 2);
  assert.match(err, new RegExp(`\`covey --home \\S+ pipe ${url}\``), "for the home that was given");
});

test("what can't be an address is told as that, before anything is done", async () => {
  const table: readonly (readonly string[])[] = [
    ...["http://[::1", "http://127.0.0.1:99999/x", "http://", "http://a b/", "http://u:p@127.0.0.1/"].map((url) => ["get", url]),
    ...["tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://*:1", "tcp://a b:1", "127.0.0.1:1"].map((url) => ["pipe", url]),
    ...["", "99999", "tcp://", "1.2.3.4:70000", "::1"].map((address) => ["pipe", "--listen", address]),
  ];
  for (const argv of table) {
    const { code, message, hint } = await refused(argv);
    assert.equal(code, "bad-argument", `${argv.join(" ")}: ${message}`);
    assert.match(hint ?? "", /\S/, argv.join(" "));
  }
});
