import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { hash } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import { readPack } from "./pack.ts";
import { TreeWalker } from "./reader.ts";
import { linesOf, nest, scanAll, temporary, walkAll } from "./test-kit.ts";
import { traverse } from "./traverse.ts";

function tree(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    if (path.endsWith("/")) mkdirSync(join(dir, path), { recursive: true });
    else writeFileSync(join(dir, path), content);
  }
}

const whole = (options = {}) => ({ path: "", content: true, deep: true, ...options });

test("a tree comes in canonical order, with times, the executable bit and content", () => {
  using dir = temporary();
  tree(dir.path, {
    "r/a.b": "1",
    "r/a/b": "22",
    "r/a/c/": "",
    "r/a b": "",
    "r/é": "3",
    "r/\uffff": "",
    "r/\u{10000}": "",
    one: "x",
  });
  chmodSync(dir.at("r/a/b"), 0o755);
  utimesSync(dir.at("r/a/b"), 0, new Date(-1));
  utimesSync(dir.at("r/a/c"), 0, new Date("1969-12-31T23:59:58.500Z"));
  const roots = [
    { name: "z one", path: dir.at("one") },
    { name: "r", path: dir.at("r") },
  ];
  const records = walkAll(roots);
  assert.deepEqual(linesOf(records), [
    "directory r",
    "directory r/a",
    "file r/a/b",
    "directory r/a/c",
    "file r/a b",
    "file r/a.b",
    "file r/é",
    "file r/\uffff",
    "file r/\u{10000}",
    "file z one",
  ]);
  const bytes = Buffer.from("22");
  const facts = { path: "r/a/b", size: 2, mtimeMs: -1, executable: true };
  assert.deepEqual(records[2], { type: "file", ...facts, content: { hash: hash(bytes), bytes } });
  assert.deepEqual(records[3], { type: "directory", path: "r/a/c", mtimeMs: -1500 });
  const listed = walkAll(roots, { content: false });
  assert.deepEqual(listed[2], { type: "file", ...facts, content: undefined });
  assert.deepEqual(linesOf(listed), linesOf(records));
  assert.deepEqual(scanAll(roots), {
    files: 7,
    bytes: 5,
    roots: [
      { name: "r", kind: "directory", files: 6, bytes: 4 },
      { name: "z one", kind: "file", files: 1, bytes: 1 },
    ],
    rootCount: 2,
    notes: { count: 0, first: [] },
  });
});

test("a walk goes on behind any of its records, and no pack needs another", () => {
  using dir = temporary();
  tree(dir.path, { "r/a/b/c": "1", "r/a/b/d": "2", "r/a.b": "3", "r/a/e": "4", "r/f/": "", "r/g": "5", "s/h": "6", t: "7" });
  const roots = ["t", "s", "r"].map((name) => ({ name, path: dir.at(name) }));
  const all = linesOf(walkAll(roots));
  assert.equal(all.length, 12);
  for (const [i, { path }] of walkAll(roots).entries()) {
    assert.deepEqual(linesOf(walkAll(roots, { after: path })), all.slice(i + 1));
    assert.deepEqual(linesOf(walkAll(roots, { after: path, content: false })), all.slice(i + 1));
  }
  assert.deepEqual(linesOf(walkAll(roots, { after: "r/a/b/cc" })), all.slice(all.indexOf("file r/a/b/d")));
  assert.deepEqual(linesOf(walkAll(roots, { after: "r/zz" })), all.slice(all.indexOf("directory s")));
  assert.deepEqual(linesOf(walkAll(roots, { after: "zz" })), []);
});

test("roots come from anywhere, in the order of their names", () => {
  using dir = temporary();
  tree(dir.path, { "x/one": "1", "y/two": "2", "x/three": "3", "x/four/f": "4" });
  const roots = [
    ["c", "x/one"],
    ["b", "y/two"],
    ["a", "x/three"],
    ["d", "x/four"],
  ].map(([name, path]) => ({ name: name!, path: dir.at(path!) }));
  const contents = walkAll(roots).map((record) =>
    record.type === "file" ? `${record.path} ${record.content!.bytes}` : record.path,
  );
  assert.deepEqual(contents, ["a 3", "b 2", "c 1", "d", "d/f 4"]);
});

test("a part of a tree, and one level of it", () => {
  using dir = temporary();
  tree(dir.path, { "x/a/b/c/d": "1", "x/a/b/e": "2", "x/a/f": "3", g: "4" });
  const roots = [
    { name: "r", path: dir.at("x") },
    { name: "g", path: dir.at("g") },
  ];
  const lines = (path: string, more = {}) => linesOf(walkAll(roots, { path, ...more }));
  assert.deepEqual(lines("r/a/b"), ["directory b", "directory b/c", "file b/c/d", "file b/e"]);
  assert.deepEqual(lines("r/a/b", { deep: false }), ["directory b", "directory b/c", "file b/e"]);
  assert.deepEqual(lines("r/a/b", { after: "b/c/d" }), ["file b/e"]);
  assert.deepEqual(lines("r/a/b", { deep: false, after: "b/c" }), ["file b/e"]);
  assert.deepEqual(lines("r/a/f"), ["file f"]);
  assert.deepEqual(lines("g"), ["file g"]);
  assert.deepEqual(lines("", { deep: false }), ["file g", "directory r", "directory r/a"]);
  assert.equal(walkAll(roots, { path: "r/a/f" })[0]!.type, "file");
  for (const missing of ["x", "r/no", "r/a/f/x", "r/a/no/e", "g/x"])
    assert.throws(() => lines(missing), { code: "not-found" }, missing);
  for (const wrong of ["r/..", "r//a", "../g", "r/a/", "/", "r/.", "r/\0"])
    assert.throws(() => lines(wrong), { code: "protocol" }, wrong);
});

test("links: those that stay inside are told, none is followed", () => {
  using dir = temporary();
  tree(dir.path, { "r/a/b": "1", "outside/canary": "CANARY" });
  const links = {
    "r/in": "a/b",
    "r/gone": "nothing",
    "r/a/up": "../a",
    "r/loop": "loop",
    "r/a/out": "../../outside",
    "r/abs": dir.at("outside"),
    "r/sly": "a/../../outside",
    "r/dir": "../outside",
    rootlink: "r",
  };
  for (const [path, target] of Object.entries(links)) symlinkSync(target, dir.at(path));
  symlinkSync(Buffer.from([0xff]), dir.at("r/bytes"));
  const roots = ["r", "rootlink"].map((name) => ({ name, path: dir.at(name) }));
  const expected = [
    "directory r",
    "directory r/a",
    "file r/a/b",
    "note r/a/out link-outside",
    "link r/a/up ../a",
    "note r/abs link-outside",
    "note r/bytes not-utf8",
    "note r/dir link-outside",
    "link r/gone nothing",
    "link r/in a/b",
    "link r/loop loop",
    "note r/sly link-outside",
    "note rootlink link-outside",
  ];
  assert.deepEqual(linesOf(walkAll(roots)), expected);
  assert.deepEqual(linesOf(walkAll(roots, { content: false })), expected);
  assert.deepEqual(scanAll(roots).roots[1], { name: "rootlink", kind: "link", files: 0, bytes: 0 });
  assert.equal(scanAll(roots).notes.count, 6);
  for (const path of ["r/dir/canary", "r/dir", "r/in/x", "r/a/up/b", "rootlink/a"]) {
    if (path === "r/dir") assert.deepEqual(linesOf(walkAll(roots, { path })), ["note dir link-outside"]);
    else assert.throws(() => walkAll(roots, { path }), { code: "not-found" }, path);
  }
  // A link as a part by itself has nothing around it to lead into.
  assert.deepEqual(linesOf(walkAll(roots, { path: "r/in" })), ["note in link-outside"]);
});

test("pipes, sockets and devices are noted, and nothing waits for them", async () => {
  using dir = temporary();
  mkdirSync(dir.at("r"));
  execFileSync("mkfifo", [dir.at("r/fifo")]);
  const server = createServer().listen(dir.at("r/socket"));
  await once(server, "listening");
  const expected = ["directory r", "note r/fifo special", "note r/socket special"];
  const roots = [{ name: "r", path: dir.at("r") }];
  assert.deepEqual(linesOf(walkAll(roots)), expected);
  assert.deepEqual(linesOf(walkAll(roots, { content: false })), expected);
  assert.deepEqual(linesOf(walkAll([{ name: "null", path: "/dev/null" }])), ["note null special"]);
  assert.throws(() => scanAll([{ name: "fifo", path: dir.at("r/fifo") }]), { code: "bad-argument", message: /fifo is neither/ });
  server.close();
});

test("what covey itself has on its way in is not there", () => {
  using dir = temporary();
  tree(dir.path, { "r/.covey-abc.part/x": "1", "r/a/.covey-1.part": "2", "r/.covey-": "3", "r/x.part": "4" });
  const roots = [{ name: "r", path: dir.at("r") }];
  assert.deepEqual(linesOf(walkAll(roots)), ["directory r", "file r/.covey-", "directory r/a", "file r/x.part"]);
  assert.throws(() => walkAll(roots, { path: "r/.covey-abc.part/x" }), { code: "not-found" });
  assert.throws(() => walkAll(roots, { path: "r/a/.covey-1.part" }), { code: "not-found" });
});

test("large files are told, small ones brought, up to the byte", () => {
  using dir = temporary();
  mkdirSync(dir.at("r"));
  for (const [name, size] of [
    ["small", LIMITS.smallFileBytes],
    ["large", LIMITS.smallFileBytes + 1],
    ["huge", 2 ** 40],
  ] as const) {
    writeFileSync(dir.at("r", name), "");
    truncateSync(dir.at("r", name), size);
  }
  const sizes = walkAll([{ name: "r", path: dir.at("r") }]).map((record) =>
    record.type === "file" ? [record.path, record.size, record.content?.bytes.length] : record.type,
  );
  const small = LIMITS.smallFileBytes;
  assert.deepEqual(sizes, [
    "directory",
    ["r/huge", 2 ** 40, undefined],
    ["r/large", small + 1, undefined],
    ["r/small", small, small],
  ]);
});

test("packs end when they are full, and never grow beyond their limit", () => {
  using dir = temporary();
  mkdirSync(dir.at("r"));
  for (let i = 0; i < 12; i++) writeFileSync(dir.at("r", `${i}`), Buffer.alloc(400_000, i));
  const walker = new TreeWalker([{ name: "r", path: dir.at("r") }], whole());
  const packs: Buffer[] = [];
  for (let pack = walker.next(); pack !== undefined; pack = walker.next()) packs.push(pack);
  assert.ok(packs.length >= 4);
  for (const pack of packs) assert.ok(pack.length > 0 && pack.length < LIMITS.treePackBytes + 400_100);
  assert.equal(packs.flatMap((pack) => [...readPack(pack)]).length, 13);
  assert.equal(walker.next(), undefined);
});

test("roots that are not there are notes in a walk and errors in a scan", () => {
  using dir = temporary();
  tree(dir.path, { "r/a": "1" });
  const roots = [
    { name: "a", path: dir.at("no/deeper") },
    { name: "b", path: dir.at("no") },
    { name: "c", path: dir.at("r") },
  ];
  assert.deepEqual(linesOf(walkAll(roots)), ["note a vanished", "note b vanished", "directory c", "file c/a"]);
  assert.throws(() => scanAll(roots), { code: "not-found", message: /no\/deeper/ });
  assert.throws(() => walkAll(roots, { path: "b" }), { code: "not-found" });
  assert.throws(() => walkAll([roots[2]!, roots[2]!]), { code: "bad-argument" });
});

test("a scan names the first roots, keeps the first notes, and counts the rest", () => {
  using dir = temporary();
  mkdirSync(dir.at("r"));
  const roots = Array.from({ length: 70 }, (_, i) => ({ name: `${100 + i}`, path: dir.at(`${100 + i}`) }));
  for (const { path } of roots) writeFileSync(path, "ab");
  for (let i = 0; i < LIMITS.treeNotes + 5; i++) symlinkSync("/", dir.at("r", `${i}`));
  const summary = scanAll([{ name: "r", path: dir.at("r") }, ...roots.toReversed()]);
  assert.equal(summary.rootCount, 71);
  assert.equal(summary.roots.length, LIMITS.offerRoots);
  assert.deepEqual(summary.roots[1], { name: "101", kind: "file", files: 1, bytes: 2 });
  assert.equal(summary.bytes, 140);
  assert.equal(summary.notes.count, LIMITS.treeNotes + 5);
  assert.equal(summary.notes.first.length, LIMITS.treeNotes);
});

test("the handles of a walk are as many as its levels, and none is left", () => {
  if (!existsSync("/proc/self/fd")) return;
  using dir = temporary();
  nest(dir.path, ["r", ...Array<string>(30).fill("d")], "f");
  for (let i = 0; i < 20; i++) cpSync(dir.at("r/d"), dir.at("r", `copy ${i}`), { recursive: true });
  const open = (): number => readdirSync("/proc/self/fd").length;
  const before = open();
  const roots = [{ name: "r", path: dir.at("r") }];
  assert.equal(walkAll(roots).length, 1 + 21 * 31);
  assert.equal(open(), before);
  let most = 0;
  for (const _ of traverse(roots, { path: "", deep: true })) most = Math.max(most, open() - before);
  assert.equal(most, 32);
  assert.throws(() => walkAll(roots, { path: "r/d/d/d/no" }));
  assert.throws(() => walkAll(roots, { path: "r/d/no/no" }));
  assert.equal(open(), before);
  const walker = new TreeWalker(roots, whole());
  walker.next();
  walker.close();
  walker.close();
  assert.equal(open(), before);
  assert.equal(walker.next(), undefined);
});

test("what may not be read is noted, and the rest comes", async (t) => {
  using dir = temporary();
  tree(dir.path, { "r/a": "1", "r/b/c": "2", "r/secret": "SECRET", "r/shut/x": "3", "r/through/x": "4" });
  const script = `
    import { linesOf, scanAll, walkAll } from ${JSON.stringify(new URL("./test-kit.ts", import.meta.url).href)};
    const roots = [{ name: "r", path: process.argv[1] }];
    const part = walkAll(roots, { path: "r/through/x" });
    console.log(JSON.stringify([linesOf(walkAll(roots)), linesOf(part), scanAll(roots).notes.first]));`;
  chmodSync(dir.path, 0o755);
  chmodSync(dir.at("r/secret"), 0);
  chmodSync(dir.at("r/shut"), 0);
  chmodSync(dir.at("r/through"), 0o111);
  const nobody = process.getuid!() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, dir.at("r")], {
    ...nobody,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, errors] = [await child.stdout.toArray(), await child.stderr.toArray()].map((chunks) =>
    Buffer.concat(chunks).toString(),
  );
  for (const path of ["secret", "shut", "through"]) chmodSync(dir.at("r", path), 0o755);
  if (/EACCES.*test-kit|Cannot find module/.test(errors!)) return t.skip("another user may not read this checkout");
  const [walked, part, notes] = JSON.parse(out!) as unknown[];
  const expected = ["directory r", "file r/a", "directory r/b", "file r/b/c", "note r/secret unreadable"];
  assert.deepEqual(walked, [...expected, "note r/shut unreadable", "note r/through unreadable"]);
  assert.deepEqual(part, ["file x"]);
  assert.deepEqual(notes, [
    { path: "r/shut", code: "unreadable" },
    { path: "r/through", code: "unreadable" },
  ]);
  rmSync(dir.at("r"), { recursive: true });
});
