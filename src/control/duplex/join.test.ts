// A duplex of an operation and a program's end of it, over a real socket: what one does, the other sees, with the reason of a cut.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, before, test } from "node:test";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Stream } from "../../session/contract.ts";
import { leakCheck } from "../../testing/leak-check.ts";
import { reading } from "../bytes/reading.ts";
import { FramedStream } from "./framed-stream.ts";
import { join } from "./join.ts";

let directory: string;
let leaks: () => Promise<void>;
let count = 0;

before(async () => {
  leaks = leakCheck();
  directory = await mkdtemp(joinPath(tmpdir(), "covey-join-"));
});
after(async () => {
  await rm(directory, { recursive: true, force: true });
  await leaks();
});

const gone = (): CoveyError => new CoveyError("closed", "the other end is gone");
const nobody = new AbortController().signal;

interface Ends {
  readonly program: FramedStream;
  readonly daemon: FramedStream;
  readonly programSocket: Socket;
  readonly daemonSocket: Socket;
}

async function ends(): Promise<Ends> {
  const path = joinPath(directory, String(++count));
  const server = createServer({ allowHalfOpen: true }).listen(path);
  await once(server, "listening");
  const programSocket = createConnection(path);
  const [daemonSocket] = (await once(server, "connection")) as [Socket];
  server.close();
  const nothing = Buffer.alloc(0);
  return {
    program: new FramedStream(programSocket, nothing, gone),
    daemon: new FramedStream(daemonSocket, nothing, gone),
    programSocket,
    daemonSocket,
  };
}

async function readAll(stream: Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let chunk; (chunk = await stream.read()) !== null;) parts.push(chunk);
  return Buffer.concat(parts);
}

test("what is read comes whole, and ends once the program has ended too", async () => {
  const { program, daemon } = await ends();
  const blocks = [randomBytes(1 << 20), Buffer.alloc(0), randomBytes(7), randomBytes(300_001)];
  const inner = await reading(async function* () {
    yield* blocks;
  }, nobody);
  const joined = join(daemon, inner);
  assert.deepEqual(await readAll(program), Buffer.concat(blocks));
  await program.end();
  await joined;
  assert.deepEqual([await program.closed, await daemon.closed, await inner.closed], [undefined, undefined, undefined]);
});

test("an operation that fails midway cuts the program's end with its reason, and never ends it", async () => {
  const { program, daemon } = await ends();
  const inner = await reading(async function* () {
    yield Buffer.from("some");
    throw new CoveyError("changed", "the file changed while it was read", { hint: "Read it again." });
  }, nobody);
  const joined = join(daemon, inner);
  await assert.rejects(readAll(program), {
    code: "changed",
    message: "the file changed while it was read",
    hint: "Read it again.",
  });
  await joined;
  assert.equal((await program.closed)?.code, "changed");
});

test("a program that resets, or whose socket is gone, has the operation's items given up", async () => {
  for (const how of ["reset", "destroy", "end", "write"] as const) {
    const { program, daemon, programSocket } = await ends();
    const over = Promise.withResolvers<void>();
    const inner = await reading(async function* (signal) {
      try {
        for (;;) {
          signal.throwIfAborted();
          yield Buffer.alloc(100_000);
        }
      } finally {
        over.resolve();
      }
    }, nobody);
    const joined = join(daemon, inner);
    await program.read();
    if (how === "reset") program.reset();
    else if (how === "destroy") programSocket.destroy();
    else if (how === "end") programSocket.end();
    else await program.write(Buffer.from("what can't be written to"));
    await Promise.all([over.promise, joined]);
    if (how === "write") await assert.rejects(readAll(program), { code: "bad-argument" });
    assert.notEqual(await program.closed, undefined, how);
  }
});

test("what can't be opened is said before there is a stream; giving up ends it", async () => {
  const failing = (): AsyncGenerator<Buffer> =>
    (async function* () {
      yield await Promise.reject<Buffer>(new CoveyError("not-found", "no such file"));
    })();
  await assert.rejects(reading(failing, nobody), { code: "not-found" });
  const giving = new AbortController();
  const ended = Promise.withResolvers<void>();
  const opening = reading(async function* (signal) {
    signal.addEventListener("abort", () => ended.resolve(), { once: true });
    await ended.promise;
    yield Buffer.of(1);
  }, giving.signal);
  giving.abort(new Error("enough"));
  await assert.rejects(opening, /enough/);
  await ended.promise;
});

test("a program that neither reads nor closes does not hold up a daemon that cuts", async () => {
  const { daemon, daemonSocket, programSocket } = await ends();
  programSocket.pause();
  const writing = (async () => {
    for (;;) await daemon.write(Buffer.alloc(LIMITS.controlFrameBytes));
  })();
  const closed = once(daemonSocket, "close");
  const rejected = assert.rejects(writing, { code: "closed" });
  await new Promise(setImmediate);
  daemon.cut(new CoveyError("closed", "the daemon stops"));
  await rejected;
  assert.equal((await daemon.closed)?.message, "the daemon stops");
  // The last words do not get out; the connection is closed all the same.
  await closed;
  programSocket.destroy();
});

test("one reader and a bounded number of writers at a time; nothing is written behind the end", async () => {
  const { program, daemon } = await ends();
  const first = program.read();
  await assert.rejects(program.read(), { code: "internal" });
  await daemon.write(Buffer.from("x"));
  assert.equal((await first)?.toString(), "x");
  const writes = Array.from({ length: 5000 }, () => program.write(Buffer.alloc(1000)));
  const refused = (await Promise.allSettled([...writes.slice(-10)])).filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 10);
  for (const write of writes) write.catch(() => {});
  program.reset();
  daemon.reset();
  const again = await ends();
  await again.program.end();
  await again.program.end();
  await assert.rejects(again.program.write(Buffer.of(1)), { code: "internal" });
  assert.equal(await again.daemon.read(), null);
  await again.daemon.end();
  assert.deepEqual([await again.program.closed, await again.daemon.closed], [undefined, undefined]);
});

test("an end that goes away while nobody reads what it sent cuts the stream all the same", async () => {
  for (const gone of ["daemon", "program"] as const) {
    const { program, daemon, programSocket, daemonSocket } = await ends();
    const [here, hereSocket] = gone === "daemon" ? [program, programSocket] : [daemon, daemonSocket];
    const [there, thereSocket] = gone === "daemon" ? [daemon, daemonSocket] : [program, programSocket];
    while (!hereSocket.isPaused()) {
      await there.write(Buffer.alloc(LIMITS.controlFrameBytes));
      await nextTurn();
    }
    thereSocket.destroy();
    assert.equal((await here.closed)?.code, "closed", gone);
  }
});

test("what ended is whole, also when it is read long after both have ended, and `closed` waits for that", async () => {
  const { program, daemon, daemonSocket } = await ends();
  await daemon.end();
  const sent = randomBytes(LIMITS.controlQueueBytes + 100_000);
  await program.write(sent);
  await program.end();
  let over = false;
  void program.closed.then(() => (over = true));
  assert.equal(await program.read(), null);
  // Until a probe has been written, which fails when the other end is closed.
  const probed = Promise.withResolvers<void>();
  const write = daemonSocket.write.bind(daemonSocket);
  daemonSocket.write = (chunk: unknown) => {
    probed.resolve();
    return write(chunk as Uint8Array);
  };
  await probed.promise;
  await nextTurn();
  assert.equal(over, false);
  assert.deepEqual(await readAll(daemon), sent);
  assert.deepEqual([await program.closed, await daemon.closed], [undefined, undefined]);
});

const nextTurn = (): Promise<void> => new Promise(setImmediate);
