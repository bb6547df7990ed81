// What is in the examples does what it says, between two real peers in this process.

import assert from "node:assert/strict";
import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { offer, take } from "../../examples/backup.ts";
import { chat } from "../../examples/chat.ts";
import { add, finish, follow, settle, todoList } from "../../examples/todo-list.ts";
import type { Covey } from "../../src/index.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { openPeerPair } from "../../src/testing/peer-pair.ts";
import { Lines } from "./lines.ts";

test("chat: what was unread, then what comes, from both sides, also over a cut", async () => {
  const leaks = leakCheck();
  {
    await using pair = await openPeerPair();
    const { laptop, desk } = pair;
    const [here, there] = [side(), side()];
    await laptop.peer("desk").message("before");
    await laptop.peer("desk").message("anyone there?");
    await waitingFor(desk, 2);

    const chatting = [here.chat(laptop, "desk"), there.chat(desk, "laptop")];
    assert.equal(await there.shown.next(), "laptop: before");
    assert.equal(await there.shown.next(), "laptop: anyone there?");
    there.typed.push("yes");
    assert.equal(await here.shown.next(), "desk: yes");
    await pair.cut();
    here.typed.push("");
    here.typed.push("still \u001b[2J there?");
    await pair.mend();
    assert.equal(await there.shown.next(), "laptop: still \\u{1b}[2J there?");

    for (const { typed } of [here, there]) typed.end();
    await Promise.all(chatting);
    assert.deepEqual((await desk.inbox()).messages, []);
  }
  await leaks();
});

test("chat: ends with the error when the peer stops, though nobody ends the lines", async () => {
  await using pair = await openPeerPair();
  const { typed, chat: begin } = side();
  const chatting = assert.rejects(begin(pair.laptop, "desk"), { code: "closed" });
  await pair.laptop.status();
  await pair.laptop.close();
  await chatting;
  typed.end();
});

test("to-do list: shared, settled after both changed it, and followed on from where it was", async () => {
  const leaks = leakCheck();
  {
    await using pair = await openPeerPair();
    const [mine, yours] = [todoList(pair.laptop.peer("desk")), todoList(pair.desk.peer("laptop"))];
    const file = join(pair.folder, "cursor");

    await add(mine, "milk", "two litres");
    await assert.rejects(add(mine, "milk", "again"), { code: "conflict" });
    await using first = following(yours, file);
    // A change between the beginning of a watch and the list is told by both.
    await first.shown.until(/^\[ \] milk: two litres$/);
    assert.equal((await finish(yours, "milk")).conflicts, 0);
    await first.shown.until(/^\[x\] milk: two litres$/);
    await assert.rejects(finish(yours, "butter"), { code: "not-found" });
    await first[Symbol.asyncDispose]();

    await pair.cut();
    await add(mine, "bread", "rye");
    await add(yours, "bread", "wheat");
    await finish(yours, "bread");
    await using second = following(yours, file);
    assert.equal(await second.shown.next(), "[x] bread: wheat");
    await pair.mend();
    await second.shown.until(/bread: .* \(both changed it\)$/);
    const settled: string[] = [];
    await settle(yours, (line) => settled.push(line));
    assert.deepEqual(settled, ["[x] bread: rye / wheat"]);
    await second.shown.until(/^\[x\] bread: rye \/ wheat$/);
    assert.deepEqual(await yours.conflicts(), []);
    await yours.remove("milk");
    await second.shown.until(/^gone: milk$/);
    await second[Symbol.asyncDispose]();
  }
  await leaks();
});

test("to-do list: two who finish the same at once both succeed; whatever a peer writes is shown as one line", async () => {
  await using pair = await openPeerPair();
  const list = todoList(pair.laptop.peer("desk"));
  await add(list, "milk", "two litres");
  const both = await Promise.all([finish(list, "milk"), finish(list, "milk"), finish(list, "milk")]);
  assert.equal(new Set(both.map(({ version }) => version)).size, 3);
  const raw = pair.laptop.peer("desk").data("todo");
  await raw.setMany([
    { key: "odd", value: { text: { deep: "\u202e" }, done: "yes" } },
    { key: "\u202e", value: { text: "\n" } },
  ]);
  await using shown = following(list, join(pair.folder, "cursor"));
  assert.equal(await shown.shown.next(), "[x] milk: two litres");
  assert.match(await shown.shown.next(), /^\[\?\] odd: Invalid type: [^\u202e\n]+$/);
  assert.equal(await shown.shown.next(), "[ ] \\u{202e}: \\n");
  await assert.rejects(finish(list, "odd"), { code: "conflict" });
  await add(list, "mended", "x");
});

test("backup: one that was stopped on its way is gone on with, as one copy", async () => {
  await using pair = await openPeerPair();
  const { laptop, desk, folder } = pair;
  const [from, into] = [join(folder, "photos"), join(folder, "copies")];
  await mkdir(from);
  await using film = await open(join(from, "film"), "w");
  await film.truncate(96 * 1024 * 1024);
  assert.equal(await offer(laptop.peer("desk"), from), "photos");
  await until(async () => (await desk.peer("laptop").shares()).length > 0);
  const run = () => take(desk, desk.peer("laptop"), "photos", { into, keep: 1, show: assert.fail });

  const first = run();
  await until(async () => (await desk.transfers()).length > 0);
  await desk.pause((await desk.transfers())[0]!.offer.id);
  const second = run();
  await until(async () => (await desk.transfers()).length > 0);
  await desk.resume((await desk.transfers())[0]!.offer.id);
  assert.equal(await first, await second);
  // The directory in which it was put together goes a moment later.
  await until(async () => (await readdir(into)).length === 1);
  assert.equal(join(into, (await readdir(into))[0]!), await first);
  assert.deepEqual(
    (await desk.transfers()).map((transfer) => transfer.offer.state),
    ["done"],
  );
});

/** One side of a chat: what is typed into it, and what it shows. */
function side() {
  const [typed, shown] = [new Lines(), new Lines()];
  return { typed, shown, chat: (covey: Covey, peer: string) => chat(covey.peer(peer), typed, shown.push) };
}

/** Somebody who follows the list; disposing of it ends that, and throws what ended it before. */
function following(list: Parameters<typeof follow>[0], file: string) {
  const shown = new Lines();
  const enough = new AbortController();
  const done = assert.rejects(follow(list, file, shown.push, { signal: enough.signal }), { name: "AbortError" });
  return {
    shown,
    async [Symbol.asyncDispose]() {
      enough.abort();
      await done;
    },
  };
}

/** Resolves when so many messages are unread. */
async function waitingFor(covey: Covey, count: number): Promise<void> {
  const { storeId: store } = await covey.status();
  const [peer] = await covey.peers();
  const signal = AbortSignal.timeout(20_000);
  for await (const { type } of covey.peer(peer!.name).watchMessages({ after: { store, seq: 0 }, signal }))
    if (type === "message" && (await covey.inbox()).messages.length === count) return;
}

/** Polls until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
