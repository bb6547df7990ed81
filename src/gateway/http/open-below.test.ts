import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { constants } from "node:fs";
import { chmod, link, mkdir, mkdtemp, open, readdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

import { HAS_HANDLES } from "../../blob/tree/directory.ts";
import { LIMITS } from "../../core/limits.ts";
import { openBelow } from "./open-below.ts";

let base: string;
let root: string;

before(async () => {
  base = await mkdtemp(join(tmpdir(), "covey-below-"));
  root = join(base, "root");
  await mkdir(join(root, "a/b"), { recursive: true });
  await writeFile(join(root, "a/b/file"), "inside");
  await writeFile(join(root, "top"), "top");
  await mkdir(join(base, "outside"));
  await writeFile(join(base, "outside/secret"), "secret");
});

after(() => rm(base, { recursive: true, force: true }));

/** What is read there, "directory", or "nothing". */
async function found(...names: readonly (string | Buffer)[]): Promise<string> {
  const here = await openBelow(
    root,
    names.map((name) => Buffer.from(name as string)),
  );
  if (here === undefined) return "nothing";
  try {
    return here.kind === "file" ? await here.handle.readFile("utf8") : "directory";
  } finally {
    await here.handle.close();
  }
}

const place = async (name: string, target: string | Buffer): Promise<void> => symlink(target, join(root, name));

test("files and directories", async () => {
  assert.equal(await found(), "directory");
  assert.equal(await found("a", "b"), "directory");
  assert.equal(await found("a", "b", "file"), "inside");
  assert.equal(await found("a", "none"), "nothing");
  assert.equal(await found("top", "x"), "nothing");
});

test("a name of any bytes", { skip: !HAS_HANDLES && "the file system has names of its own" }, async () => {
  const name = Buffer.from([0xff, 0xfe, 0x20, 0x0a, 0x22, 0x5c, 0x25]);
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), name]), "bytes");
  assert.equal(await found(name), "bytes");
});

const LINKS: readonly (readonly [target: string, expected: string])[] = [
  ["a/b/file", "inside"],
  ["./a/./b//file", "inside"],
  ["a/b/../b/file", "inside"],
  ["a", "directory"],
  [".", "directory"],
  ["a/b/", "directory"],
  ["..", "nothing"],
  ["../outside/secret", "nothing"],
  ["../root/top", "nothing"],
  ["a/../../outside/secret", "nothing"],
  ["/etc/passwd", "nothing"],
  ["/", "nothing"],
  ["a/none", "nothing"],
  ["top/", "nothing"],
];

for (const [index, [target, expected]] of LINKS.entries())
  test(`a link to ${target}`, async () => {
    await place(`link${index}`, target);
    assert.equal(await found(`link${index}`), expected);
  });

test("links in directories, through links, and by absolute paths that stay inside", async () => {
  await symlink("../top", join(root, "a/up"));
  assert.equal(await found("a", "up"), "top");
  await place("to-b", "a/b");
  await symlink("../../top", join(root, "a/b/twice-up"));
  assert.equal(await found("to-b", "twice-up"), "top");
  await place("absolute", join(root, "a/b/file"));
  assert.equal(await found("absolute"), "inside");
  await place("root-itself", root);
  assert.equal(await found("root-itself", "top"), "top");
  await place("beside", `${root}-beside/x`);
  assert.equal(await found("beside"), "nothing");
  await place("out", "../outside");
  assert.equal(await found("out", "secret"), "nothing");
  await place("absolute-out", join(base, "outside/secret"));
  assert.equal(await found("absolute-out"), "nothing");
});

test("the root may be reached by a link, and what is beside it is still outside", async () => {
  const by = join(base, "by-link");
  await symlink(root, by);
  const here = await openBelow(by, [Buffer.from("top")]);
  assert.equal(here?.kind, "file");
  await here.handle.close();
  await symlink("../outside/secret", join(root, "from-link"));
  assert.equal(await openBelow(by, [Buffer.from("from-link")]), undefined);
});

test("links in circles, and too many of them", async () => {
  await place("loop", "loop");
  assert.equal(await found("loop"), "nothing");
  await place("chain0", "top");
  for (let i = 1; i <= LIMITS.gatewayLinks; i++) await place(`chain${i}`, `chain${i - 1}`);
  assert.equal(await found(`chain${LIMITS.gatewayLinks - 1}`), "top");
  assert.equal(await found(`chain${LIMITS.gatewayLinks}`), "nothing");
});

test("deeper than any tree", async () => {
  const names = Array.from({ length: LIMITS.treeDepth + 1 }, () => "d");
  await mkdir(join(root, ...names.slice(1)), { recursive: true });
  assert.equal(await found(...names.slice(1)), "directory");
  await mkdir(join(root, ...names));
  assert.equal(await found(...names), "nothing");
});

test("what is neither file nor directory is not opened", async () => {
  execFileSync("mkfifo", [join(root, "fifo")]);
  assert.equal(await found("fifo"), "nothing");
  await place("to-fifo", "fifo");
  assert.equal(await found("to-fifo"), "nothing");
  const server = createServer().listen(join(root, "socket"));
  try {
    assert.equal(await found("socket"), "nothing");
  } finally {
    server.close();
  }
  await place("null", "/dev/null");
  assert.equal(await found("null"), "nothing");
});

test(
  "whoever waits to write into a FIFO is not let go by a request for it",
  { skip: !HAS_HANDLES && "takes O_PATH" },
  async () => {
    const fifo = join(root, "waiting");
    execFileSync("mkfifo", [fifo]);
    let stop = false;
    const asking = Array.from({ length: 4 }, async () => {
      while (!stop) assert.equal(await found("waiting"), "nothing");
    });
    // This fails as long as nobody has it open for reading.
    const write = (): Promise<unknown> => open(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    for (let i = 0; i < 500; i++) await assert.rejects(write, { code: "ENXIO" });
    stop = true;
    await Promise.all(asking);
  },
);

test("what may not be read is not there", { skip: process.getuid?.() === 0 && "root may read everything" }, async () => {
  await writeFile(join(root, "private"), "x");
  await chmod(join(root, "private"), 0);
  assert.equal(await found("private"), "nothing");
});

test("the home of a peer is not there, whatever it is called", async () => {
  await mkdir(join(root, "home/sub"), { recursive: true });
  for (const name of ["key.pem", "store.db", "lock", "sub/x"]) await writeFile(join(root, "home", name), "key");
  await place("to-home", "home");
  for (const name of ["home", "to-home"]) {
    assert.equal(await found(name), "nothing");
    assert.equal(await found(name, "key.pem"), "nothing");
    assert.equal(await found(name, "sub", "x"), "nothing");
  }
});

test(
  "while a directory becomes a link and back, nothing outside is read",
  { skip: !HAS_HANDLES && "takes handles" },
  async () => {
    await mkdir(join(root, "flip/deep"), { recursive: true });
    await writeFile(join(root, "flip/deep/secret"), "inside");
    await mkdir(join(base, "outside/deep"));
    await link(join(base, "outside/secret"), join(base, "outside/deep/secret"));
    let stop = false;
    const seen = new Map<string, number>();
    const asking = Array.from({ length: 4 }, async () => {
      while (!stop) {
        const what = await found("flip", "deep", "secret");
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }
    });
    for (let i = 0; i < 400; i++) {
      await rename(join(root, "flip"), join(root, "kept"));
      await symlink("../outside", join(root, "flip"));
      if (i % 8 === 0) await found("flip");
      await unlink(join(root, "flip"));
      await rename(join(root, "kept"), join(root, "flip"));
      if (i % 8 === 0) await found("flip");
    }
    stop = true;
    await Promise.all(asking);
    assert.equal(seen.get("secret"), undefined);
    assert.ok((seen.get("inside") ?? 0) > 0 && (seen.get("nothing") ?? 0) > 0, JSON.stringify([...seen]));
  },
);

test("nothing stays open", { skip: !HAS_HANDLES && "takes /proc" }, async () => {
  const count = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
  const before = await count();
  for (let i = 0; i < 20; i++) {
    for (const names of [["a", "b", "file"], ["a", "none"], ["loop"], ["fifo"], ["home"], ["link7"], ["a", "up"], []])
      await found(...names);
  }
  assert.ok((await count()) <= before);
});
