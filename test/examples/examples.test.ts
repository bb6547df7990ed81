// The examples do what they say, between two real peers: as functions over a pair in this process, and as programs beside a daemon.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { chat } from "../../examples/chat.ts";
import { add, finish, follow, settle } from "../../examples/todo-list.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { type Covey, connect, open } from "../../src/index.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { openPeerPair } from "../../src/testing/peer-pair.ts";
import { Lines } from "./lines.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");

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
    const [mine, yours] = [pair.laptop.peer("desk").data(), pair.desk.peer("laptop").data()];
    const file = join(pair.folder, "cursor");

    await add(mine, "milk", "two litres");
    await assert.rejects(add(mine, "milk", "again"), { code: "conflict" });
    await using first = following(yours, file);
    // A change between the beginning of a watch and the list is told by both.
    await first.shown.until(/^\[ \] todo\/milk: two litres$/);
    assert.equal((await finish(yours, "milk")).conflicts, 0);
    await first.shown.until(/^\[x\] todo\/milk: two litres$/);
    await assert.rejects(finish(yours, "butter"), { code: "not-found" });
    await first[Symbol.asyncDispose]();

    await pair.cut();
    await add(mine, "bread", "rye");
    await add(yours, "bread", "wheat");
    await finish(yours, "bread");
    await using second = following(yours, file);
    assert.equal(await second.shown.next(), "[x] todo/bread: wheat");
    await pair.mend();
    await second.shown.until(/todo\/bread: .* \(both changed it\)$/);
    const settled: string[] = [];
    await settle(yours, (line) => settled.push(line));
    assert.deepEqual(settled, ["[x] todo/bread: rye / wheat"]);
    await second.shown.until(/^\[x\] todo\/bread: rye \/ wheat$/);
    assert.deepEqual(await yours.conflicts(), []);
    await yours.remove("todo/milk");
    await second.shown.until(/^gone: todo\/milk$/);
    await second[Symbol.asyncDispose]();
  }
  await leaks();
});

test("to-do list: two who finish the same at once both succeed; whatever a peer writes is shown as one line", async () => {
  await using pair = await openPeerPair();
  const list = pair.laptop.peer("desk").data();
  await add(list, "milk", "two litres");
  const both = await Promise.all([finish(list, "milk"), finish(list, "milk"), finish(list, "milk")]);
  assert.equal(new Set(both.map(({ version }) => version)).size, 3);
  for (const value of [null, 7, ["x"], { text: { deep: 1 }, done: "yes" }, "\u202e\n"]) await list.set("todo/odd", value);
  await using odd = following(list, join(pair.folder, "cursor"));
  assert.equal(await odd.shown.next(), "[x] todo/milk: two litres");
  assert.equal(await odd.shown.next(), '[ ] todo/odd: "\\u{202e}\\n"');
});

test("both as programs, beside a daemon", async (t) => {
  const leaks = leakCheck();
  const folder = await mkdtemp(join(tmpdir(), "covey-examples-"));
  const listen = ["tcp://127.0.0.1:0"];
  const home = join(folder, "laptop");
  t.after(() => rm(folder, { recursive: true, force: true }));
  await startDaemon({ home, change: { name: "laptop", listen, incoming: folder } });
  try {
    await using desk = await open({ home: join(folder, "desk"), name: "desk", listen, incoming: folder });
    await using laptop = await connect({ home });
    await using invitation = await laptop.invite();
    await desk.join(invitation.ticket);
    await invitation.done;

    await using talk = program(home, "chat.ts", "desk");
    assert.match(await talk.shown.next(), /^desk is (there|away)/);
    await desk.peer("laptop").message("lunch?");
    assert.equal(await talk.shown.next(), "desk: lunch?");
    talk.child.stdin!.end("at one\n");
    assert.equal(await talk.status, 0);
    assert.equal((await laptop.peer("desk").messages()).at(-1)?.text, "at one");

    await using add = program(home, "todo-list.ts", "desk", "add", "milk", "two litres");
    assert.equal(await add.status, 0);
    await using list = program(home, "todo-list.ts", "desk", "follow", join(folder, "cursor"));
    assert.equal(await list.shown.next(), "[ ] todo/milk: two litres");
    await using nobody = program(home, "chat.ts", "nobody");
    assert.notEqual(await nobody.status, 0);
  } finally {
    await stopDaemon({ home });
  }
  await leaks();
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

/** An example as a process of its own; disposing of it ends it. */
function program(home: string, file: string, ...args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [join(examples, file), ...args], {
    env: { ...process.env, COVEY_HOME: home },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const shown = new Lines();
  createInterface({ input: child.stdout! })
    .on("line", shown.push)
    .on("close", () => shown.end());
  const status = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    shown,
    status,
    async [Symbol.asyncDispose]() {
      child.kill();
      await status;
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
