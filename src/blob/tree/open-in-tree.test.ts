import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { openInTree } from "./open-in-tree.ts";
import { temporary } from "./test-kit.ts";

async function read(roots: Parameters<typeof openInTree>[0], path: string): Promise<string> {
  const file = await openInTree(roots, path);
  try {
    return (await file.readFile()).toString();
  } finally {
    await file.close();
  }
}

test("a file is opened by its path, links never followed, and no handle is left", async () => {
  using dir = temporary();
  mkdirSync(dir.at("x/a/b"), { recursive: true });
  mkdirSync(dir.at("x/.covey-k.part"));
  writeFileSync(dir.at("x/a/b/file"), "inner");
  writeFileSync(dir.at("x/.covey-k.part/file"), "part");
  writeFileSync(dir.at("single"), "alone");
  symlinkSync("a", dir.at("x/link"));
  symlinkSync("b/file", dir.at("x/a/link"));
  symlinkSync("x", dir.at("rootlink"));
  execFileSync("mkfifo", [dir.at("x/fifo")]);
  const roots = [
    { name: "r", path: dir.at("x") },
    { name: "s", path: dir.at("single") },
    { name: "l", path: dir.at("rootlink") },
    { name: "above", path: dir.at("rootlink/a") },
  ];
  const before = readdirSync("/proc/self/fd").length;
  assert.equal(await read(roots, "r/a/b/file"), "inner");
  assert.equal(await read(roots, "s"), "alone");
  const missing = [
    "x",
    "r/no",
    "r/a/b/file/x",
    "r/link/b/file",
    "r/a/link",
    "l",
    "l/a/b/file",
    "above/b/file",
    "r/.covey-k.part/file",
    "s/x",
  ];
  for (const path of missing) await assert.rejects(read(roots, path), { code: "not-found" }, path);
  for (const path of ["r", "r/a", "r/fifo"]) await assert.rejects(read(roots, path), { code: "bad-argument" }, path);
  for (const path of ["", "/", "r/../single", "r/a/./b", "r//a", "r/\0"])
    await assert.rejects(read(roots, path), { code: "protocol" }, path);
  assert.equal(readdirSync("/proc/self/fd").length, before);
});

test("without handles to go through it is the same, for who does not race", (t) => {
  using dir = temporary();
  mkdirSync(dir.at("r/a/b"), { recursive: true });
  mkdirSync(dir.at("canary"));
  writeFileSync(dir.at("r/a/b/file"), "inner");
  writeFileSync(dir.at("canary/file"), "CANARY");
  symlinkSync("../../canary", dir.at("r/a/link"));
  symlinkSync("r", dir.at("above"));
  const urls = [new URL("./open-in-tree.ts", import.meta.url), new URL("./test-kit.ts", import.meta.url)].map(String);
  const script = `
    import { existsSync } from "node:fs";
    import { openInTree } from "${urls[0]}";
    import { linesOf, scanAll, walkAll } from "${urls[1]}";
    const roots = [{ name: "r", path: process.argv[1] }];
    const file = await openInTree(roots, "r/a/b/file");
    const beyond = [{ name: "a", path: process.argv[2] }];
    const told = [existsSync("/proc/self"), linesOf(walkAll(roots)), scanAll(roots).files, String(await file.readFile())];
    const refused = [[roots, "r/a/link/file"], [beyond, "a/file"]].map((args) => openInTree(...args).catch(({ code }) => code));
    console.log(JSON.stringify([...told, ...(await Promise.all(refused)), linesOf(walkAll(beyond))]));
    await file.close();`;
  const hidden = 'mount -t tmpfs tmpfs /proc && exec "$@"';
  const node = [process.execPath, "--input-type=module", "-e", script, dir.at("r"), dir.at("above/a/b")];
  const args = ["-Urm", "sh", "-c", hidden, "sh", ...node];
  const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
  if (status !== 0 && /unshare|mount/.test(stderr)) return t.skip(`this system can't hide /proc: ${stderr.trim()}`);
  const walked = ["directory r", "directory r/a", "directory r/a/b", "file r/a/b/file", "note r/a/link link-outside"];
  assert.deepEqual(JSON.parse(stdout), [false, walked, 1, "inner", "not-found", "not-found", ["note a vanished"]]);
});
