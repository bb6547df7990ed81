// `covey serve` against real daemons and plain clients: what it says, in which form, on terminals of any width; and how it ends.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { Covey } from "../../src/control/covey.ts";
import type { Serving, ServingEvent } from "../../src/gateway/contract.ts";
import type { GuestMessage } from "../../src/services/messages/contract.ts";
import { noTerminal, refusal, run, start, startOnTerminal, type Ran, type Running } from "./command.ts";
import { startDaemons, type Daemons } from "./daemons.ts";
import { show } from "./screen.ts";

const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\r\u009b31m\u202egnp.exe";
const LOCAL = ["--listen", "127.0.0.1:0"];
const WIDTHS = [40, 80, 200];

let daemons: Daemons | undefined;
let files: string;
let laptop: Covey;
let home: string;
const sockets = new Set<Socket>();

before(async () => {
  daemons = await startDaemons("covey-serve-");
  ({ laptop } = daemons);
  home = daemons.homes.laptop;
  files = join(daemons.directory, "files");
  await mkdir(join(files, "日本"), { recursive: true });
  await writeFile(join(files, "a.txt"), "aaa");
});

after(async () => {
  for (const socket of sockets) socket.destroy();
  await daemons?.close();
});

const cli = (...argv: readonly string[]): Promise<Ran> => run(["--home", home, ...argv]);
const serving = (...argv: readonly string[]): Running => start(["--home", home, "serve", ...argv]);

test("files: where they are, who fetches what, until Ctrl-C; nothing is served then", async () => {
  const serve = serving(files, ...LOCAL);
  const url = await urlOf(serve);
  assert.equal(serve.out(), `Serving ${files}\n  ${url}\n`);
  assert.deepEqual(await get(`${url}a.txt`), [200, "aaa"]);
  assert.equal((await get(`${url}nothing`))[0], 404);
  await serve.until(/GET \/nothing +404\n/);
  assert.match(serve.out(), /\n\d\d:\d\d:\d\d {2}127\.0\.0\.1:\d+ +GET \/a\.txt +3 B\n/);
  serve.kill("SIGINT");
  const { status, err } = await serve.ended;
  assert.deepEqual([status, err], [130, "\nCtrl-C ends it.\n"]);
  await refuses(url);
  assert.deepEqual(await laptop.servings(), []);
});

test("uploads: where they go, and one line for each file", async () => {
  const serve = serving(files, "--upload", ...LOCAL);
  const url = await urlOf(serve);
  const { incoming } = await laptop.status();
  const form = new FormData();
  form.append("file", new Blob(["one"]), "one.txt");
  form.append("file", new Blob(["three"]), "three.txt");
  assert.equal((await fetch(url, { method: "POST", body: form })).status, 201);
  assert.equal((await fetch(url, { method: "POST", body: "x" })).status, 415);
  await serve.until(/POST \/ +415\n/);
  assert.match(serve.out(), /left one\.txt +3 B\n.* +left three\.txt +5 B\n.* +POST \/ +415\n$/);
  serve.kill("SIGINT");
  assert.equal((await serve.ended).err, `\nWhat is uploaded goes into ${incoming}.\nCtrl-C ends it.\n`);
});

test("kill -9 of the command ends the serving", async () => {
  const serve = serving(files, ...LOCAL);
  const url = await urlOf(serve);
  assert.deepEqual(await get(`${url}a.txt`), [200, "aaa"]);
  process.kill(serve.pid, "SIGKILL");
  await serve.ended;
  await eventually(async () => (await laptop.servings()).length === 0);
  await refuses(url);
});

test("--json: a line for each event, the serving first", async () => {
  const serve = serving(files, "--json", "--upload", ...LOCAL);
  await serve.until("\n");
  const [first] = eventsOf(serve.out());
  assert.equal(first?.type, "serving");
  const { urls, settings } = (first as { serving: Serving }).serving;
  assert.deepEqual([settings.directory, settings.upload, settings.keep], [files, true, false]);
  await get(`${urls[0]!}%1b%5b2J%0aa`);
  await serve.until(/"type":"request".*\n/);
  const last = eventsOf(serve.out()).at(-1)!;
  assert.ok(last.type === "request" && last.method === "GET" && last.status === 404, JSON.stringify(last));
  show(serve.out(), Infinity);
  serve.kill("SIGTERM");
  const { status, err } = await serve.ended;
  assert.deepEqual([status, err], [143, ""]);
});

test("--keep returns at once; ls, status and rm; it is listed as it is", async () => {
  const kept = await cli("serve", files, "--keep", "--token", ...LOCAL);
  assert.equal(kept.status, 0, kept.err);
  const [one] = await laptop.servings();
  assert.ok(one !== undefined && one.settings.keep && one.token !== undefined);
  assert.match(kept.err, new RegExp(`\`covey --home \\S+ serve rm ${one.number}\``));
  const listed = await cli("serve", "ls");
  assert.match(listed.out, new RegExp(`^#${one.number} {2}${files}\n {4}${one.urls[0]!}\n.*kept until it is removed\n$`));
  assert.deepEqual(JSON.parse((await cli("serve", "ls", "--json")).out), JSON.parse(JSON.stringify(await laptop.servings())));
  assert.match((await cli("status")).out, new RegExp(`\nServes ${files}\n {2}${one.urls[0]!}\n$`));
  assert.equal((JSON.parse((await cli("status", "--json")).out) as { servings: number }).servings, 1);
  assert.equal((await get(one.urls[0]!))[0], 200);
  assert.match((await cli("serve", "rm", `#${one.number}`)).out, /is served no longer/);
  await refuses(one.urls[0]!);
  const again = await cli("serve", "rm", String(one.number));
  assert.equal(again.status, 3);
  assert.match((await cli("serve", "ls")).err, /Nothing is served/);
});

test("removed by another command, it says so and ends well", async () => {
  const serve = serving(files, ...LOCAL);
  await urlOf(serve);
  const [one] = await laptop.servings();
  assert.equal((await cli("serve", "rm", String(one!.number))).status, 0);
  const { status, err } = await serve.ended;
  assert.equal(status, 0);
  assert.match(err, /It was removed\.\n$/);
});

test("a list that both have: how to join it, what is asked and changed; peer show says that it is served", async () => {
  await laptop.peer("desk").data().set("todo", ["milk"]);
  const serve = serving("--list", "desk:todo", "--writable", "--reply", "heard", ...LOCAL);
  const url = await urlOf(serve);
  const { port } = new URL(url);
  assert.match(
    serve.out(),
    new RegExp(`^Serving the list desk:todo \\(writable\\)\n {2}${url}\n {2}nc 127\\.0\\.0\\.1 ${port}\n`),
  );
  const client = await text(url);
  assert.equal(await client.ask("get_data\n"), "milk\n");
  assert.equal(await client.ask("update_data,milk,bread\n"), "update_ack\n");
  assert.deepEqual((await laptop.peer("desk").data().get("todo"))?.value, ["milk", "bread"]);
  await serve.until(/read the list, 1 value\n.*changed the list, 2 values\n/);
  assert.match((await cli("peer", "show", "desk")).out, /served +todo, to programs without covey, which may change it/);
  assert.equal((JSON.parse((await cli("peer", "show", "desk", "--json")).out) as { servings: unknown[] }).servings.length, 1);
  serve.kill("SIGINT");
  await serve.ended;
  assert.doesNotMatch((await cli("peer", "show", "desk")).out, /served/);
});

test("guests: shown as they write, in the inbox, answered, read", async () => {
  const serve = serving("--reply", "heard", ...LOCAL);
  const url = await urlOf(serve);
  assert.match(serve.out(), /^Serving messages of guests\n {2}nc 127\.0\.0\.1 \d+\n$/);
  const client = await text(url);
  assert.equal(await client.ask(`Hello ${HOSTILE}\n`), "heard\n");
  await serve.until(/guest-\d+: Hello/);
  const [, guest] = /(guest-\d+): Hello/.exec(serve.out())!;
  show(serve.out(), Infinity);

  const inbox = await cli("inbox");
  assert.match(inbox.out, new RegExp(`${guest} \\(127\\.0\\.0\\.1:\\d+\\): Hello`));
  assert.match(inbox.err, new RegExp(`msg ${guest}\``));
  assert.equal((JSON.parse((await cli("inbox", "--json")).out) as { guests: GuestMessage[] }).guests.length, 1);
  const answered = client.next();
  assert.match((await cli("msg", guest!, "hi", "there")).out, /^sent to guest-\d+\n$/);
  assert.match(await answered, /^hi there/);
  const said = await cli("msg", `${guest!}:`);
  assert.match(said.out, /: Hello/);
  show(inbox.out + said.out, Infinity);
  assert.equal((await laptop.inbox()).guests.length, 0);
  assert.deepEqual(
    (JSON.parse((await cli("msg", guest!, "--json")).out) as GuestMessage[]).map((one) => one.guest),
    [guest],
  );

  assert.equal(await client.ask("Still here\n"), "heard\n");
  assert.match((await cli("inbox", "--read")).out, /: Still here\n$/);
  assert.equal((await laptop.inbox()).guests.length, 0);

  const followed = await cli("msg", guest!, "--follow");
  assert.equal(followed.status, 2);
  assert.match(followed.err, /can't be followed here\n`covey --home \S+ serve`/);
  client.end();
  await eventually(async () => (await laptop.servings())[0]?.guests.length === 0);
  assert.equal((await cli("msg", guest!, "gone?")).status, 3);
  assert.equal((await cli("msg", "guest-999999")).status, 3);
  serve.kill("SIGINT");
  await serve.ended;
});

test("a greeting, and that is all", async () => {
  const serve = serving("--greeting", "Hello", "--close", ...LOCAL);
  await serve.until(/nc 127\.0\.0\.1 \d+\n/);
  const [, port] = /nc 127\.0\.0\.1 (\d+)\n/.exec(serve.out())!;
  assert.equal(serve.out(), `Serving a greeting, and that is all\n  nc 127.0.0.1 ${port}\n`);
  const client = await text(`http://127.0.0.1:${port}/`);
  assert.equal(await client.next(), "Hello");
  serve.kill("SIGINT");
  assert.equal((await serve.ended).status, 130);
});

test("what goes not together, and what is not there, is refused before anything is served", async () => {
  const table: readonly (readonly [argv: readonly string[], status: number, says: RegExp])[] = [
    [[], 2, /there is nothing to serve/],
    [[files, "--writable"], 2, /--writable belongs to --list/],
    [[files, "--greeting", "x"], 1, /greeting/],
    [["--list", "x", "--upload"], 2, /files/],
    [["--list", "x", "--close"], 2, /./],
    [[files, "--lan", "--listen", ":0"], 1, /where to listen/],
    [[join(files, "nothing")], 3, /nothing/],
    [[join(files, "a.txt")], 2, /not a directory/],
    [["--list", "nobody:x"], 3, /no peer is called/],
    [["--list", "desk:"], 2, /names no key/],
    [["--list", "tcp://x:1"], 2, /is a URL/],
    [[files, "--listen", "nonsense"], 2, /not an address to listen at/],
    [[files, "--per-address", "0"], 2, /not a number/],
    [["rm", "../x"], 2, /`covey serve ls`/],
    [["rm", "99"], 3, /./],
    [["ls", "--lan"], 2, /says nothing to `covey serve ls`/],
    [["--keep", "rm", "1"], 2, /says nothing to `covey serve rm`/],
  ];
  for (const [argv, exitCode, says] of table) {
    const refused = await refusal(["--home", home, "serve", ...argv]);
    assert.equal(refused.exitCode, exitCode, `${argv.join(" ")}: ${refused.message}`);
    assert.match(`${refused.message}\n${refused.hint}`, says);
  }
  assert.deepEqual(await laptop.servings(), []);
});

test("beyond this machine without a token: a word of warning; with one, none", async () => {
  const open = serving(files, "--listen", ":0");
  await open.until(/--token lets in/);
  open.kill("SIGINT");
  await open.ended;
  const closed = serving(files, "--lan", "--token");
  await closed.until("Ctrl-C ends it");
  closed.kill("SIGINT");
  assert.doesNotMatch((await closed.ended).err, /--token lets in/);
});

for (const columns of WIDTHS) {
  test(
    `on a terminal of ${columns} columns: whatever clients say, lines that fit, and nothing obeyed`,
    { skip: noTerminal },
    async () => {
      const argv = ["--home", home, "serve", files, "--list", "todo", "--lan", "--token"];
      const serve = startOnTerminal(argv, columns);
      await serve.until("Ctrl-C ends it");
      const [one] = await laptop.servings();
      const port = new URL(one!.urls[0]!).port;
      const base = `http://127.0.0.1:${port}/${one!.token!}/`;
      for (const path of ["a.txt", encodeURIComponent(HOSTILE), encodeURIComponent("日本語".repeat(40)), "%ff%00%9b2J"])
        await get(base + path);
      const client = await text(base);
      await client.ask(`${one!.token!}\n`);
      await client.ask(`${HOSTILE}\n`);
      await serve.until(/guest-\d+:/);
      // As Ctrl-C on the terminal does.
      serve.write("\u0003");
      const { status, out } = await serve.ended;
      assert.equal(status, 130, out);
      const screen = show(out.replaceAll("^C", ""), columns);
      assert.ok(
        screen.lines.some((line) => line.includes(one!.urls[0]!)),
        "the URL stands on one line",
      );
      assert.ok(
        screen.lines.some((line) => /^[ █▀▄]{29,}$/.test(line)),
        "the QR is shown",
      );
      client.end();

      const kept = await laptop.serve({ directory: join(files, "日本"), keep: true, listen: "tcp://127.0.0.1:0" });
      const commands = [["serve", "ls"], ["status"], ["inbox"]];
      await Promise.all(
        commands.map(async (command) => {
          const shown = await startOnTerminal(["--home", home, ...command], columns).ended;
          assert.equal(shown.status, 0, shown.out);
          show(shown.out, columns);
        }),
      );
      await laptop.unserve(kept.serving.id);
    },
  );
}

test("a daemon that stops is told, and that nothing is served then", async () => {
  const desk = ["--home", daemons!.homes.desk];
  const serve = start([...desk, "serve", files, ...LOCAL]);
  await urlOf(serve);
  assert.equal((await run([...desk, "down"])).status, 0);
  const { status, err } = await serve.ended;
  assert.equal(status, 1);
  assert.match(err, /It is served no longer: the same command serves it again/);
});

const eventsOf = (out: string): readonly ServingEvent[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as ServingEvent);

/** The first URL that it says; one of its port, when nothing is there for browsers. */
async function urlOf(serve: Running): Promise<string> {
  await serve.until("Ctrl-C ends it");
  const [url, host, port] = /http:\/\/\S+|nc (\S+) (\d+)/.exec(serve.out())!;
  return port === undefined ? url : `http://${host}:${port}/`;
}

function get(url: string): Promise<[status: number, body: string]> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (part: string) => (body += part));
      answer.on("end", () => resolve([answer.statusCode!, body])).on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

async function refuses(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");
}

/** A socket program, as tutorials have it. */
async function text(url: string): Promise<{ ask(said: string): Promise<string>; next(): Promise<string>; end(): void }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setEncoding("utf8");
  sockets.add(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  const next = async (): Promise<string> => ((await once(socket, "data")) as [string])[0];
  return {
    next,
    ask(said) {
      const answer = next();
      socket.write(said);
      return answer;
    },
    end: () => void socket.end(),
  };
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
