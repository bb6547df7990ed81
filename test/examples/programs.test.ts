// The examples as programs, beside daemons: what they print, what they leave at the peers, and that they leave nothing else.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Covey } from "../../src/index.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { openStage, runExample, type Stage } from "./stage.ts";

let stage: Stage;
let laptop: Covey;
let desk: Covey;
const leaks = leakCheck();

before(async () => {
  stage = await openStage("laptop", "desk", "phone");
  [laptop, desk] = stage.peers as [Covey, Covey, Covey];
});
after(async () => {
  await stage[Symbol.asyncDispose]();
  await leaks();
});

test("chat", async () => {
  await using talk = await stage.run("laptop", "chat.ts", "desk");
  assert.match(await talk.shown.next(), /^desk is (there|away)/);
  await desk.peer("laptop").message("lunch?");
  assert.equal(await talk.shown.next(), "desk: lunch?");
  talk.type("at one");
  assert.deepEqual(await talk.ended(), []);
  assert.equal((await laptop.peer("desk").messages()).at(-1)?.text, "at one");
  for await (const event of desk.peer("laptop").watchMessages({ after: await beginningOf(desk) }))
    if (event.type === "message" && event.message.text === "at one") break;
  await desk.peer("laptop").markRead();
  await using nobody = await stage.run("laptop", "chat.ts", "nobody");
  assert.match(await nobody.failed(), /nobody/);
});

test("to-do list", async () => {
  await using add = await stage.run("laptop", "todo-list.ts", "desk", "add", "milk", "two litres");
  await add.ended();
  assert.deepEqual((await laptop.peer("desk").data("todo").get("milk"))?.value, { text: "two litres" });
  await using list = await stage.run("laptop", "todo-list.ts", "desk", "follow", join(stage.folder, "cursor"));
  assert.equal(await list.shown.next(), "[ ] milk: two litres");
  await using done = await stage.run("desk", "todo-list.ts", "laptop", "done", "milk");
  await done.ended();
  assert.equal(await list.shown.next(), "[x] milk: two litres");
});

test("tutorial: a listener and a client exchange messages", async () => {
  await using early = await stage.run("laptop", "tutorials/exchange.ts", "say", "desk", "anybody\u0007there?");
  await using listener = await stage.run("desk", "tutorials/exchange.ts", "listen", "laptop");
  assert.equal(await listener.shown.until(/there/), "laptop says: anybody\\u{7}there?");
  assert.deepEqual(await early.ended(), ["you said: anybody\\u{7}there?"]);
  await using quit = await stage.run("laptop", "tutorials/exchange.ts", "say", "desk", "quit");
  assert.deepEqual(await quit.ended(), ["goodbye"]);
  assert.deepEqual(await listener.ended(), ["laptop says: quit"]);
  assert.deepEqual((await desk.inbox()).messages, []);
});

test("tutorial: a server that greets and echoes", async () => {
  await using server = await stage.run("desk", "tutorials/greeting.ts", "serve");
  assert.equal(await server.shown.next(), "serving");
  await using guest = await stage.run("laptop", "tutorials/greeting.ts", "greet", "desk", "one\ntwo");
  assert.deepEqual(await guest.ended(), ["hello, laptop", "one", "two"]);
  await using other = await stage.run("phone", "tutorials/greeting.ts", "greet", "desk");
  assert.deepEqual(await other.ended(), ["hello, phone", "nice to meet you"]);
  server.child.kill("SIGINT");
  assert.deepEqual(await server.ended(), ["laptop is here", "phone is here"]);
  await assert.rejects(laptop.peer("desk").open("greeting"), { code: "refused" });
});

test("tutorial: files for whoever asks, and nothing else", async () => {
  const served = join(stage.folder, "served");
  await mkdir(join(served, "docs"), { recursive: true });
  await writeFile(join(served, "docs", "a.txt"), "content of a");
  await writeFile(join(served, "b.bin"), Buffer.alloc(3_000_000, 7));
  await symlink("/etc/passwd", join(served, "outside"));
  const run = (device: string, ...args: readonly string[]) => stage.run(device, "tutorials/serve-files.ts", ...args);
  await using serve = await run("desk", "serve", served);
  await serve.ended();
  await until(async () => (await laptop.peer("desk").shares()).length > 0);
  await using ls = await run("laptop", "ls", "desk");
  assert.deepEqual(await ls.ended(), ["b.bin: 3000000 bytes", "docs/a.txt: 12 bytes"]);
  await using show = await run("laptop", "get", "desk", "docs/a.txt");
  assert.deepEqual(await show.ended(), ["content of a"]);
  await using get = await run("laptop", "get", "desk", "b.bin", stage.folder);
  assert.deepEqual(await get.ended(), [join(stage.folder, "b.bin")]);
  assert.deepEqual(await readFile(join(stage.folder, "b.bin")), Buffer.alloc(3_000_000, 7));
  for (const path of ["public/outside", "public/../b.bin", "served/b.bin"])
    await assert.rejects(Array.fromAsync(laptop.peer("desk").read(path)), path);
});

test("backup: copies of a directory, of which the last ones are kept", async () => {
  const [from, into] = [join(stage.folder, "photos"), join(stage.folder, "copies")];
  await mkdir(join(from, "2026", "empty"), { recursive: true });
  await writeFile(join(from, "2026", "sea.jpg"), Buffer.alloc(2_000_000, 1));
  await using offer = await stage.run("laptop", "backup.ts", "offer", from, "desk");
  assert.deepEqual(await offer.ended(), ["photos"]);
  await until(async () => (await desk.peer("laptop").shares()).some(({ name }) => name === "photos"));
  const take = async (): Promise<string> => {
    await using program = await stage.run("desk", "backup.ts", "take", "laptop", "photos", into, "2");
    const [copy] = await program.ended();
    return copy!;
  };
  const copies: string[] = [];
  for (const content of ["one", "two", "three"]) {
    await writeFile(join(from, "note"), content);
    copies.push(await take());
    assert.equal(await readFile(join(copies.at(-1)!, "note"), "utf8"), content);
  }
  await writeFile(join(into, "photos of mine"), "stays");
  assert.deepEqual(
    (await readdir(into)).map((name) => join(into, name)),
    [join(into, "photos of mine"), ...copies.slice(1)].toSorted(),
  );
  assert.deepEqual(await readdir(join(copies[2]!, "2026")), ["empty", "sea.jpg"]);
  await using nothing = await stage.run("desk", "backup.ts", "take", "laptop", "nothing", into);
  assert.match(await nothing.failed(), /nothing/);
});

test("tutorial: a chat among several peers", async () => {
  const [a, b, c] = await Promise.all(["laptop", "desk", "phone"].map((device) => stage.run(device, "tutorials/group-chat.ts")));
  await using everybody = new AsyncDisposableStack();
  for (const one of [a!, b!, c!]) everybody.use(one);
  assert.equal(await a!.shown.next(), "here: desk, phone");
  a!.type("hello");
  assert.equal(await b!.shown.until(/hello/), "laptop: hello");
  assert.equal(await c!.shown.until(/hello/), "laptop: hello");
  b!.type("and hello to you");
  assert.equal(await a!.shown.until(/and/), "desk: and hello to you");
  assert.equal(await c!.shown.until(/and/), "desk: and hello to you");
  for (const one of [a!, b!, c!]) assert.deepEqual(await one.ended(), []);
});

test("tutorial: peers keep a list in sync, also with one that was away and one that lies", async () => {
  const run = (device: string, ...args: readonly string[]) => stage.run(device, "tutorials/shared-list.ts", ...args);
  await using follower = await run("desk", "follow");
  await follower.shown.until(/^following laptop$/);
  await using own = await run("laptop", "follow");
  await own.shown.until(/^following desk$/);
  await using update = await run("laptop", "update", "milk", "two");
  await update.ended();
  assert.equal(await follower.shown.until(/=/), "laptop: milk = two");
  assert.equal(await own.shown.until(/has/), "desk has milk");
  await using again = await run("desk", "update", "milk", "three");
  await again.ended();
  assert.equal(await own.shown.until(/=/), "desk: milk = three");
  // In another's name, and of another shape.
  const { peerId } = await laptop.status();
  await desk.peer("laptop").data("list").set(`milk/${peerId}`, { value: "lie", number: 99 });
  await desk.peer("laptop").data("list").set("tea", { value: [] });
  const phone = stage.peers[2]!;
  const after = await beginningOf(phone);
  for await (const { type } of phone.peer("desk").data("list").watch("milk", { after })) if (type === "set") break;
  for (const device of ["laptop", "desk", "phone"]) {
    await using get = await run(device, "get");
    assert.deepEqual(await get.ended(), ["milk = three"], device);
  }
});

for (const file of ["two-peers.ts", "library.ts", "library-tested.ts", "streams.ts"]) {
  test(`${file}, with the peers in its own process`, async () => {
    await using program = await runExample(stage.folder, stage.folder, file);
    assert.ok((await program.ended()).length > 0);
  });
}

test("whatever a program leaves behind is found", async () => {
  const child = fileURLToPath(new URL("./leaky.child.ts", import.meta.url));
  const leaky = (what: string) => runExample(stage.folder, stage.folder, child, what);
  await using good = await leaky("nothing");
  assert.deepEqual(await good.ended(), ["nothing"]);
  const found = {
    timer: /Timeout/,
    server: /TCPSERVERWRAP/,
    descriptor: /leaky\.child\.ts/,
    listener: /SIGHUP/,
    warning: /look out/,
    rejection: /nobody cares/,
    file: /'rest'/,
    here: /'rest'/,
  };
  for (const [what, message] of Object.entries(found)) {
    await using bad = await leaky(what);
    await assert.rejects(bad.ended(), { message });
  }
});

/** The cursor before everything. */
const beginningOf = async (covey: Covey) => ({ store: (await covey.status()).storeId, seq: 0 });

/** Polls until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
