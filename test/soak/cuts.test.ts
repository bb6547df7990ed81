// Streams and wires that end anywhere, by FIN, by a reset of the stream, by RST: of what is not whole nobody ever says that it is. The
// moments are random.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { u32 } from "../../src/core/bytes.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { WALK_ROUTE } from "../../src/services/files/trees/wire.ts";
import type { Stream } from "../../src/session/contract.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";
import type { Connection, Transport } from "../../src/transport/transport.ts";
import { blobOf, block, end, fileOffer, frame, offer, pack, TOKEN, treeOffer } from "../files/hand-sender.ts";
import { eventually, type Lab, openLab, watchUntil } from "../files/peers.ts";
import { fill, listing } from "../files/tree-kit.ts";
import { soakMs } from "./duration.ts";

const CUTS = 50;
const MiB = LIMITS.blockBytes;
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

const content = randomBytes(2 * MiB + 12_345);
/** What an honest sender says of so many blocks of it. */
const fileFrom = ([from]: readonly number[]): Buffer =>
  Buffer.concat([...[0, 1, 2].slice(from).map((i) => block(content.subarray(i * MiB, (i + 1) * MiB))), end(blobOf(content))]);
const FILE = fileFrom([0]);
const text = Buffer.from("whole");
const names = Array.from({ length: 20 }, (_, i) => `d/${10 + i}`);
const TREE = Buffer.concat([
  frame(pack.directory("d"), ...names.slice(0, 10).map((name) => pack.file(name, text))),
  frame(...names.slice(10).map((name) => pack.file(name, text))),
  u32(0),
]);
const treeFrom = (after: string | undefined): Buffer =>
  after === undefined
    ? TREE
    : Buffer.concat([frame(...names.filter((name) => name > after).map((name) => pack.file(name, text))), u32(0)]);
const LIST = Buffer.concat([
  frame(pack.directory("d"), ...names.slice(0, 10).map((name) => pack.large(name, content.length))),
  frame(...names.slice(10).map((name) => pack.large(name, content.length))),
  u32(0),
]);
/** What is at the path of the file that is read. */
const ENTRY = Buffer.concat([frame(pack.large("f", content.length)), u32(0)]);

/** As much of it as is said, and then the stream ends in one way or the other. */
async function cutAt(stream: Stream, bytes: Buffer, length: number, how: "fin" | "reset"): Promise<void> {
  await stream.write(bytes.subarray(0, length));
  if (how === "fin") return stream.end();
  // What was written has to arrive before the cut, some of the time.
  if (length % 2 === 0) await sleep(5);
  stream.reset();
}

async function openHandSender(): Promise<
  Lab & { serve: (route: string, answer: (id: string, stream: Stream, args: Args) => Promise<void>) => void }
> {
  const lab = await openLab({ handSender: true });
  return Object.assign(lab, {
    serve(route: string, answer: (id: string, stream: Stream, args: Args) => Promise<void>) {
      lab.a.sessions.handle(route, async (call) => {
        const stream = await call.accept(route === FETCH_ROUTE ? { token: TOKEN } : {});
        const args = call.args as Args;
        await answer(args.offer, stream, args);
        while ((await stream.read()) !== null);
      });
    },
  });
}
interface Args {
  readonly offer: string;
  readonly after?: string;
  readonly ranges: readonly number[];
}

const waysOf = (whole: number): (readonly [how: "fin" | "reset", length: number])[] =>
  Array.from({ length: CUTS }, (_, i) => [i % 2 === 0 ? "fin" : "reset", Math.floor(Math.random() * whole)] as const);

for (const [what, bytes, value, route] of [
  ["a file", FILE, fileOffer("f", content.length), FETCH_ROUTE],
  ["a tree", TREE, treeOffer(names.length, names.length * text.length), WALK_ROUTE],
] as const) {
  test(`${what} whose stream ends anywhere is not done before all of it came`, async () => {
    await using lab = await openHandSender();
    const cuts = new Map<string, number>();
    const waiting = new Map<string, readonly ["fin" | "reset", number]>();
    lab.serve(route, async (id, stream, { after, ranges }) => {
      const cut = waiting.get(id);
      waiting.delete(id);
      cuts.set(id, (cuts.get(id) ?? 0) + 1);
      if (cut !== undefined) return cutAt(stream, bytes, cut[1], cut[0]);
      // Either goes on behind what it has.
      await stream.write(route === FETCH_ROUTE ? fileFrom(ranges) : treeFrom(after));
      await stream.end();
    });
    await Promise.all(
      waysOf(bytes.length).map(async (cut) => {
        const id = await offer(lab, value);
        waiting.set(id, cut);
        const into = join(lab.into, id);
        await mkdir(into);
        await eventually(async () => (await lab.b.files.offers()).some((known) => known.id === id), true);
        await lab.b.files.accept(id, { into });
        const done = await watchUntil(lab.b, id);
        assert.equal(done.offer.state, "done", `${cut.join(" ")}: ${JSON.stringify(done.problem)}`);
        assert.ok(cuts.get(id)! > 1, `${cut.join(" ")} of ${bytes.length}: done at once`);
        if (route === FETCH_ROUTE) assert.ok((await readFile(done.path!)).equals(content));
        else assert.equal((await listing(join(into, "d"))).length, names.length);
      }),
    );
  });
}

test("a list and the bytes of a file whose streams end anywhere are whole, or end in an error", async () => {
  await using lab = await openHandSender();
  const { a, b } = lab;
  let cut: readonly ["fin" | "reset", number] | undefined;
  const answer = async (stream: Stream, bytes: Buffer): Promise<void> => {
    const now = cut;
    cut = undefined;
    if (now !== undefined) return cutAt(stream, bytes, now[1], now[0]);
    await stream.write(bytes);
    await stream.end();
  };
  let share = "d";
  lab.serve(WALK_ROUTE, async (_, stream, { after }) => {
    if (share === "f") {
      await stream.write(ENTRY);
      return stream.end();
    }
    const rest =
      after === undefined
        ? LIST
        : Buffer.concat([frame(...names.filter((n) => n > after).map((n) => pack.large(n, content.length))), u32(0)]);
    return answer(stream, rest);
  });
  lab.serve(FETCH_ROUTE, (_, stream, { ranges }) => answer(stream, fileFrom(ranges)));
  for (const [name, type] of [
    ["d", "directory"],
    ["f", "file"],
  ] as const)
    await offer(lab, { v: 1, kind: "share", name, type });
  await eventually(async () => b.files.sharedBy(a.id).length, 2);
  const seen = { whole: 0, failed: 0 };
  const outcome = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      seen.whole++;
    } catch (error) {
      assert.ok(["protocol", "closed"].includes((error as { code: string }).code), String(error));
      seen.failed++;
    }
  };
  for (const way of waysOf(LIST.length)) {
    cut = way;
    await outcome(async () => {
      const listed = await Array.fromAsync(b.files.list(a.id, "d", { deep: true, signal: signal() }));
      assert.deepEqual(
        listed.map(({ path }) => path),
        ["d", ...names],
      );
    });
    cut = undefined;
  }
  share = "f";
  for (const way of waysOf(FILE.length)) {
    cut = way;
    await outcome(async () => {
      const chunks = await Array.fromAsync(b.files.read(a.id, "f", { signal: signal() }));
      assert.ok(Buffer.concat(chunks).equals(content));
    });
    cut = undefined;
  }
  assert.ok(seen.failed >= CUTS, JSON.stringify(seen));
});

/** TCP that can be cut at any moment: by a reset, or by an end amid whatever was said. */
function createWire(): Transport & { cut(how: "rst" | "fin"): number } {
  const open = new Set<Socket>();
  const keep = (connection: Connection): Connection => {
    const socket = connection.duplex as Socket;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    return connection;
  };
  return {
    scheme: "tcp",
    dial: async (address, ended) => keep(await tcpTransport.dial(address, ended)),
    listen: (address, onConnection) => tcpTransport.listen(address, (connection) => onConnection(keep(connection))),
    cut(how) {
      const cut = [...open];
      for (const socket of cut)
        if (how === "rst") socket.resetAndDestroy();
        else socket.destroySoon();
      return cut.length;
    },
  };
}

test("wires that are cut anywhere: what is said to be whole is, whichever way it goes", async (t) => {
  const wire = createWire();
  await using lab = await openLab({ transport: wire });
  const { a, b } = lab;
  const dir = join(lab.dir, "dir");
  await fill(dir, 100, 2000);
  const file = join(dir, "file");
  await writeFile(file, randomBytes(6 * MiB));
  const bytes = await readFile(file);
  const expected = await listing(dir);
  await a.files.share(b.id, dir);
  await eventually(async () => b.files.sharedBy(a.id).length, 1);
  const seen = { whole: 0, failed: 0 };
  /** Runs it while the wire is cut after some ms; a way that heals by itself must end whole. */
  const whileCut = async (mostMs: number, work: () => Promise<void>, heals: boolean): Promise<void> => {
    const cutting = sleep(Math.random() * mostMs).then(() => wire.cut(Math.random() < 0.5 ? "rst" : "fin"));
    try {
      await work();
      seen.whole++;
    } catch (error) {
      assert.ok(!heals && ["closed", "unreachable", "timeout"].includes((error as { code: string }).code), String(error));
      seen.failed++;
    }
    await cutting;
    await eventually(async () => b.sessions.get(a.id) !== undefined && a.sessions.get(b.id) !== undefined, true);
  };
  for (const untilMs = performance.now() + soakMs(3000); performance.now() < untilMs || seen.failed === 0;) {
    await whileCut(
      8,
      async () => {
        const listed = await Array.fromAsync(b.files.list(a.id, "dir", { deep: true, signal: signal() }));
        assert.equal(listed.length, expected.length + 1);
      },
      false,
    );
    await whileCut(
      25,
      async () => {
        const chunks = await Array.fromAsync(b.files.read(a.id, "dir/file", { signal: signal() }));
        assert.ok(Buffer.concat(chunks).equals(bytes));
      },
      false,
    );
  }
  const received = async (id: string): Promise<void> => {
    const { offer: ended, path, problem } = await watchUntil(b, id);
    assert.equal(ended.state, "done", JSON.stringify(problem));
    if (ended.kind === "file") assert.ok((await readFile(path!)).equals(bytes));
    else assert.deepEqual(await listing(path!), expected);
    await rm(path!, { recursive: true });
  };
  for (const untilMs = performance.now() + soakMs(3000); performance.now() < untilMs;) {
    for (const path of ["dir", "dir/file"]) await whileCut(60, async () => received(await offered(join(lab.dir, path))), true);
    await whileCut(
      60,
      async () => {
        const got = await b.files.get(a.id, "dir", { into: lab.into }).catch((error: unknown) => {
          assert.ok(["closed", "unreachable", "timeout"].includes((error as { code: string }).code), String(error));
        });
        if (got !== undefined) await received(got.offer.id);
      },
      true,
    );
  }
  t.diagnostic(JSON.stringify(seen));
  async function offered(path: string): Promise<string> {
    const { offer: mine } = await a.files.send(b.id, [path]);
    await eventually(async () => (await b.files.offers()).some(({ id }) => id === mine.id), true);
    await b.files.accept(mine.id, { into: lab.into });
    return mine.id;
  }
});
