// Shares among peers that lie: what others learn of them, what a path can reach, and what a list may hold.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { sleep } from "../../src/core/async.ts";
import { u16, u32, u64 } from "../../src/core/bytes.ts";
import type { Cbor } from "../../src/core/cbor.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { safeFileName } from "../../src/blob/names.ts";
import { PackBuilder } from "../../src/blob/tree/pack.ts";
import type { Listed } from "../../src/services/files/contract.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { loadShares } from "../../src/services/files/shares/share-records.ts";
import { BUSY, WALK_ROUTE } from "../../src/services/files/trees/wire.ts";
import type { Session, Stream } from "../../src/session/contract.ts";
import { offer } from "./hand-sender.ts";
import { eventually, type Lab, openLab, watchUntil } from "./peers.ts";

const CANARY = "canary";
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

const walkArgs = { content: true, deep: true };
const fetchArgs = { size: CANARY.length, ranges: [0, 1] };

/** All that an answer says: the error, or every byte. */
async function answer(session: Session, route: string, args: Cbor): Promise<unknown> {
  try {
    const { value, stream } = await session.open(route, args, { timeoutMs: 10_000 });
    const chunks: Buffer[] = [];
    for (let chunk; (chunk = await stream.read()) !== null;) chunks.push(chunk);
    await stream.end();
    return { value, bytes: Buffer.concat(chunks).toString("latin1") };
  } catch (error) {
    return JSON.parse(JSON.stringify(error));
  }
}

async function share({ a, b }: Pick<Lab, "a" | "b">, path: string): Promise<string> {
  const { name } = await a.files.share(b.id, path);
  await eventually(async () => b.files.sharedBy(a.id).some((known) => known.name === name), true);
  return (await loadShares(a.store)).find((record) => record.name === name)!.id;
}

test("nobody but the peer that it is for can tell a share from nothing, whatever it is asked by", async () => {
  await using lab = await openLab();
  await using other = await openLab({ to: lab.a });
  const dist = join(lab.dir, "dist");
  await mkdir(dist);
  await writeFile(join(dist, "x"), "shared");
  const id = await share(lab, dist);
  const ended = (await share(lab, lab.into), (await loadShares(lab.a.store)).find(({ name }) => name === "into")!.id);
  await lab.a.files.unshare(lab.b.id, "into");
  const stranger = other.b.sessions.get(lab.a.id)!;
  const friend = lab.b.sessions.get(lab.a.id)!;
  const asked: [route: string, args: Record<string, Cbor>][] = [
    [WALK_ROUTE, { ...walkArgs, path: "dist" }],
    [WALK_ROUTE, { ...walkArgs, path: "" }],
    [WALK_ROUTE, { ...walkArgs, path: "dist/../../x" }],
    [WALK_ROUTE, { ...walkArgs, path: "nothing", after: "dist" }],
    [FETCH_ROUTE, { ...fetchArgs, path: "dist/x" }],
    [FETCH_ROUTE, { ...fetchArgs, path: "dist/no" }],
    [FETCH_ROUTE, { ...fetchArgs, path: "../x" }],
    [FETCH_ROUTE, fetchArgs],
  ];
  for (const [route, args] of asked) {
    const nothing = await answer(stranger, route, { ...args, offer: "0".repeat(32) });
    assert.equal((nothing as { code: string }).code, "refused");
    assert.deepEqual(await answer(stranger, route, { ...args, offer: id }), nothing);
    assert.deepEqual(await answer(friend, route, { ...args, offer: ended }), nothing);
    assert.deepEqual(await answer(friend, route, { ...args, offer: "0".repeat(32) }), nothing);
  }
  // The same questions by who may ask them.
  assert.match(
    ((await answer(friend, WALK_ROUTE, { ...walkArgs, offer: id, path: "dist" })) as { bytes: string }).bytes,
    /shared/,
  );
  assert.deepEqual(other.b.files.sharedBy(lab.a.id), []);
});

const PATHS = [
  ...[
    "../x",
    "..",
    "/x",
    "/etc/passwd",
    "a/../../x",
    "dist/../outside/x",
    "dist/..",
    "dist/../../x",
    "dist//x",
    "dist/./x",
    "./dist",
  ],
  ...[
    "dist/..\\..\\outside\\x",
    "..\\x",
    "dist/%2e%2e/outside/x",
    "%2e%2e/outside/x",
    "dist/\0",
    "dist\0/x",
    "\0",
    "dist/．．/outside/x",
  ],
  ...[
    "dist/link",
    "dist/link/x",
    "dist/file-link",
    "dist/link/deep/x",
    "dist/x/",
    "dist/x/..",
    "dist/x/y",
    "outside",
    "outside/x",
  ],
  ...["dist/fifo", "dist/\ud83d", "~/x", "$HOME", "-rf", "dist/x\n", "dist/X"],
  "n".repeat(300),
  `dist/${"n".repeat(300)}`,
  Array.from({ length: 10_000 }, () => "..").join("/"),
  ["dist", ...Array.from({ length: 70 }, () => "d")].join("/"),
];

async function makeTrap(lab: Lab): Promise<string> {
  const dist = join(lab.dir, "dist");
  await mkdir(dist);
  await writeFile(join(dist, "x"), "shared");
  await symlink("../outside", join(dist, "link"));
  await symlink(join(lab.dir, "outside", "x"), join(dist, "file-link"));
  return dist;
}

test("no path reaches what is not shared: neither by a raw client, nor by list, get and read", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const id = await share(lab, await makeTrap(lab));
  const session = b.sessions.get(a.id)!;
  for (const path of PATHS) {
    const shown = JSON.stringify(path.slice(0, 60));
    for (const [route, args] of [
      [WALK_ROUTE, { ...walkArgs, offer: id, path }],
      [WALK_ROUTE, { content: true, deep: false, offer: id, path }],
      [FETCH_ROUTE, { ...fetchArgs, offer: id, path }],
    ] as const) {
      const said = (await answer(session, route, args)) as { code?: string; bytes?: string; message?: string };
      if (said.code === undefined) {
        assert.ok(path.startsWith("dist/") && route === WALK_ROUTE, shown);
        assert.ok(!said.bytes!.includes(CANARY), shown);
        assert.match(said.bytes!, /link-outside/, shown);
      } else {
        assert.ok(["protocol", "not-found"].includes(said.code), `${shown}: ${said.code}`);
        assert.ok(!JSON.stringify(said).includes(lab.dir), shown);
      }
    }
    if (path === "dist/x/") continue;
    const refused = (error: { code?: string }): boolean => ["bad-argument", "not-found"].includes(error.code ?? "");
    const listed: Listed[] = [];
    try {
      for await (const one of b.files.list(a.id, path, { deep: true, signal: signal() })) listed.push(one);
    } catch (error) {
      assert.ok(refused(error as { code?: string }), `${shown}: ${String(error)}`);
    }
    assert.ok(listed.length === 0 || (listed.length === 1 && listed[0]!.kind === "note"), shown);
    await assert.rejects(b.files.get(a.id, path, { into }), refused, shown);
    await assert.rejects(Array.fromAsync(b.files.read(a.id, path, { signal: signal() })), refused, shown);
  }
  assert.deepEqual(await readdir(into), []);
  const whole = await answer(session, WALK_ROUTE, { ...walkArgs, offer: id, path: "" });
  assert.ok(!(whole as { bytes: string }).bytes.includes(CANARY));
  const { offer: got } = await b.files.get(a.id, "dist", { into });
  assert.equal((await watchUntil(b, got.id)).notes.count, 2);
  assert.deepEqual(await readdir(join(into, "dist")), ["x"]);
});

test("what a file is called in a share becomes a safe name here", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const dist = join(lab.dir, "dist");
  await mkdir(dist);
  const names = ["\x1b[2J", "..hidden", "a\\b", "CON", "line\nbreak", "c\u202ed"];
  for (const name of names) await writeFile(join(dist, name), name);
  await share(lab, dist);
  const listed = await Array.fromAsync(b.files.list(a.id, "dist", { signal: signal() }));
  assert.deepEqual(listed.map(({ path }) => path).sort(), ["dist", ...names.map((name) => `dist/${name}`)].sort());
  for (const name of names) {
    const { offer: got } = await b.files.get(a.id, `dist/${name}`, { into });
    const done = await watchUntil(b, got.id);
    assert.deepEqual([done.offer.state, done.path], ["done", join(into, safeFileName(name))]);
    assert.equal(await readFile(done.path!, "utf8"), name);
  }
});

test("where a walk is to go on leads nowhere else, either", async () => {
  await using lab = await openLab();
  const id = await share(lab, await makeTrap(lab));
  const session = lab.b.sessions.get(lab.a.id)!;
  for (const after of ["../x", "/", "dist/../x", "\0", "dist/link/x", "zzz", ".."]) {
    const said = (await answer(session, WALK_ROUTE, { ...walkArgs, offer: id, path: "dist", after })) as { bytes?: string };
    assert.ok(!(said.bytes ?? "").includes(CANARY), after);
  }
});

async function flip(name: string, kept: string, link: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("./flipper.child.ts", import.meta.url));
  const child = spawn(process.execPath, [script, name, kept, link], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

test("names that turn into links and back while they are listed and read bring nothing from behind the links", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const dist = join(lab.dir, "dist");
  await mkdir(join(dist, "d"), { recursive: true });
  const inside = "inside";
  assert.equal(inside.length, CANARY.length);
  await writeFile(join(dist, "d", "x"), inside);
  await writeFile(join(dist, "f"), inside);
  await symlink("../outside", join(lab.dir, "to-d"));
  await symlink(join(lab.dir, "outside", "x"), join(lab.dir, "to-f"));
  await share(lab, dist);
  const flippers = [
    await flip(join(dist, "d"), join(lab.dir, "kept-d"), join(lab.dir, "to-d")),
    await flip(join(dist, "f"), join(lab.dir, "kept-f"), join(lab.dir, "to-f")),
  ];
  const session = b.sessions.get(a.id)!;
  const { id } = (await loadShares(a.store))[0]!;
  const came = { inside: 0, nothing: 0 };
  const count = (text: string): void => {
    assert.ok(!text.includes(CANARY), "the canary has come");
    came[text.includes(inside) ? "inside" : "nothing"]++;
  };
  try {
    const until = performance.now() + 2500;
    while (performance.now() < until) {
      for (const path of ["dist", "dist/d", "dist/d/x", "dist/f"])
        count(JSON.stringify(await answer(session, WALK_ROUTE, { ...walkArgs, offer: id, path })));
      for (const path of ["dist/d/x", "dist/f"])
        count(JSON.stringify(await answer(session, FETCH_ROUTE, { ...fetchArgs, offer: id, path })));
    }
    const { offer: got } = await b.files.get(a.id, "dist", { into });
    await watchUntil(b, got.id);
  } finally {
    for (const child of flippers) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
  // Both were seen, so both were there to be seen.
  assert.ok(came.inside > 0 && came.nothing > 0, JSON.stringify(came));
  for (const entry of await readdir(into, { recursive: true, withFileTypes: true })) {
    assert.ok(!entry.isSymbolicLink());
    if (entry.isFile()) assert.equal(await readFile(join(entry.parentPath, entry.name), "utf8"), inside);
  }
});

/** b lists what a, answered for by hand, is said to share as "x". */
async function listBy(
  lab: Lab,
  serve: (stream: Stream, args: Cbor) => Promise<void>,
  { path = "x", deep = true, most = Infinity }: { readonly path?: string; readonly deep?: boolean; readonly most?: number } = {},
): Promise<Listed[]> {
  hand.serve = serve;
  const listed: Listed[] = [];
  for await (const one of lab.b.files.list(lab.a.id, path, { deep, signal: signal() })) {
    listed.push(one);
    if (listed.length >= most) break;
  }
  return listed;
}
const hand: { serve: (stream: Stream, args: Cbor) => Promise<void> } = { serve: async () => {} };

async function openHandSharer(): Promise<Lab> {
  const lab = await openLab({ handSender: true });
  lab.a.sessions.handle(WALK_ROUTE, async (call) => {
    const stream = await call.accept({});
    await hand.serve(stream, call.args as Cbor);
    while ((await stream.read()) !== null);
  });
  await offer(lab, { v: 1, kind: "share", name: "x", type: "directory" });
  await eventually(async () => lab.b.files.sharedBy(lab.a.id).length, 1);
  return lab;
}

function pack(build: (builder: PackBuilder) => void): Buffer {
  const builder = new PackBuilder();
  build(builder);
  const bytes = builder.finish();
  return Buffer.concat([u32(bytes.length), bytes]);
}

const things = (...paths: string[]): Buffer =>
  pack((builder) => {
    for (const path of paths)
      if (path.endsWith("/")) builder.directory(path.slice(0, -1), 0);
      else builder.file(path, 1, { mtimeMs: 0, executable: false });
  });

const all = (...frames: Buffer[]) =>
  async function serve(stream: Stream): Promise<void> {
    await stream.write(Buffer.concat([...frames, u32(0)]));
    await stream.end();
  };

test("a peer that answers a list with what was not asked is found out, and what is odd is only shown", async () => {
  await using lab = await openHandSharer();
  const honest = await listBy(lab, all(things("x/", "x/a"), u32(BUSY), things("x/b/", "x/b/c\x1b[2J")));
  assert.deepEqual(
    honest.map(({ path }) => path),
    ["x", "x/a", "x/b", "x/b/c\x1b[2J"],
  );
  assert.deepEqual(
    (await listBy(lab, all(things("b/", "b/c")), { path: "x/a/b" })).map(({ path }) => path),
    ["x/a/b", "x/a/b/c"],
  );
  const raw = (path: string): Buffer => {
    const bytes = Buffer.concat([Buffer.of(2), u16(Buffer.byteLength(path)), Buffer.from(path), u64(0)]);
    return Buffer.concat([u32(bytes.length), bytes]);
  };
  const lies: [what: string, serve: (stream: Stream, args: Cbor) => Promise<void>, options?: Parameters<typeof listBy>[2]][] = [
    ["nothing", all()],
    ["another thing", all(things("y/"))],
    ["another root after this one", all(things("x/", "x/a", "y/"))],
    ["a path above", all(raw("../x"))],
    ["an absolute path", all(raw("/x"))],
    ["dots", all(things("x/"), raw("x/../y"))],
    ["an empty name", all(things("x/"), raw("x//a"))],
    ["a NUL", all(things("x/"), raw("x/a\0"))],
    ["a longer name", all(things("xx/"))],
    ["out of order", all(things("x/", "x/b", "x/a"))],
    ["out of order in the next pack", all(things("x/", "x/b"), things("x/a"))],
    ["twice", all(things("x/", "x/a", "x/a"))],
    ["below a file", all(things("x/", "x/a", "x/a/b"))],
    ["below what was not listed", all(things("x/", "x/a/b"))],
    ["deeper than asked", all(things("x/", "x/a/", "x/a/b")), { deep: false }],
    ["the whole share instead of a part", all(things("x/", "x/a/", "x/a/b/")), { path: "x/a/b" }],
    ["a frame too long", all(u32(LIMITS.treePackMaxBytes + 1))],
    ["half a record", all(Buffer.concat([u32(2), Buffer.of(2, 0)]))],
    ["an end amid a frame", async (stream) => (await stream.write(Buffer.concat([u32(100), Buffer.of(2)])), stream.end())],
    ["no end", async (stream) => (await stream.write(things("x/")), stream.end())],
  ];
  for (const [what, serve, options] of lies) await assert.rejects(listBy(lab, serve, options), { code: "protocol" }, what);
  assert.equal((await listBy(lab, all(things("x/")))).length, 1);
});

test("a list that is cut goes on behind what came; one that brings nothing new does not go on for ever", async () => {
  await using lab = await openHandSharer();
  const asked: unknown[] = [];
  const cutAfter = (...lists: string[][]) => {
    const parts = lists.map((paths) => things(...paths));
    return async (stream: Stream, args: Cbor): Promise<void> => {
      asked.push((args as { after?: string }).after);
      const part = parts.shift();
      if (part !== undefined) await stream.write(part);
      if (parts.length === 0 && lists.length === 3) {
        await stream.write(u32(0));
        await stream.end();
      } else {
        // What was written has to arrive before the cut.
        await sleep(50);
        stream.reset();
      }
    };
  };
  const listed = await listBy(lab, cutAfter(["x/", "x/a"], ["x/b/", "x/b/c"], ["x/b/d", "x/e"]));
  assert.deepEqual(
    listed.map(({ path }) => path),
    ["x", "x/a", "x/b", "x/b/c", "x/b/d", "x/e"],
  );
  assert.deepEqual(asked.splice(0), [undefined, "x/a", "x/b/c"]);
  await assert.rejects(listBy(lab, cutAfter(["x/", "x/a"])), { code: "closed" });
  assert.deepEqual(asked.splice(0), [undefined, "x/a"]);
  await assert.rejects(listBy(lab, cutAfter(["x/", "x/a"], ["x/a", "x/b"])), { code: "protocol" });
});

test("a list without end is taken as far as it is read, and not kept; leaving it ends it", async () => {
  await using lab = await openHandSharer();
  let sent = 0;
  const ended = Promise.withResolvers<void>();
  const endless = async (stream: Stream): Promise<void> => {
    try {
      await stream.write(things("x/"));
      for (let n = 0; ; n++) {
        const names = Array.from({ length: 5000 }, (_, i) => `x/${String(n * 5000 + i).padStart(200, "0")}`);
        await stream.write(things(...names));
        sent += 5000;
      }
    } finally {
      ended.resolve();
    }
  };
  assert.equal((await listBy(lab, endless, { most: 20_001 })).length, 20_001);
  await ended.promise;
  assert.ok(sent < 100_000, `${sent} names were sent before the reader had taken 20,001`);
});

test("what is got is no more than was there when it was asked for, or a little", async () => {
  await using lab = await openHandSharer();
  const { a, b, into } = lab;
  hand.serve = all(things("x/", "x/a"));
  const { offer: got } = await b.files.get(a.id, "x", { into });
  assert.deepEqual([got.files, got.size], [1, 1]);
  hand.serve = async (stream) => {
    const content = Buffer.alloc(LIMITS.smallFileBytes, 1);
    await stream.write(things("x/"));
    for (let n = 0; ; n++) {
      const file = (builder: PackBuilder): void => {
        content.copy(builder.reserve(`x/${String(n).padStart(12, "0")}`, content.length));
        builder.keep({ mtimeMs: 0, executable: false });
      };
      await stream.write(pack(file));
    }
  };
  const failed = await watchUntil(b, got.id);
  assert.deepEqual([failed.offer.state, failed.problem?.code], ["failed", "changed"]);
  assert.match(failed.problem!.message, /much larger/);
  assert.deepEqual(await readdir(into), []);
});
