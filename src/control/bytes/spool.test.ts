// Bytes on their way to become an offer: what is kept, for whom to read, and that nothing is left of what did not end.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

import { CoveyError } from "../../core/errors.ts";
import { spool } from "./spool.ts";
import { noSmallDisk } from "../../../test/small-disk.ts";

let root: string;
let directory: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "covey-spool-"));
});
beforeEach(async () => {
  directory = join(root, "spool");
  await rm(directory, { recursive: true, force: true });
});
after(() => rm(root, { recursive: true, force: true }));

const never = (): Promise<never> => assert.fail("it was handed over");
const left = (): Promise<readonly string[]> => readdir(directory);

test("what ended whole is handed over, on disk and nobody else's to read; the answer follows", async () => {
  const content = randomBytes(300_000);
  let path = "";
  const stream = await spool(directory, async (at) => {
    path = at;
    assert.deepEqual(await readFile(at), content);
    return { offered: true };
  });
  const [name] = await left();
  assert.match(name!, /^[0-9a-f]{32}$/);
  assert.equal((await lstat(join(directory, name!))).mode & 0o777, 0o600);
  assert.equal((await lstat(directory)).mode & 0o777, 0o700);
  // Not awaited one by one: the order is that of the calls.
  const writes = [0, 99_999, 200_000].map((at, i, all) => stream.write(content.subarray(at, all[i + 1])));
  await Promise.all([...writes, stream.end()]);
  assert.equal((await stream.read())?.toString(), '{"offered":true}');
  assert.equal(await stream.read(), null);
  assert.equal(await stream.closed, undefined);
  assert.equal(path, join(directory, name!));
  stream.reset();
  assert.deepEqual(await left(), [name]);
});

test("nothing is left of what is cut before its end, also while it is written", async () => {
  const idle = await spool(directory, never);
  idle.reset();
  assert.equal((await idle.closed)?.code, "closed");
  const busy = await spool(directory, never);
  const writing = Promise.allSettled([busy.write(Buffer.alloc(1 << 20)), busy.write(Buffer.alloc(1 << 20))]);
  busy.reset();
  const late = busy.write(Buffer.of(1));
  assert.equal((await busy.closed)?.code, "closed");
  await writing;
  await assert.rejects(late, { code: "closed" });
  await assert.rejects(busy.end(), { code: "closed" });
  await assert.rejects(busy.read(), { code: "closed" });
  assert.deepEqual(await left(), []);
});

test("what can't be offered is removed, and the reason is told", async () => {
  const stream = await spool(directory, () => Promise.reject(new CoveyError("not-paired", "that peer is gone")));
  await stream.write(Buffer.from("some"));
  await assert.rejects(stream.end(), { code: "not-paired" });
  await assert.rejects(stream.read(), { code: "not-paired" });
  assert.equal((await stream.closed)?.code, "not-paired");
  assert.deepEqual(await left(), []);
});

test("a directory that others could read, or that is a link, is not used", async () => {
  await mkdir(directory);
  await chmod(directory, 0o755);
  await assert.rejects(spool(directory, never), { code: "home-unsafe" });
  await rm(directory, { recursive: true });
  const elsewhere = await mkdtemp(join(root, "elsewhere-"));
  await symlink(elsewhere, directory);
  await assert.rejects(spool(directory, never), { code: "home-unsafe" });
  assert.deepEqual(await readdir(elsewhere), []);
});

test("a disk that is full is `no-space`, and nothing is left on it", { skip: noSmallDisk }, async () => {
  await mkdir(directory);
  const script = 'mount -t tmpfs -o size=2m,mode=700 tmpfs "$1" && exec "$0" "$2" "$1"';
  const child = fileURLToPath(new URL("./spool-full.child.ts", import.meta.url));
  const said = execFileSync("unshare", ["-Urm", "sh", "-c", script, process.execPath, directory, child]).toString();
  assert.deepEqual(JSON.parse(said), { code: "no-space", closed: "no-space", read: "no-space", left: [] });
});
