// Somebody changes the tree while it is read: real processes, as fast as they can.

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { hash } from "../../core/hash.ts";
import { openInTree } from "./open-in-tree.ts";
import { readPack } from "./pack.ts";
import { TreeWalker } from "./reader.ts";
import { linesOf, scanAll, startScript, temporary, walkAll } from "./test-kit.ts";

const RUN_MS = 1500;

/** Each round is [from, to] of renames. */
const FLIP = `
  import { renameSync } from "node:fs";
  const moves = JSON.parse(process.argv[1]);
  console.log("flipping");
  for (;;) for (const [from, to] of moves) renameSync(from, to);`;

test("what is behind a link never comes along, however fast it takes the place of something", async () => {
  using dir = temporary();
  mkdirSync(dir.at("home/root/flip/inner"), { recursive: true });
  mkdirSync(dir.at("canary/inner"), { recursive: true });
  mkdirSync(dir.at("canary/root/flip/inner"), { recursive: true });
  for (const path of ["home/root/flip", "home/root/flip/inner"]) writeFileSync(dir.at(path, "file"), "public");
  for (const path of ["canary", "canary/inner", "canary/root", "canary/root/flip", "canary/root/flip/inner"]) {
    writeFileSync(dir.at(path, "file"), "CANARY");
    writeFileSync(dir.at(path, "canary-name"), "CANARY");
  }
  writeFileSync(dir.at("home/root/single"), "public");
  symlinkSync(dir.at("canary"), dir.at("home/root/link"));
  symlinkSync(dir.at("canary/file"), dir.at("home/root/single-link"));
  symlinkSync(dir.at("canary"), dir.at("home-link"));
  const flip = (thing: string, link: string): (readonly [string, string])[] => [
    [thing, `${thing}-aside`],
    [link, thing],
    [thing, link],
    [`${thing}-aside`, thing],
  ];
  const inside = JSON.stringify([
    ...flip(dir.at("home/root/flip"), dir.at("home/root/link")),
    ...flip(dir.at("home/root/single"), dir.at("home/root/single-link")),
  ]);
  const above = JSON.stringify(flip(dir.at("home"), dir.at("home-link")));
  const roots = [{ name: "root", path: dir.at("home/root") }];
  const seen = new Set<string>();
  const look = (path: string): void => {
    const walker = new TreeWalker(roots, { path, content: true, deep: true });
    try {
      for (let pack = walker.next(); pack !== undefined; pack = walker.next()) {
        assert.equal(pack.includes("CANARY"), false);
        assert.equal(pack.includes("canary-name"), false);
        for (const line of linesOf([...readPack(pack)])) seen.add(line);
      }
    } catch (error) {
      assert.equal((error as { code?: string }).code, "not-found");
      seen.add("not-found");
    }
  };
  // Both sides of the race are to be seen, and the gap between them.
  const sights = ["file root/flip/file", "note root/flip link-outside", "file inner/file", "open root/flip/file", "not-found"];
  for (const [moves, enough] of [
    [inside, sights],
    [above, []],
  ] as const) {
    await using _ = await startScript(FLIP, moves);
    const start = performance.now();
    while (performance.now() < start + RUN_MS / 2 || !enough.every((line) => seen.has(line))) {
      assert.ok(performance.now() < start + 30_000, [...seen].join(", "));
      for (const path of ["", "root/flip", "root/flip/inner", "root/single"]) look(path);
      for (const path of ["root/flip/inner/file", "root/flip/file", "root/single"]) {
        const file = await openInTree(roots, path).catch((error: unknown) => {
          assert.equal((error as { code?: string }).code, "not-found");
        });
        if (file === undefined) continue;
        seen.add(`open ${path}`);
        assert.equal((await file.readFile()).toString(), "public");
        await file.close();
      }
    }
  }
});

test("a file that is rewritten all the time is one of its versions, or noted", async () => {
  using dir = temporary();
  mkdirSync(dir.at("r"));
  const size = 1024 * 1024;
  // 100 times a second, and without a pause.
  const rewrite = (again: string): string => `
    import { openSync, writeSync } from "node:fs";
    const [path, size] = [process.argv[1], Number(process.argv[2])];
    const file = openSync(path, "r+");
    let version = 0;
    const write = () => writeSync(file, Buffer.alloc(size, ++version), 0, size, 0);
    write();
    console.log("writing");
    ${again}`;
  for (const name of ["slow", "fast"]) writeFileSync(dir.at("r", name), Buffer.alloc(size));
  writeFileSync(dir.at("r/still"), "still");
  const roots = [{ name: "r", path: dir.at("r") }];
  {
    await using _slow = await startScript(rewrite("setInterval(write, 10);"), dir.at("r/slow"), `${size}`);
    await using _fast = await startScript(rewrite("for (;;) write();"), dir.at("r/fast"), `${size}`);
    const seen = new Set<string>();
    for (const until = performance.now() + RUN_MS; performance.now() < until;) {
      for (const record of walkAll(roots)) {
        seen.add(linesOf([record])[0]!);
        if (record.type !== "file") continue;
        const { bytes } = record.content!;
        assert.deepEqual(hash(bytes), record.content!.hash);
        if (record.path === "r/still") assert.equal(bytes.toString(), "still");
        else assert.ok(bytes.equals(Buffer.alloc(size, bytes[0])), `${record.path} is a mixture`);
      }
    }
    assert.ok(seen.has("file r/still"));
    assert.ok(seen.has("note r/fast changed"), [...seen].join(", "));
    assert.ok(seen.has("note r/slow changed"), [...seen].join(", "));
  }
  assert.deepEqual(linesOf(walkAll(roots)), ["directory r", "file r/fast", "file r/slow", "file r/still"]);
});

test("files and directories that come and go are there, or noted, or not there", async () => {
  using dir = temporary();
  mkdirSync(dir.at("r"));
  for (let i = 0; i < 20; i++) writeFileSync(dir.at("r", `stays ${i}`), "here");
  const come = `
    import { mkdirSync, rmSync, writeFileSync } from "node:fs";
    process.chdir(process.argv[1]);
    console.log("coming and going");
    for (let i = 0; ; i = (i + 1) % 20) {
      mkdirSync("dir " + i);
      writeFileSync("dir " + i + "/file", "there");
      writeFileSync("file " + i, "there");
      rmSync("dir " + i, { recursive: true });
      rmSync("file " + i);
    }`;
  await using _ = await startScript(come, dir.at("r"));
  const roots = [{ name: "r", path: dir.at("r") }];
  const seen = new Set<string>();
  for (const until = performance.now() + RUN_MS / 2; performance.now() < until;) {
    const records = walkAll(roots);
    assert.equal(records.filter(({ path }) => path.startsWith("r/stays")).length, 20);
    for (const record of records) {
      if (record.type === "note") seen.add(record.code);
      if (record.type === "file") assert.match(record.content!.bytes.toString(), /^(here|there|)$/);
    }
    assert.ok(scanAll(roots).files >= 20);
    walkAll(roots, { content: false });
  }
  assert.ok(seen.has("vanished"), [...seen].join(", "));
  assert.deepEqual(
    [...seen].filter((code) => code !== "vanished" && code !== "changed"),
    [],
  );
});
