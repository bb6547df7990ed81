import assert from "node:assert/strict";
import { appendFile, mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

import { hash } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import { Hashes } from "./hashes.ts";
import { ServedFile } from "./served-file.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "covey-hashes-"));
});
after(() => rm(directory, { recursive: true, force: true }));

async function opened(name: string): Promise<ServedFile> {
  const handle = await open(join(directory, name));
  return ServedFile.of({ handle, stat: await handle.stat({ bigint: true }) });
}

async function written(name: string, bytes: Buffer): Promise<ServedFile> {
  await writeFile(join(directory, name), bytes);
  return opened(name);
}

const bytes = Buffer.alloc(3 * LIMITS.gatewayBlockBytes + 17, "covey ");

test("a hash is made once for each version, whoever asks", async () => {
  const hashes = new Hashes(() => false);
  const files = [await written("a", bytes), await opened("a")];
  const both = await Promise.all(files.map((file) => hashes.wantNow(file)));
  assert.deepEqual(both, [hash(bytes).toString("hex"), hash(bytes).toString("hex")]);
  assert.equal(hashes.known(files[0]!), both[0]);
  await appendFile(join(directory, "a"), "more");
  const changed = await opened("a");
  assert.equal(hashes.known(changed), undefined);
  assert.equal(await hashes.wantNow(changed), hash(Buffer.concat([bytes, Buffer.from("more")])).toString("hex"));
  for (const file of [...files, changed]) await file.release();
  await hashes.close();
});

test("the hash of a file that changes meanwhile is none", async () => {
  const hashes = new Hashes(() => false);
  const grown = await written("grown", bytes);
  await appendFile(join(directory, "grown"), "x");
  assert.equal(await hashes.wantNow(grown), undefined);
  const shrunk = await written("shrunk", bytes);
  await writeFile(join(directory, "shrunk"), "x");
  assert.equal(await hashes.wantNow(shrunk), undefined);
  assert.equal(hashes.known(shrunk), undefined);
  await Promise.all([grown.release(), shrunk.release(), hashes.close()]);
});

test("what is wanted later is made while others are sent, and at once when somebody waits for it", async () => {
  const hashes = new Hashes(() => true);
  const file = await written("later", bytes);
  hashes.wantLater(file);
  assert.equal(hashes.known(file), undefined);
  assert.equal(await hashes.wantNow(file), hash(bytes).toString("hex"));
  await Promise.all([file.release(), hashes.close()]);
});

test("whatever waits when all is closed is let go, and no file stays open", async () => {
  const before = (await readdir("/dev/fd")).length;
  const hashes = new Hashes(() => true);
  const files = await Promise.all(["1", "2", "3", "4", "5"].map((name) => written(name, bytes)));
  for (const file of files.slice(2)) hashes.wantLater(file);
  const wanted = files.slice(0, 3).map((file) => hashes.wantNow(file));
  for (const file of files) await file.release();
  await hashes.close();
  await Promise.all(wanted);
  assert.ok((await readdir("/dev/fd")).length <= before);
  const late = await opened("1");
  assert.equal(await hashes.wantNow(late), undefined);
  await late.release();
});

test("what nobody waits for any more is given up, and its file closed", async () => {
  const hashes = new Hashes(() => false);
  const before = (await readdir("/dev/fd")).length;
  const files = await Promise.all(["1", "2", "3", "4", "5"].map((name) => written(name, bytes)));
  const gone = new AbortController();
  const wanted = files.map((file) => hashes.wantNow(file, gone.signal));
  const shared = hashes.wantNow(files[4]!);
  gone.abort(new Error("gone"));
  for (const promise of wanted) await assert.rejects(promise, /^Error: gone$/);
  assert.equal(await shared, hash(bytes).toString("hex"));
  assert.deepEqual(
    files.map((file) => hashes.known(file) !== undefined),
    [false, false, false, false, true],
  );
  for (const file of files) await file.release();
  assert.ok((await readdir("/dev/fd")).length <= before);
  await hashes.close();
});

test("so many hashes are kept, those that were asked for last", async () => {
  const hashes = new Hashes(() => false);
  const first = await written("first", Buffer.from("first"));
  const second = await written("second", Buffer.from("second"));
  for (const file of [first, second]) await hashes.wantNow(file);
  for (let i = 2; i < LIMITS.gatewayHashes + 1; i++) {
    const file = { version: String(i), size: 0, hold: () => file, release: async () => {}, isUnchanged: async () => true };
    await hashes.wantNow(file as unknown as ServedFile);
    hashes.known(first);
  }
  assert.notEqual(hashes.known(first), undefined);
  assert.equal(hashes.known(second), undefined);
  await Promise.all([first.release(), second.release(), hashes.close()]);
});
