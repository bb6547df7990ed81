// The command line against two real daemons: what each command does, says, where it says it, and its exit status.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { connect } from "../../src/control/connect.ts";
import type { Covey } from "../../src/control/covey.ts";
import { VERSION } from "../../src/core/version.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { endAll, noTerminal, MAIN, run, start, startOnTerminal, type Ran, type RunOptions } from "./command.ts";

let directory: string;
let laptopHome: string;
let deskHome: string;
let desk: Covey;

/** On laptop, where desk is paired; `onDesk` is the other side. */
const cli = (...argv: readonly string[]): Promise<Ran> => run(["--home", laptopHome, ...argv]);
const cliWith = (options: RunOptions, ...argv: readonly string[]): Promise<Ran> => run(["--home", laptopHome, ...argv], options);
const onDesk = (...argv: readonly string[]): Promise<Ran> => run([...argv, "--home", deskHome]);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "covey-cli-"));
  laptopHome = join(directory, "laptop");
  deskHome = join(directory, "desk");
  const listen = ["tcp://127.0.0.1:0"];
  await Promise.all([
    startDaemon({ home: laptopHome, change: { listen, name: "laptop" } }),
    startDaemon({ home: deskHome, change: { listen, name: "desk", incoming: join(directory, "incoming") } }),
  ]);
  desk = await connect({ home: deskHome });
});

after(async () => {
  endAll();
  await desk?.close();
  await Promise.all([stopDaemon({ home: laptopHome }), stopDaemon({ home: deskHome })]);
  await rm(directory, { recursive: true, force: true });
});

test("pair: a ticket on stdout alone, waiting on stderr, and both are told", async () => {
  const inviting = start(["--home", laptopHome, "pair", "--as", "desk", "--for", "5m"]);
  await inviting.until(/covey1[a-z2-7]+\n/);
  const command = inviting.out().trim();
  assert.match(command, /^covey pair covey1[a-z2-7]+$/);
  const joined = await onDesk("pair", command.split(" ")[2]!, "--as", "laptop");
  assert.deepEqual([joined.status, joined.err], [0, ""]);
  assert.match(joined.out, /^Paired with laptop, [a-z2-7]+\nTry: `covey --home \S+ msg laptop "hello"`\n$/);
  const { status, out, err } = await inviting.ended;
  assert.equal(status, 0);
  assert.match(out, /Paired with desk/);
  assert.match(err, /within 5 min/);
});

test("pair: the ticket from stdin; a mistyped one, and Ctrl-C, which withdraws", async () => {
  assert.equal((await cliWith({ stdin: "covey1abc\n" }, "pair", "-")).status, 4);
  const inviting = start(["--home", laptopHome, "--json", "pair"]);
  await inviting.until(/\n/);
  const { type, ticket } = JSON.parse(inviting.out()) as { type: string; ticket: string };
  assert.equal(type, "ticket");
  inviting.kill("SIGINT");
  const { status, err } = await inviting.ended;
  assert.deepEqual([status, err], [130, ""]);
  assert.equal((await onDesk("pair", ticket)).status, 4);
  assert.equal((await cli("pair", "covey1abc", "--for", "5m")).status, 2);
});

test("peer: ls, show, rename; names with a colon; JSON is the method's value", async () => {
  assert.match((await cli("peer", "ls")).out, /^PEER +STATE +ADDRESS.*\ndesk +(connected|away)/);
  assert.match((await cli("peer", "show", "desk:")).out, /^desk\n {2}id +[a-z2-7]+\n/);
  assert.match((await cli("peer", "rename", "desk", "büro")).out, /büro/);
  assert.match((await cli("peer", "ls")).out, /büro/);
  await cli("peer", "rename", "büro", "desk");
  await using covey = await connect({ home: laptopHome });
  const { out } = await cli("peer", "ls", "--json");
  const named = (JSON.parse(out) as { peerId: string }[]).map(({ peerId }) => peerId);
  assert.deepEqual(
    named,
    (await covey.peers()).map(({ peerId }) => peerId),
  );
});

test("msg and inbox: sent, read, from stdin, several words; what a peer wrote can't move the cursor", async () => {
  assert.match((await cli("msg", "desk", "lunch?")).out, /^(delivered|queued: .*)\n$/);
  assert.equal((await cli("msg", "desk", "two", "words")).status, 0);
  assert.equal((await cliWith({ stdin: "from\nstdin\n" }, "msg", "desk", "-")).status, 0);
  assert.equal((await cliWith({ stdin: "" }, "msg", "desk", "-")).status, 2);
  assert.equal((await cli("msg", "desk", "--", "--json")).status, 0);
  await eventually(async () => (await desk.inbox()).messages.length === 4);
  const inbox = await onDesk("inbox");
  assert.match(inbox.out, /laptop: lunch\?\n.*two words\n.*from\n {4}stdin\n.*--json\n$/);
  const read = await onDesk("inbox", "--read");
  assert.deepEqual([read.out, read.err], [inbox.out, ""]);
  assert.match((await onDesk("msg", "laptop")).out, /lunch\?/);
  const empty = await onDesk("inbox");
  assert.deepEqual([empty.status, empty.out, empty.err], [0, "", "Nothing waits for you.\n"]);

  await desk.peer("laptop").message("\u001b[2J\u001b]0;owned\u0007\u202egnp.exe\u0085");
  await using laptop = await connect({ home: laptopHome });
  await eventually(async () => (await laptop.inbox()).messages.length > 0);
  for (const argv of [["inbox"], ["inbox", "--json"], ["msg", "desk"], ["msg", "desk", "--json"]]) {
    const { out, err } = await cli(...argv);
    assert.doesNotMatch((out + err).replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u, argv.join(" "));
    assert.match(out, /owned/);
  }
});

test("msg --follow: what was said, then what is said, until Ctrl-C", async () => {
  const following = start(["--home", laptopHome, "msg", "desk", "--follow"]);
  await following.until("lunch?");
  await desk.peer("laptop").message("here it comes");
  await following.until("here it comes");
  following.kill("SIGINT");
  assert.equal((await following.ended).status, 130);
  await eventually(async () => (await desk.peer("laptop").messages({ limit: 1 }))[0]?.state === "read");
});

test("msg: all that is unread is shown, and marked read", async () => {
  const said = Array.from({ length: 30 }, (_, i) => `unread ${i + 1}`);
  for (const text of said) await desk.peer("laptop").message(text);
  await using laptop = await connect({ home: laptopHome });
  await eventually(async () => (await laptop.status()).unread >= said.length);
  const { out } = await cli("msg", "desk");
  for (const text of said) assert.ok(out.includes(`${text}\n`), text);
  assert.equal((await laptop.status()).unread, 0);
});

test("data: values here and there, JSON or text, conditions, conflicts, watching", async () => {
  const silent = await cli("data", "set", "desk:todo", '{"milk":1}');
  assert.deepEqual([silent.status, silent.out, silent.err], [0, "", ""]);
  await eventually(async () => (await desk.peer("laptop").data().get("todo")) !== undefined);
  assert.equal((await onDesk("data", "get", "laptop:todo")).out, '{"milk":1}\n');
  await cli("data", "set", "note", "plain text");
  assert.equal((await cli("data", "get", "note")).out, "plain text\n");
  assert.equal((await cli("data", "get", "self:note")).out, "plain text\n");
  await cliWith({ stdin: "[1,2]\n" }, "data", "set", "list", "-");
  const item = JSON.parse((await cli("data", "get", "list", "--json")).out) as { key: string; value: unknown; version: string };
  assert.deepEqual([item.key, item.value], ["list", [1, 2]]);
  assert.equal((await cli("data", "set", "list", "3", "--if-version", "none")).status, 1);
  assert.equal((await cli("data", "set", "list", "3", "--if-version", item.version)).status, 0);
  assert.match((await cli("data", "ls")).out, /^KEY +VALUE\nlist +3\nnote +plain text\n$/);
  assert.equal((await cli("data", "rm", "list")).status, 0);
  assert.equal((await cli("data", "rm", "list")).err, "There was nothing.\n");
  assert.equal((await cli("data", "conflicts", "desk:")).err, "There are none.\n");

  const watching = start(["--home", deskHome, "--json", "data", "watch", "laptop:"]);
  await eventually(async () => watching.out() !== "");
  await desk.peer("laptop").data().set("shop/1", 1);
  await eventually(async () => watching.out().split("\n").length > 2);
  const events = watching
    .out()
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { type: string }).type);
  assert.deepEqual(events, ["now", "set"]);
  watching.kill("SIGTERM");
  assert.equal((await watching.ended).status, 143);
});

test("send and receive: plain lines without a terminal, exact bytes, and both ends say so", async () => {
  const file = join(directory, "holiday.mkv");
  const into = join(directory, "taken");
  await mkdir(into);
  await writeFile(file, Buffer.alloc(5_000_000, "covey"));
  const sending = start(["--home", laptopHome, "send", file, "desk:"]);
  await sending.until("covey receive");
  const received = await onDesk("receive", "--yes", "-o", into);
  assert.equal(received.status, 0, received.err);
  assert.equal(received.out, `Received ${join(into, "holiday.mkv")}, 4.77 MiB, verified\n`);
  const { status, out, err } = await sending.ended;
  assert.equal(status, 0, err);
  assert.match(out, /^Sent holiday\.mkv to desk: 4\.77 MiB in .*, verified there\nBLAKE3 [0-9a-f]{64}\n$/);
  assert.doesNotMatch(err + received.err, /[\p{Cc}--\n]/v);
  assert.deepEqual(await readFile(join(into, "holiday.mkv")), await readFile(file));
  assert.match((await cli("transfers")).out, /holiday\.mkv +1 +4\.77 MiB +to desk +done\n/);
});

test("send: --no-wait, decline, cancel by number, Ctrl-C leaves the offer and says how to go on", async () => {
  const file = join(directory, "\u001b[31mred.txt");
  await writeFile(file, "x");
  const offered = await cli("send", file, "desk", "--no-wait");
  assert.equal(offered.out, `Offered to desk as #2: \\u{1b}[31mred.txt, 1 B\n`);
  await eventually(async () => (await desk.inbox()).offers.length === 1);
  assert.match((await onDesk("inbox")).out, /\\u\{1b\}\[31mred\.txt, 1 B, from laptop/);
  const asked = await onDesk("receive");
  assert.equal(asked.status, 2);
  assert.match(asked.err, /no terminal to ask on\n.*--yes/);
  const number = String((await desk.inbox()).offers[0]!.number);
  assert.deepEqual([(await onDesk("decline", number)).status, (await onDesk("receive", number)).status], [0, 1]);

  const waiting = start(["--home", laptopHome, "send", file, "desk:"]);
  await waiting.until("covey receive");
  waiting.kill("SIGINT");
  const { status, err } = await waiting.ended;
  assert.equal(status, 130);
  assert.match(err, /The offer stays.*covey --home \S+ cancel 3/s);
  assert.equal((await cli("cancel", "3")).status, 0);
  assert.equal((await cli("cancel", "3")).status, 1);
});

test("exit statuses and the one line that says what is wrong", async () => {
  const missing = join(directory, "nothing");
  const table: readonly (readonly [argv: readonly string[], status: number, said: RegExp])[] = [
    [["sned"], 2, /^covey: unknown command 'sned'\nDid you mean send\?\n$/],
    [["data", "lst"], 2, /Did you mean ls\?/],
    [["send"], 2, /missing required argument 'file'\n`covey send --help`/],
    [["send", missing], 2, /not said where to send it\nThe peer comes last: `covey --home \S+ send \S+nothing NAME:`/],
    [["send", "a", "-", "desk:"], 2, /by itself/],
    [["send", "-", "desk:"], 2, /no name\nAdd one: --name/],
    [["send", "a", "desk:", "--name", "b"], 2, /--name is for what comes from stdin/],
    [["send", directory, MAIN], 2, /that is a file or a directory here\nThe peer comes last/],
    [["share", "rm", "desk:a/b"], 2, /inside a share/],
    [["share", directory, "desk:", "--for", "soon"], 2, /not a duration/],
    [["get", "desk:"], 2, /does not say what is meant at which peer\nNAME:PATH does/],
    [["get", "desk:a", "-o", "-", "--json"], 2, /both want stdout/],
    [["get", "desk:a", "--conflict", "ask"], 2, /Allowed choices are rename, skip, overwrite/],
    [["peer", "allow", "desk", "--ask", "--refuse"], 2, /each say all/],
    [["peer", "allow", "desk", "--up-to", "2GiB"], 2, /belongs to --into/],
    [["peer", "allow", "desk", "--into", directory, "--up-to", "lots"], 2, /not a size/],
    [["transfers", "999"], 3, /there is no transfer 999/],
    [["status", "extra"], 2, /too many arguments/],
    [["msg", "desk", "-x"], 2, /unknown option '-x'/],
    [["pair", "--for", "3x"], 2, /"3x" is not a duration\nWrite it as/],
    [["data", "get", "http://x/y"], 2, /URL/],
    [["data", "get", "desk:"], 2, /names no key/],
    [["msg", "dsk", "x"], 3, /no peer is called "dsk"\nDid you mean desk\?/],
    [["send", missing, "desk:"], 3, /nothing/],
    [["data", "get", "nothing"], 3, /there is nothing at "nothing"/],
    [["receive", "999"], 3, /no offer/],
    [["cancel", "../1"], 2, /not the number/],
    [["peer", "rm", "desk"], 2, /needs a yes\nAdd --yes/],
    [["data", "watch", "--timeout", "300ms"], 5, /not done after 0\.3 s/],
    [["--home", missing, "status"], 8, /not running\n`covey --home \S+ up`/],
  ];
  await Promise.all(
    table.map(async ([argv, status, said]) => {
      const ran = await cli(...argv);
      assert.equal(ran.status, status, `${argv.join(" ")}: ${ran.err}`);
      assert.equal(ran.out, "", argv.join(" "));
      assert.match(ran.err, said, argv.join(" "));
    }),
  );
  const { err } = await cli("--json", "msg", "dsk", "x");
  assert.deepEqual(JSON.parse(err), {
    code: "not-found",
    message: 'no peer is called "dsk"',
    hint: "Did you mean desk?",
    details: {},
    retryable: false,
  });
});

test("help leads with examples; options stand before and behind the command; --version", async () => {
  const help = await run([]);
  assert.equal(help.status, 0);
  assert.ok(help.out.indexOf("covey pair TICKET") < help.out.indexOf("Usage:"));
  for (const name of [
    "up",
    "down",
    "status",
    "pair",
    "peer",
    "msg",
    "inbox",
    "send",
    "receive",
    "decline",
    "cancel",
    "transfers",
    "share",
    "ls",
    "get",
    "data",
    "demo",
  ]) {
    const text = (await run([name, "--help"])).out;
    assert.match(text, new RegExp(`^covey ${name}: .+\n\n {2}covey ${name}`), name);
    assert.match(help.out, new RegExp(`^ {2}${name} {2,}`, "m"));
    assert.deepEqual(
      text.split("\n").filter((line) => line.length > 80),
      [],
    );
  }
  assert.deepEqual(await run(["--version"]), { status: 0, out: `${VERSION}\n`, err: "" });
  const [before, behind] = await Promise.all([cli("--json", "status"), cli("status", "--json")]);
  assert.equal((JSON.parse(before.out) as { peerId: string }).peerId, (JSON.parse(behind.out) as { peerId: string }).peerId);
  assert.equal((await run(["status"], { env: { COVEY_HOME: laptopHome } })).status, 0);
});

test("the help of a command, word for word", async () => {
  assert.equal(
    (await run(["send", "--help"])).out,
    `covey send: send files and directories to a peer

  covey send photo.jpg laptop:            # offer it, and wait until it is
                                          # there, whole
  covey send photos/ report.pdf laptop:   # several things, and whole
                                          # directories
  covey send photos/ laptop: --no-wait    # offer it; the daemon does the rest
  covey send - laptop: --name log.txt     # what comes from stdin
  covey receive                           # what to run over there

Usage:
  covey send [options] <file...> <name:>

Arguments:
  file   files and directories, or - for stdin; and last the peer

Options:
  --no-wait       return once the offer is made
  --name <name>   what to call that which comes from stdin

Options that every command has: covey --help
`,
  );
});

test("a closed pipe ends it quietly; colours only where they belong", async () => {
  const piped = spawnSync("sh", ["-c", '"$0" "$1" --help | head -n 1; "$0" "$1" --help | true', process.execPath, MAIN], {
    encoding: "utf8",
    input: "",
  });
  assert.match(piped.stdout, /^covey: .*\n$/);
  assert.equal(piped.stderr, "");
  if (existsSync("/dev/full")) {
    const full = spawnSync("sh", ["-c", '"$0" "$1" --help > /dev/full', process.execPath, MAIN], { encoding: "utf8" });
    assert.equal(full.status, 1);
    assert.match(full.stderr, /can't write the output/);
  }
  assert.ok(!(await cli("status")).out.includes("\u001b"));
  assert.ok((await cli("status", "--color", "always")).out.includes("\u001b[1m"));
  assert.ok(!(await cliWith({ env: { NO_COLOR: "1" } }, "status")).out.includes("\u001b"));
});

test("up, down, --once: started when needed, gone when told, nothing left by --once", async () => {
  const home = join(directory, "third");
  const up = await run(["up", "--home", home, "--listen", "127.0.0.1:0", "--name", "third"]);
  assert.equal(up.status, 0, up.err);
  assert.match(up.out, /^third is up/);
  const changed = await run(["up", "--home", home, "--name", "other"]);
  assert.equal(changed.status, 1);
  assert.match(changed.err, /up already.*\n`covey --home \S+ down` first/);
  assert.equal((await run(["up", "--home", home])).status, 0);
  assert.deepEqual(await run(["down", "--home", home]), { status: 0, out: "Stopped.\n", err: "" });
  assert.deepEqual(await run(["down", "--home", home]), { status: 0, out: "It was not running.\n", err: "" });

  const once = await run(["--once", "--home", home, "data", "set", "k", "v"]);
  assert.deepEqual(once, { status: 0, out: "", err: "" });
  assert.equal((await run(["--home", home, "status"])).status, 8);
  const auto = await run(["--home", home, "data", "get", "k"]);
  assert.deepEqual([auto.status, auto.out], [0, "v\n"]);
  assert.ok(auto.err.includes(`was started; \`covey --home ${home} down\` stops it`), auto.err);
  await run(["down", "--home", home]);

  const foreground = start(["up", "--foreground", "--home", home]);
  await foreground.until("Ctrl-C stops it");
  assert.equal((await run(["--home", home, "status"])).status, 0);
  foreground.kill("SIGTERM");
  const ended = await foreground.ended;
  assert.equal(ended.status, 0);
  assert.match(ended.err, /"msg":"stopped"/);
});

test("on a terminal: a bar that is painted over, questions that are answered, a QR code", { skip: noTerminal }, async () => {
  const file = join(directory, "film.mkv");
  const into = join(directory, "asked");
  await mkdir(into);
  await writeFile(file, Buffer.alloc(20_000_000, "film"));
  const receiving = startOnTerminal(["--home", deskHome, "receive", "-o", into], 80);
  await receiving.until("Waiting for files");
  // Typed before there was a question, it answers none.
  receiving.write("y\n");
  const sending = startOnTerminal(["--home", laptopHome, "send", file, "desk:"], 60);
  await receiving.until("Take film.mkv, 19.1 MiB, from laptop?");
  await desk.peer("laptop").show();
  assert.equal((await desk.transfers()).at(-1)?.offer.state, "waiting");
  receiving.write("y\n");
  const [sent, received] = await Promise.all([sending.ended, receiving.ended]);
  assert.equal(received.status, 0, received.out);
  assert.equal(sent.status, 0, sent.out);
  assert.match(sent.out, /film\.mkv.*%.*\r.*\u001b\[J/s);
  assert.match(received.out, /Received .*film\.mkv/);
  assert.equal((await readFile(join(into, "film.mkv"))).length, 20_000_000);

  const inviting = startOnTerminal(["--home", laptopHome, "pair"], 100);
  await inviting.until("Waiting for it");
  assert.match(inviting.out(), /█▀|▀█/);
  inviting.write("\u0003");
  assert.equal((await inviting.ended).status, 130);
});

test("on a terminal: what is typed is sent, and Ctrl-C leaves no prompt behind", { skip: noTerminal }, async () => {
  const following = startOnTerminal(["--home", laptopHome, "msg", "desk", "--follow"], 80);
  await following.until("> ");
  following.write("typed by hand\r");
  await following.until(/you: typed by hand\S* \(\S*delivered\)/);
  following.write("\u0003");
  const { status, out } = await following.ended;
  assert.equal(status, 130);
  assert.ok(out.lastIndexOf("\r\u001b[K") > out.lastIndexOf("> "), JSON.stringify(out.slice(-80)));
});

test("peer rm --yes: cut off, and unknown from then on", async () => {
  const { status, out } = await cli("peer", "rm", "desk", "--yes");
  assert.deepEqual([status, out], [0, "desk is removed.\n"]);
  assert.equal((await cli("msg", "desk", "x")).status, 3);
  assert.match((await cli("peer", "ls")).err, /No peer is paired yet/);
  await eventually(async () => /laptop no longer knows this device: pair again/.test((await onDesk("status")).out));
  assert.match((await onDesk("peer", "show", "laptop")).out, /connected  no: laptop no longer knows this device/);
});

/** Polls until it holds. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 300, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
