// `covey pipe` with programs that know nothing of covey at the other end: bytes as they are, each direction with an end of its own, at the
// pace of whoever reads, and a cut that is told.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, test } from "node:test";
import { tmpdir } from "node:os";

import { endAll, MAIN, noTerminal, run, start, startOnTerminal } from "./command.ts";
import { show } from "./screen.ts";

const MiB = 2 ** 20;
const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e";
/** None of these commands has a peer. */
const nowhere = join(tmpdir(), `covey-pipe-${process.pid}`);

const servers = new Set<Server>();
const children = new Set<ChildProcess>();

after(async () => {
  endAll();
  for (const child of children) child.kill("SIGKILL");
  await Promise.all([...servers].map(async (server) => once(server.close(), "close")));
});

/** A plain program at a port of its own; what it does with each connection. */
async function serve(program: (socket: Socket) => void): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    program(socket);
  });
  servers.add(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Pipe {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly err: () => string;
  readonly ended: Promise<number | null>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** The command with its bytes untouched. */
function pipe(...argv: readonly string[]): Pipe {
  const child = spawn(process.execPath, [MAIN, "--home", nowhere, "pipe", ...argv], { stdio: "pipe" });
  children.add(child);
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (err += part));
  child.stdin.on("error", () => {});
  const ended = (once(child, "close") as Promise<[number | null]>).then(([status]) => {
    children.delete(child);
    return status;
  });
  const { stdin, stdout } = child;
  return { stdin, stdout, err: () => err, ended, kill: (signal) => void child.kill(signal) };
}

/** So many bytes that say nothing, from few that are random. */
function* noise(bytes: number): Iterable<Buffer> {
  const block = randomBytes(MiB + 7);
  for (let left = bytes; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
}

async function hashOf(bytes: AsyncIterable<unknown> | Iterable<unknown>): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of bytes) hash.update(part as Buffer);
  return hash.digest("hex");
}

const textOf = async (from: Readable): Promise<string> => Buffer.concat(await from.toArray()).toString();

test("200 MiB both ways at once, byte for byte, each direction to its end", async () => {
  const sent = [...noise(200 * MiB)];
  const url = await serve((socket) => void socket.pipe(socket));
  const piped = pipe(url);
  const [, back] = await Promise.all([pipeline(sent, piped.stdin), hashOf(piped.stdout)]);
  assert.equal(back, await hashOf(sent));
  assert.deepEqual([await piped.ended, piped.err()], [0, ""]);
});

test("the end of stdin is an end for the other side, which may still answer", async () => {
  const url = await serve((socket) => void textOf(socket).then((said) => socket.end(`you said ${said}`)));
  assert.deepEqual(await run(["pipe", url], { stdin: "hello" }), { status: 0, out: "you said hello", err: "" });
});

test("the other side's end is stdout's end, while stdin still goes on", async () => {
  const said = Promise.withResolvers<string>();
  const url = await serve((socket) => {
    socket.end("bye");
    textOf(socket).then(said.resolve, said.reject);
  });
  const piped = pipe(url);
  assert.equal(await textOf(piped.stdout), "bye");
  piped.stdin.end("one more thing");
  assert.equal(await said.promise, "one more thing");
  assert.deepEqual([await piped.ended, piped.err()], [0, ""]);
});

test("nobody is written to faster than somebody reads", async () => {
  let given = 0;
  const url = await serve((socket) => {
    const counted = function* (): Iterable<Buffer> {
      for (const block of noise(400 * MiB)) {
        given += block.length;
        yield block;
      }
    };
    pipeline(counted(), socket).catch(() => {});
  });
  const piped = pipe(url);
  // Until nothing more is taken: what it holds then is what all buffers on the way hold.
  for (let before = -1; given === 0 || before !== given;) {
    before = given;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(given < 32 * MiB, `${given} bytes were taken that nobody read`);
  piped.stdin.end();
  let got = 0;
  for await (const part of piped.stdout) got += (part as Buffer).length;
  assert.deepEqual([await piped.ended, got], [0, 400 * MiB]);
});

test("a connection that is reset is an error, and not an end", async () => {
  const url = await serve((socket) => socket.once("data", () => socket.write("half", () => socket.resetAndDestroy())));
  const piped = pipe(url);
  piped.stdin.write("x");
  assert.notEqual(await piped.ended, 0);
  assert.match(piped.err(), /^covey: .+\n/);
});

test("two pipes are the two ends of one conversation", async () => {
  const listening = pipe("--listen", "127.0.0.1:0");
  const url = await addressOf(listening);
  const dialling = pipe(url);
  const [there, back] = [[...noise(5 * MiB)], [...noise(3 * MiB)]];
  const [heardThere, heardBack] = await Promise.all([
    hashOf(listening.stdout),
    hashOf(dialling.stdout),
    pipeline(there, dialling.stdin),
    pipeline(back, listening.stdin),
  ]);
  assert.deepEqual([heardThere, heardBack], [await hashOf(there), await hashOf(back)]);
  assert.deepEqual([await dialling.ended, await listening.ended, dialling.err()], [0, 0, ""]);
  assert.match(listening.err(), /^Listening at tcp:\/\/127\.0\.0\.1:\d+, .*\n127\.0\.0\.1:\d+ is connected\.\n$/);
});

test("--listen takes one connection, and its port is free then", async () => {
  const listening = pipe("--listen", "127.0.0.1:0", "--json");
  const url = await addressOf(listening);
  const { hostname, port } = new URL(url);
  const first = connect(Number(port), hostname).on("error", () => {});
  await once(first, "connect");
  first.write("hello");
  await once(listening.stdout, "data");
  const second = connect(Number(port), hostname);
  const [error] = (await once(second, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");
  listening.stdin.end();
  first.end();
  assert.equal(await listening.ended, 0);
  const lines = listening.err().trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { type: string }).type),
    ["listening", "connected"],
  );
});

test("who has read enough ends it without a word", async () => {
  const url = await serve((socket) => void pipeline(noise(64 * MiB), socket).catch(() => {}));
  const piped = pipe(url);
  await once(piped.stdout, "data");
  piped.stdout.destroy();
  assert.deepEqual([await piped.ended, piped.err()], [141, ""]);
});

test("Ctrl-C: while it talks, and while it waits for one that connects", async () => {
  const closed = Promise.withResolvers<void>();
  const url = await serve((socket) => {
    socket.write("hello");
    socket.on("close", () => closed.resolve()).resume();
  });
  const talking = pipe(url);
  await once(talking.stdout, "data");
  talking.kill("SIGINT");
  assert.deepEqual([await talking.ended, talking.err()], [130, ""]);
  await closed.promise;

  const waiting = start(["--home", nowhere, "pipe", "--listen", "127.0.0.1:0"]);
  await waiting.until("Listening");
  waiting.kill("SIGINT");
  assert.equal((await waiting.ended).status, 130);
});

test("what is no program to talk to: said with what to do", async () => {
  const url = await serve(() => {});
  const free = new URL(url).port;
  const [server] = [...servers].slice(-1);
  await once(server!.close(), "close");
  const table: readonly (readonly [argv: readonly string[], status: number, says: RegExp])[] = [
    [["pipe", `tcp://127.0.0.1:${free}`], 3, /covey: /],
    [["pipe", "laptop"], 2, /is no URL\n.*tcp:\/\/HOST:PORT/],
    [["pipe", "laptop:"], 2, /is no URL/],
    [["pipe", "http://127.0.0.1/"], 2, /begins with tcp:\/\/\n`covey --home \S+ get`/],
    [["pipe", "tcp://127.0.0.1"], 2, /covey: /],
    [["pipe"], 2, /one of a tcp:\/\/ URL and --listen is needed/],
    [["pipe", url, "--listen", ":0"], 2, /one of a tcp:\/\/ URL and --listen is needed/],
    [["pipe", "--listen", "nonsense"], 2, /not an address to listen at/],
  ];
  for (const [argv, status, says] of table) {
    const ran = await run(["--home", nowhere, ...argv]);
    assert.equal(ran.status, status, `${argv.join(" ")}: ${ran.err}`);
    assert.match(ran.err, says);
    assert.equal(ran.out, "");
  }
  assert.equal(existsSync(nowhere), false, "no daemon was started, and no home made");
});

for (const columns of [40, 80, 200]) {
  test(
    `on a terminal of ${columns} columns: what comes can't command it, and lines are lines`,
    { skip: noTerminal },
    async () => {
      const url = await serve((socket) => {
        socket.write(`welcome\r\n${HOSTILE}\r\n`);
        socket.once("data", (said) => socket.end(`you said ${said.toString().trim()}`));
      });
      const typing = startOnTerminal(["--home", nowhere, "pipe", url], columns);
      await typing.until("welcome");
      typing.write("hi\n");
      await typing.until("you said hi");
      await typing.until("Ctrl-D");
      typing.write("\u0004");
      const { status, out } = await typing.ended;
      assert.equal(status, 0, out);
      const { lines } = show(out.replaceAll("^D\b\b", ""), columns);
      assert.ok(lines.includes("welcome") && lines.includes("you said hi"), out);
      assert.match(out, /\\u\{1b\}\[2J/);
    },
  );
}

async function addressOf(listening: Pipe): Promise<string> {
  for (let tries = 0; ; tries++) {
    const [url] = /tcp:\/\/127\.0\.0\.1:\d+/.exec(listening.err()) ?? [];
    if (url !== undefined) return url;
    assert.ok(tries < 500, "it never said where it listens");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
