// Programs of socket tutorials join: a hundred runs of each, several at once, and not one failure. Here they are the clients of two daemons
// that are paired: what they write reaches the other one. As servers: tutorial-servers.test.ts.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { start } from "../cli/command.ts";
import { startDaemons, type Daemons } from "../cli/daemons.ts";
import { runLanes } from "./lanes.ts";
import { noPython, runPython, startPython } from "./python.ts";
import { type Place, serve } from "./serve.ts";

const RUNS = 100;
const LANES = 8;
const skip = noPython;

let daemons: Daemons;
before(async () => void (daemons = await startDaemons("covey-tutorials-")));
after(() => daemons?.close());

test("a client that holds a conversation: each line is heard, in order, and acknowledged", { skip }, async () => {
  await using place = await serve(daemons.laptop, { reply: "message_ack" });
  await runLanes(RUNS, LANES, async (run) => {
    const said = [`Hello from client ${run}`, `¿Qué tal? ${run} 👋`];
    const { status, out, err } = await runPython("conversation_client.py", args(place), [...said, "bye"]);
    assert.deepEqual([status, err], [0, ""]);
    assert.equal(out, "You: Server: message_ack\n".repeat(2) + "You: ");
  });
  const heard = new Map<string, string[]>();
  for (const { guest, text } of await daemons.laptop.guestMessages({ limit: 1000 }))
    heard.set(guest, [...(heard.get(guest) ?? []), text]);
  const expected = Array.from({ length: RUNS }, (_, run) => [`Hello from client ${run}`, `¿Qué tal? ${run} 👋`]);
  assert.deepEqual([...heard.values()].toSorted(), expected.toSorted());
});

test("a client that reads a greeting", { skip }, async () => {
  const greeting = "Thank you for connecting";
  await using place = await serve(daemons.laptop, { greeting, close: true });
  await runLanes(RUNS, LANES, async () => {
    assert.deepEqual(await runPython("greeting_client.py", args(place)), { status: 0, out: `${greeting}\n`, err: "" });
  });
});

test("a client that downloads by hand: what is after its first read is the file", { skip }, async () => {
  const directory = join(daemons.directory, "public");
  await mkdir(directory);
  const files: Readonly<Record<string, Buffer>> = {
    "empty.txt": Buffer.alloc(0),
    "one.bin": Buffer.from([0xff]),
    "head.bin": Buffer.from("\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\0\xff", "latin1"),
    "just.bin": randomBytes(1024),
    "photo.jpg": randomBytes(300_001),
    "café menu.txt": Buffer.from("crêpes\n".repeat(2000)),
    "film.mp4": randomBytes(3_000_000),
  };
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(directory, name), bytes);
  await using place = await serve(daemons.laptop, { directory });
  await runLanes(RUNS, LANES, async (run) => {
    const [name, bytes] = Object.entries(files)[run % Object.keys(files).length]!;
    const target = join(daemons.directory, `copy-${run}`);
    const { status, out, err } = await runPython("download_client.py", [...args(place), encodeURIComponent(name), target]);
    assert.deepEqual([status, out, err], [0, `File saved as ${target}\n`, ""], name);
    assert.ok(bytes.equals(await readFile(target)), `${name} is not the same`);
    await rm(target);
  });
  const missing = await runPython("download_client.py", [...args(place), "missing.txt", join(daemons.directory, "none")]);
  assert.equal(missing.out, "The server said: HTTP/1.1 404 Not Found\n");
});

test(
  "a client with the list protocol: what it writes is there, here and at the other peer, and what it asks for is that",
  { skip },
  async () => {
    const lanes = 4;
    await using stack = new AsyncDisposableStack();
    const places: Place[] = [];
    for (let lane = 0; lane < lanes; lane++)
      places.push(stack.use(await serve(daemons.laptop, { list: { peer: "desk", key: `list-${lane}`, writable: true } })));
    const last: (readonly string[])[] = [];
    await runLanes(RUNS, lanes, async (run, lane) => {
      const list = [`run-${run}`, "käse", "brot"].slice(0, 1 + (run % 3));
      last[lane] = list;
      const lines = [`set ${list.join(" ")}`, "get", "quit"];
      const { status, out, err } = await runPython("list_client.py", args(places[lane]!), lines);
      assert.deepEqual([status, err], [0, ""]);
      const shown = `[${list.map((item) => `'${item}'`).join(", ")}]`;
      assert.equal(out, `> Updated\n> The list is ${shown}\n> `);
      assert.deepEqual((await daemons.laptop.peer("desk").data().get(`list-${lane}`))?.value, list);
    });
    for (const [lane, list] of last.entries()) await appears(`list-${lane}`, list);
    // A change that is made over there is what the next one is given.
    await daemons.desk.peer("laptop").data().set("list-0", ["from", "desk"]);
    await using watched = await serve(daemons.laptop, { list: { peer: "desk", key: "list-0" } });
    await until(async () => {
      const { out } = await runPython("list_client.py", args(watched), ["get", "quit"]);
      return out === "> The list is ['from', 'desk']\n> ";
    });
    const refused = await runPython("list_client.py", args(watched), ["set x", "quit"]);
    assert.match(refused.out, /^> Error: refused: /);
  },
);

test("a chat client with a reading thread: both write whenever they like", { skip }, async () => {
  await using place = await serve(daemons.laptop, { reply: "message_ack" });
  await runLanes(RUNS, LANES, async (run) => {
    const client = startPython("chat_client.py", args(place));
    try {
      client.write(`this is ${run}\n`);
      await client.until("<< message_ack\n");
      const heard = (await daemons.laptop.guestMessages({ limit: 1000 })).filter(({ text }) => text === `this is ${run}`);
      assert.equal(heard.length, 1);
      await daemons.laptop.tellGuest(heard[0]!.guest, `hello, ${run}`);
      await client.until(`<< hello, ${run}\n`);
      client.end();
      assert.deepEqual(await client.ended, { status: 0, out: `<< message_ack\n<< hello, ${run}\nGoodbye\n`, err: "" });
      await assert.rejects(
        async () => {
          // Until the gateway has seen that it is gone.
          for (;;) await daemons.laptop.tellGuest(heard[0]!.guest, "still there?");
        },
        { code: "not-found" },
      );
    } finally {
      client.kill("SIGKILL");
    }
  });
});

test("the command lines of docs/serve.md, with the programs that they are for", { skip }, async () => {
  const directory = join(daemons.directory, "letters");
  await mkdir(directory);
  await writeFile(join(directory, "letter.txt"), "Dear all");
  const target = join(daemons.directory, "letter");
  const rows: readonly (readonly [
    command: readonly string[],
    script: string,
    more: readonly string[],
    lines: readonly string[],
  ])[] = [
    [[directory], "download_client.py", ["letter.txt", target], []],
    [["--reply", "message_ack"], "conversation_client.py", [], ["Hello", "bye"]],
    [["--greeting", "Thank you for connecting", "--close"], "greeting_client.py", [], []],
    [["--list", "desk:todo", "--writable"], "list_client.py", [], ["set a b", "get", "quit"]],
    [["--reply", ""], "chat_client.py", [], ["Hello?"]],
  ];
  const outs = await Promise.all(
    rows.map(async ([command, script, more, lines]) => {
      const serving = start(["--home", daemons.homes.laptop, "serve", ...command, "--listen", "0", "--json"]);
      await serving.until(/"address":"tcp:\/\/127\.0\.0\.1:\d+"/);
      const port = /"address":"tcp:\/\/127\.0\.0\.1:(\d+)"/.exec(serving.out())![1]!;
      const { status, out, err } = await runPython(script, ["127.0.0.1", port, ...more], lines);
      serving.kill("SIGINT");
      await serving.ended;
      assert.deepEqual([status, err], [0, ""], script);
      return out;
    }),
  );
  assert.deepEqual(outs, [
    `File saved as ${target}\n`,
    "You: Server: message_ack\nYou: ",
    "Thank you for connecting\n",
    "> Updated\n> The list is ['a', 'b']\n> ",
    "Goodbye\n",
  ]);
  assert.equal(await readFile(target, "utf8"), "Dear all");
  assert.deepEqual(await daemons.laptop.servings(), []);
});

/** What a program is told to reach it. */
const args = ({ host, port }: Place): readonly [string, string] => [host, String(port)];

/** At desk. */
const appears = (key: string, value: readonly string[]): Promise<void> =>
  until(async () => JSON.stringify((await daemons.desk.peer("laptop").data().get(key))?.value) === JSON.stringify(value));

/** Polls until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
