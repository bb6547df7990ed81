// A download that was cut, killed or aborted goes on, of the same version or not at all; and several of the same are no harm to each other.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFile, link, mkdtemp, readdir, readFile, rename, rm, truncate, utimes, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { after, before, beforeEach, test } from "node:test";

import { hash } from "../../src/core/hash.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { plain } from "../../src/plain/plain.ts";
import { type PlainServer, sendFile, startServer } from "./servers.ts";
import { noSmallDisk } from "../small-disk.ts";

const CHILD = fileURLToPath(new URL("./download.child.ts", import.meta.url));
const MiB = 1024 * 1024;

let root: string;
let into: string;
before(async () => void (root = await mkdtemp(join(tmpdir(), "covey-resume-"))));
beforeEach(async () => void (into = await mkdtemp(join(root, "run-"))));
after(() => rm(root, { recursive: true }));

const file = { bytes: randomBytes(3 * MiB + 5), etag: '"v1"' };
const HALF = 2 * MiB + 3;

type Talk = (socket: Socket, request: string, connection: number) => unknown;

/** The first connection gets half of the file and is cut; the others get what `talk` says. */
const cutOnce = (fields: string, talk: Talk): Promise<PlainServer> =>
  startServer((socket, request, connection) => {
    if (connection > 0) return talk(socket, request, connection);
    socket.write(`HTTP/1.1 200 OK\r\n${fields}Content-Length: ${file.bytes.length}\r\n\r\n`);
    return socket.end(file.bytes.subarray(0, HALF));
  });

const get = (server: PlainServer, signal?: AbortSignal) =>
  plain.download(`${server.http}/file`, signal === undefined ? { into } : { into, signal });

async function cut(server: PlainServer): Promise<void> {
  await assert.rejects(get(server), { code: "connection-lost" });
}

async function assertThere(path: string, bytes: Buffer): Promise<void> {
  assert.ok(bytes.equals(await readFile(path)), `${path} is not the file`);
}

/** The part and its record; not the next record, which is being written. */
const hidden = async (): Promise<string[]> => (await readdir(into)).filter((name) => name.startsWith(".covey-")).toSorted();

test("one that was cut goes on where it was, and nothing is left beside it", async () => {
  await using server = await cutOnce('ETag: "v1"\r\n', (socket, request) => sendFile(socket, request, file));
  await cut(server);
  assert.equal((await hidden()).length, 2);
  const done = await get(server);
  assert.deepEqual(done, {
    path: join(into, "file"),
    size: file.bytes.length,
    resumedBytes: HALF,
    wholeBy: "length",
    blake3: hash(file.bytes).toString("hex"),
  });
  assert.match(server.received[1]!.toString(), new RegExp(`\\r\\nRange: bytes=${HALF}-\\r\\nIf-Range: "v1"\\r\\n`));
  await assertThere(done.path, file.bytes);
  assert.deepEqual(await readdir(into), ["file"]);
});

test("one that was killed goes on, and so does the next one that was", async () => {
  await using server = await startServer(async (socket, request) => {
    const from = Number(/Range: bytes=(\d+)-/.exec(request)?.[1] ?? 0);
    const range = `Content-Range: bytes ${from}-${file.bytes.length - 1}/${file.bytes.length}\r\n`;
    socket.write(
      `HTTP/1.1 ${from > 0 ? `206 Partial\r\n${range}` : "200 OK\r\n"}ETag: "v1"\r\nContent-Length: ${file.bytes.length - from}\r\n\r\n`,
    );
    let at = from + MiB;
    socket.write(file.bytes.subarray(from, at));
    for (; server.received.length < 3 && !socket.destroyed; at++) {
      socket.write(file.bytes.subarray(at, at + 1));
      await wait(50);
    }
    socket.end(file.bytes.subarray(at));
  });
  for (const least of [0, MiB]) {
    await using child = startChild(server);
    await until(async () => {
      const name = (await hidden()).find((one) => one.endsWith(".json"));
      const record = name === undefined ? undefined : await readFile(join(into, name), "utf8").catch(() => undefined);
      return record !== undefined && (JSON.parse(record) as { doneBytes: number }).doneBytes > least + MiB / 2;
    });
    child.kill();
    await child.exited;
  }
  const { path, resumedBytes } = await get(server);
  assert.ok(resumedBytes >= 2 * MiB, `${resumedBytes}`);
  await assertThere(path, file.bytes);
  assert.deepEqual(await readdir(into), ["file"]);
});

test("on a disk that fills up it stops, and goes on when there is room", { skip: noSmallDisk }, async () => {
  await using server = await startServer(async (socket, request, connection) => {
    if (connection > 0) return sendFile(socket, request, file);
    // Without a length, nobody can know before that it does not fit.
    socket.write('HTTP/1.1 200 OK\r\nETag: "v1"\r\n\r\n');
    for (let at = 0; at < file.bytes.length && !socket.destroyed; at += MiB / 4) {
      socket.write(file.bytes.subarray(at, at + MiB / 4));
      await wait(300);
    }
    return socket.end();
  });
  const mount = 'mount -t tmpfs -o size=4m tmpfs "$0" && head -c 2M /dev/zero > "$0/filler" && exec "$@"';
  const inside = ["unshare", "-Urm", "sh", "-c", mount, into];
  await using child = startChild(server, { inside, rest: ["filler"] });
  const [first, second] = (await child.out).split("\n");
  assert.equal(first, "no-space");
  const { resumedBytes, size, blake3 } = JSON.parse(second!) as { resumedBytes: number; size: number; blake3: string };
  assert.ok(resumedBytes > MiB, `${resumedBytes}`);
  assert.deepEqual([size, blake3], [file.bytes.length, hash(file.bytes).toString("hex")]);
});

test("what another process is downloading is not touched", async () => {
  let letGo = (): void => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await using server = await startServer(async (socket, request, connection) => {
    if (connection > 0) return sendFile(socket, request, file);
    socket.write(`HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: ${file.bytes.length}\r\n\r\n`);
    let at = 0;
    for (; (await hidden()).length < 2; at += 1) {
      socket.write(file.bytes.subarray(at, at + 1));
      await wait(50);
    }
    await held;
    return socket.end(file.bytes.subarray(at));
  });
  await using child = startChild(server);
  await until(async () => (await hidden()).length === 2);
  const before = await hidden();
  assert.equal((await get(server)).resumedBytes, 0);
  assert.deepEqual(await hidden(), before);
  letGo();
  assert.equal((JSON.parse(await child.out) as { path: string }).path, join(into, "file (2)"));
  await assertThere(join(into, "file (2)"), file.bytes);
  assert.deepEqual((await readdir(into)).toSorted(), ["file", "file (2)"]);
});

test("what a kill left of writing a record is removed with the rest", async () => {
  await using server = await cutOnce('ETag: "v1"\r\n', (socket, request) => sendFile(socket, request, file));
  await cut(server);
  const record = (await hidden()).find((name) => name.endsWith(".json"))!;
  await writeFile(join(into, `.${record}.0123456789abcdef.tmp`), "{");
  await get(server);
  assert.deepEqual(await readdir(into), ["file"]);
});

test("several at once: one goes on with what was left, and all get all of it", async () => {
  await using server = await cutOnce('ETag: "v1"\r\n', (socket, request) =>
    setTimeout(() => sendFile(socket, request, file), 30),
  );
  await cut(server);
  const all = await Promise.all([get(server), get(server), get(server), get(server)]);
  assert.deepEqual(all.map(({ resumedBytes }) => resumedBytes).toSorted(), [0, 0, 0, HALF].toSorted());
  assert.equal(new Set(all.map(({ path }) => path)).size, 4);
  for (const { path } of all) await assertThere(path, file.bytes);
  assert.equal((await readdir(into)).length, 4);
});

test("one that was aborted goes on", async () => {
  const reason = new Error("enough");
  await using server = await startServer((socket, request, connection) => {
    if (connection > 0) return sendFile(socket, request, file);
    socket.write(`HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: ${file.bytes.length}\r\n\r\n`);
    return socket.write(file.bytes.subarray(0, HALF));
  });
  const enough = new AbortController();
  const getting = plain.download(`${server.http}/file`, {
    into,
    signal: enough.signal,
    onProgress: ({ doneBytes }) => doneBytes > 0 && enough.abort(reason),
  });
  await assert.rejects(getting, reason);
  const { resumedBytes, path } = await get(server);
  assert.ok(resumedBytes > 0);
  await assertThere(path, file.bytes);
});

const other = { bytes: randomBytes(2 * MiB), etag: '"v2"' };

/** Sends ranges whatever they are of, as servers do that never heard of If-Range. */
const careless = (socket: Socket, request: string): void =>
  sendFile(socket, request.replace(/If-Range: .*/, `If-Range: ${other.etag}`), other);

const CHANGED: readonly (readonly [what: string, talk: Talk])[] = [
  ["a server that looks at If-Range", (socket, request) => sendFile(socket, request, other)],
  ["a server that does not", careless],
  ["a server without ranges", (socket) => sendFile(socket, "", other)],
  [
    "a server that has nothing behind it",
    (socket, request) =>
      request.includes("Range:")
        ? socket.end("HTTP/1.1 416 No\r\nContent-Range: bytes */9\r\n\r\n")
        : sendFile(socket, "", other),
  ],
  [
    "a server that sends another part",
    (socket, request) =>
      request.includes("Range:")
        ? socket.end('HTTP/1.1 206 Partial\r\nETag: "v1"\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3\r\n\r\nabc')
        : sendFile(socket, "", other),
  ],
];

for (const [what, talk] of CHANGED) {
  test(`a file that changed meanwhile begins again: ${what}`, async () => {
    await using server = await cutOnce('ETag: "v1"\r\n', talk);
    await cut(server);
    const { path, resumedBytes, size } = await get(server);
    assert.deepEqual([resumedBytes, size], [0, other.bytes.length]);
    await assertThere(path, other.bytes);
    assert.deepEqual(await readdir(into), ["file"]);
  });
}

test("without anything to tell versions apart by, nothing is kept", async () => {
  const date = "Date: Fri, 20 Nov 2026 10:00:00 GMT\r\n";
  const weak = [
    "",
    'ETag: W/"v1"\r\n',
    "ETag: v1\r\n",
    `${date}Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT\r\n`,
    "Last-Modified: soon\r\n",
  ];
  for (const fields of weak) {
    await using server = await cutOnce(fields, (socket) => sendFile(socket, "", file));
    await cut(server);
    assert.deepEqual(await readdir(into), [], fields);
  }
});

test("the date of the last change tells versions apart when it is old enough", async () => {
  const changed = "Fri, 20 Nov 2026 09:59:00 GMT";
  const fields = `Date: Fri, 20 Nov 2026 10:00:00 GMT\r\nLast-Modified: ${changed}\r\n`;
  await using server = await cutOnce(fields, (socket, request) => sendFile(socket, request, { ...file, etag: changed }));
  await cut(server);
  // Its ETag there is no ETag, and the date is not said again.
  const { path, resumedBytes } = await get(server);
  assert.equal(resumedBytes, HALF);
  await assertThere(path, file.bytes);
});

test("one that was all there when it was killed is placed, after a look whether it is still the same", async () => {
  await using server = await cutOnce('ETag: "v1"\r\n', (socket, request) => sendFile(socket, request, file));
  await cut(server);
  const record = join(
    into,
    (await hidden()).find((name) => name.endsWith(".json"))!,
  );
  await appendFile(record.replace(/json$/, "part"), file.bytes.subarray(HALF));
  const said = JSON.parse(await readFile(record, "utf8")) as object;
  await writeFile(record, JSON.stringify({ ...said, doneBytes: file.bytes.length }));
  const { path, resumedBytes } = await get(server);
  assert.equal(resumedBytes, file.bytes.length - 1);
  await assertThere(path, file.bytes);
});

test("a gateway names the file by its hash once it knows it: what was put together is held against it", async () => {
  const named = `"b3-${hash(file.bytes).toString("hex")}"`;
  for (const [etag, wrong] of [
    [named, false],
    [`"b3-${"0".repeat(64)}"`, true],
  ] as const) {
    await using server = await cutOnce('ETag: "v1"\r\n', (socket, request) =>
      sendFile(socket, request.replace('If-Range: "v1"', `If-Range: ${etag}`), { bytes: file.bytes, etag }),
    );
    await cut(server);
    if (wrong) await assert.rejects(get(server), { code: "integrity" });
    else assert.deepEqual([(await get(server)).wholeBy, (await readdir(into)).length], ["hash", 1]);
  }
  assert.deepEqual(await readdir(into), ["file"]);
});

test("a part that is not what was noted begins again", async () => {
  const spoil: readonly ((part: string, record: string) => Promise<unknown>)[] = [
    (part) => truncate(part, 5),
    (part) => rm(part),
    async (part) => {
      await writeFile(`${part}2`, Buffer.alloc(HALF));
      await rename(`${part}2`, part);
    },
    // Killed behind the link to its place: somebody may be changing it there.
    (part) => link(part, join(root, "placed")),
    (_, record) => writeFile(record, "{"),
    (_, record) => writeFile(record, "[]"),
    async (_, record) => {
      // Of another machine, long ago.
      const said = JSON.parse(await readFile(record, "utf8")) as object;
      await writeFile(record, JSON.stringify({ ...said, doneBytes: 2 ** 50, owner: { host: "elsewhere", pid: 1 } }));
      const old = new Date(Date.now() - LIMITS.plainClaimMs - 1000);
      await utimes(record, old, old);
    },
  ];
  for (const [at, work] of spoil.entries()) {
    await using server = await cutOnce('ETag: "v1"\r\n', (socket, request) => sendFile(socket, request, file));
    await cut(server);
    const record = join(
      into,
      (await hidden()).find((name) => name.endsWith(".json"))!,
    );
    const part = record.replace(/json$/, "part");
    await work(part, record);
    const old = new Date(Date.now() - LIMITS.plainClaimMs - 1000);
    if (at !== 1) await utimes(part, old, old);
    const { path, resumedBytes } = await get(server);
    assert.equal(resumedBytes, 0, `${at}`);
    await assertThere(path, file.bytes);
    await rm(path);
    assert.deepEqual(await readdir(into), [], `${at}`);
  }
  assert.ok(file.bytes.subarray(0, HALF).equals(await readFile(join(root, "placed"))));
});

/** `inside`: a command that runs what follows it. */
function startChild(
  server: PlainServer,
  { inside = [], rest = [] }: { inside?: readonly string[]; rest?: readonly string[] } = {},
) {
  const [command, ...args] = [...inside, process.execPath, CHILD, `${server.http}/file`, into, ...rest] as [string, ...string[]];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  return {
    exited,
    out: text(child.stdout),
    kill: () => child.kill("SIGKILL"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    assert.ok(tries < 1000, "it never came");
    await wait(10);
  }
}
