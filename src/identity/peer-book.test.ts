import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";

import { hash } from "../core/hash.ts";
import type { PeerId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { PairedPeer } from "./contract.ts";
import { openHome } from "./home.ts";
import type { Home } from "./home-names.ts";
import { loadIdentity } from "./key.ts";
import { openPeerBook } from "./peer-book.ts";

async function newHome(t: TestContext): Promise<Home> {
  const dir = await mkdtemp(join(tmpdir(), "covey-book-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return openHome(dir);
}

async function newPeerId(t: TestContext): Promise<PeerId> {
  return (await loadIdentity(await newHome(t))).peerId;
}

const secretOf = (word: string): Buffer => hash(Buffer.from(word));

const peer = (peerId: PeerId, name: string): PairedPeer & { secret: Buffer } => ({
  peerId,
  name,
  mine: false,
  addresses: ["tcp://192.0.2.7:4747"],
  pairedAtMs: 1_700_000_000_000,
  secret: secretOf(name),
});

test("what was added is there, now and after opening again", async (t) => {
  const home = await newHome(t);
  const laptop = await newPeerId(t);
  const book = await openPeerBook(home);
  assert.deepEqual(book.list(), []);
  const { secret, ...shown } = peer(laptop, "laptop");
  assert.deepEqual(await book.add({ ...shown, secret }), shown);
  for (const at of [book, await openPeerBook(home)]) {
    assert.deepEqual(at.list(), [shown]);
    assert.deepEqual(at.byId(laptop), shown);
    assert.deepEqual(at.find("laptop"), shown);
    assert.deepEqual(at.find("LapTop"), shown);
    assert.deepEqual(at.find(laptop.toUpperCase()), shown);
    assert.deepEqual(at.secret(laptop), secret);
    assert.equal(at.find("phone"), undefined);
    assert.equal(at.byId(await newPeerId(t)), undefined);
    assert.equal(at.secret(await newPeerId(t)), undefined);
  }
  assert.equal((await stat(home.peers)).mode & 0o7777, 0o600);
});

test("a taken name gets a number, a peer's own name does not", async (t) => {
  const home = await newHome(t);
  const book = await openPeerBook(home);
  const [a, b, c] = [await newPeerId(t), await newPeerId(t), await newPeerId(t)];
  const added = await Promise.all([book.add(peer(a, "laptop")), book.add(peer(b, "Laptop")), book.add(peer(c, "laptop"))]);
  assert.deepEqual(
    added.map(({ name }) => name),
    ["laptop", "Laptop-2", "laptop-3"],
  );
  assert.equal((await book.add(peer(a, "laptop"))).name, "laptop");
  assert.equal((await book.add(peer(c, "laptop"))).name, "laptop-3");
  assert.equal(book.list().length, 3);
});

test("what was removed is not added again by who only meant to renew it", async (t) => {
  const book = await openPeerBook(await newHome(t));
  const a = await newPeerId(t);
  await assert.rejects(book.add(peer(a, "laptop"), { again: true }), { code: "not-paired" });
  await book.add(peer(a, "laptop"));
  await book.add(peer(a, "desk"), { again: true });
  const [, renewal] = await Promise.allSettled([book.remove(a), book.add(peer(a, "laptop"), { again: true })]);
  assert.equal(renewal.status, "rejected");
  assert.deepEqual(book.list(), []);
});

test("update changes what it is given, and refuses what is unknown, taken or no name", async (t) => {
  const home = await newHome(t);
  const book = await openPeerBook(home);
  const [a, b] = [await newPeerId(t), await newPeerId(t)];
  await book.add(peer(a, "laptop"));
  await book.add(peer(b, "phone"));
  assert.deepEqual(await book.update(a, { mine: true }), { ...book.byId(a)!, mine: true });
  assert.equal((await book.update(a, { name: "Laptop" })).name, "Laptop");
  await book.update(a, { addresses: Array.from({ length: 100 }, (_, i) => `tcp://192.0.2.${i}:1`) });
  await assert.rejects(book.update(a, { name: "Phone" }), { code: "conflict" });
  await assert.rejects(book.update(a, { name: "self" }), { code: "bad-argument" });
  await assert.rejects(book.update(a, { addresses: ["x".repeat(LIMITS.addressBytes + 1)] }), { code: "bad-argument" });
  await assert.rejects(book.update(await newPeerId(t), { mine: true }), { code: "not-found" });
  const again = await openPeerBook(home);
  assert.deepEqual(again.list(), book.list());
  assert.equal(again.byId(a)?.addresses.length, LIMITS.dialAddresses);
  assert.deepEqual(again.secret(a), secretOf("laptop"));
});

test("what is removed is gone, and removing nothing does nothing", async (t) => {
  const home = await newHome(t);
  const book = await openPeerBook(home);
  const a = await newPeerId(t);
  await book.add(peer(a, "laptop"));
  await book.remove(a);
  await book.remove(a);
  assert.deepEqual([book.list(), book.secret(a)], [[], undefined]);
  assert.deepEqual((await openPeerBook(home)).list(), []);
  assert.ok(!(await readFile(home.peers, "utf8")).includes(a));
});

test("listeners hear of each change once it is durable, and of no other", async (t) => {
  const home = await newHome(t);
  const book = await openPeerBook(home);
  const a = await newPeerId(t);
  let heard = 0;
  const end = book.subscribe(() => heard++);
  await book.add(peer(a, "laptop"));
  assert.equal(heard, 1);
  await book.update(a, { mine: false, addresses: ["tcp://192.0.2.7:4747"] });
  await book.add(peer(a, "laptop"));
  await assert.rejects(book.update(a, { name: "" }));
  assert.equal(heard, 1);
  await book.update(a, { mine: true });
  assert.equal(heard, 2);
  end();
  await book.remove(a);
  assert.equal(heard, 2);
});

test("a change that can't be written fails and changes nothing", async (t) => {
  const home = await newHome(t);
  const book = await openPeerBook(home);
  const [a, b] = [await newPeerId(t), await newPeerId(t)];
  await book.add(peer(a, "laptop"));
  await rm(home.peers);
  await mkdir(home.peers);
  await assert.rejects(book.add(peer(b, "phone")), { code: "io" });
  assert.deepEqual(
    book.list().map(({ name }) => name),
    ["laptop"],
  );
  await rm(home.peers, { recursive: true });
  await book.add(peer(b, "phone"));
  assert.deepEqual(
    (await openPeerBook(home)).list().map(({ name }) => name),
    ["laptop", "phone"],
  );
});

test("no secret is in what the book shows", async (t) => {
  const book = await openPeerBook(await newHome(t));
  const a = await newPeerId(t);
  await book.add(peer(a, "laptop"));
  const secret = secretOf("laptop").toString("hex");
  const shown = [
    inspect(book, { depth: null, showHidden: true }),
    JSON.stringify(book),
    JSON.stringify(book.list()),
    inspect(book.find("laptop")),
  ];
  for (const text of shown) assert.ok(!text.includes(secret), text);
});

test("a newer, damaged or open file is refused and left as it is", async (t) => {
  const home = await newHome(t);
  const [a, b] = [await newPeerId(t), await newPeerId(t)];
  const book = await openPeerBook(home);
  await book.add(peer(a, "laptop"));
  await book.add(peer(b, "phone"));
  const good = await readFile(home.peers, "utf8");
  const record = JSON.parse(good) as { version: number; peers: Record<string, unknown>[] };
  const withFirst = (change: object): string =>
    JSON.stringify({ ...record, peers: [{ ...record.peers[0], ...change }, record.peers[1]] });
  const cases: readonly (readonly [string, string])[] = [
    ["version", JSON.stringify({ ...record, version: 2 })],
    ["version", JSON.stringify({ version: 99, peers: "in another form" })],
    ["integrity", ""],
    ["integrity", good.slice(0, -20)],
    ["integrity", "null"],
    ["integrity", "[]"],
    ["integrity", JSON.stringify({ ...record, version: "1" })],
    ["integrity", JSON.stringify({ ...record, more: 1 })],
    ["integrity", withFirst({ peerId: `${b.slice(0, -1)}${b.endsWith("a") ? "b" : "a"}` })],
    ["integrity", withFirst({ peerId: b })],
    ["integrity", withFirst({ name: "Phone" })],
    ["integrity", withFirst({ name: "" })],
    ["integrity", withFirst({ secret: "abcd" })],
    ["integrity", withFirst({ addresses: "tcp://192.0.2.7:1" })],
    ["integrity", withFirst({ addresses: Array.from({ length: 17 }, () => "tcp://192.0.2.7:1") })],
    ["integrity", withFirst({ pairedAtMs: -1 })],
    ["integrity", withFirst({ mine: "yes\u001b[2J" })],
  ];
  for (const [code, text] of cases) {
    await writeFile(home.peers, text);
    await assert.rejects(openPeerBook(home), { code }, text);
    assert.equal(await readFile(home.peers, "utf8"), text);
  }
  await writeFile(home.peers, good);
  await chmod(home.peers, 0o644);
  await assert.rejects(openPeerBook(home), { code: "home-unsafe", hint: `Run: chmod 600 ${home.peers}` });
  await rm(home.peers);
  await symlink("/dev/null", home.peers);
  await assert.rejects(openPeerBook(home), { code: "home-unsafe" });
});

test("killed at any moment, what was acknowledged is there and the file is whole", async (t) => {
  const home = await newHome(t);
  const a = await newPeerId(t);
  await (await openPeerBook(home)).add(peer(a, "laptop"));
  const source = `import { openPeerBook } from ${JSON.stringify(new URL("./peer-book.ts", import.meta.url).href)};
    const book = await openPeerBook({ peers: process.argv[1] });
    for (let n = Number(process.argv[2]); ; n++) {
      await book.update(process.argv[3], { addresses: ["memory://" + n] });
      process.stdout.write(n + "\\n");
    }`;
  let told = 0;
  for (let round = 0; round < 6; round++) {
    const args = ["--input-type=module", "-e", source, home.peers, String(told + 1), a];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const until = told + 1 + Math.floor(Math.random() * 20);
    for await (const line of createInterface(child.stdout)) {
      told = Number(line);
      if (told >= until) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    const found = Number((await openPeerBook(home)).byId(a)?.addresses[0]?.slice("memory://".length));
    assert.ok(found === told || found === told + 1, `told ${told}, found ${found}`);
    assert.deepEqual(await readdir(home.dir), ["peers.json"]);
    told = found;
  }
});
