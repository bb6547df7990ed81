// Sending and sharing from the command line, between two real daemons: many things at once, stdin and stdout, shares, what is allowed,
// and a Ctrl-C after which the same command goes on.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { connect } from "../../src/control/connect.ts";
import type { Covey, NamedTransfer } from "../../src/control/covey.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { MAIN, noTerminal, run, start, startOnTerminal, type Ran, type RunOptions } from "./command.ts";
import { startDaemons, type Daemons } from "./daemons.ts";

let daemons: Daemons | undefined;
let directory: string;
let homes: { readonly laptop: string; readonly desk: string };
let laptop: Covey;
let desk: Covey;

const cli = (...argv: readonly string[]): Promise<Ran> => run(["--home", homes.laptop, ...argv], { cwd: directory });
const onDesk = (...argv: readonly string[]): Promise<Ran> => run(["--home", homes.desk, ...argv], { cwd: directory });
const path = (...names: readonly string[]): string => join(directory, ...names);

before(async () => {
  daemons = await startDaemons("covey-sharing-");
  ({ directory, homes, laptop, desk } = daemons);

  await mkdir(path("photos", "empty"), { recursive: true });
  for (const name of ["a.jpg", "b.jpg", "c.jpg"]) await writeFile(path("photos", name), name.repeat(10_240));
  await writeFile(path("photos", "run.sh"), "#!/bin/sh\n");
  await chmod(path("photos", "run.sh"), 0o755);
  await writeFile(path("report.pdf"), "report");
  await writeFile(path("large.bin"), "");
  await truncate(path("large.bin"), 400_000_000);
});

after(() => daemons?.close());

test("directories and files: what is offered is told before it is taken, and what arrived is the same", async () => {
  const sending = start(["--home", homes.laptop, "send", "photos/", "report.pdf", "desk:"], { cwd: directory });
  await sending.until("photos/ and report.pdf: 5 files, 150 KiB");
  await until(async () => (await desk.inbox()).offers.length === 1);
  const inbox = await onDesk("inbox");
  assert.match(
    inbox.out,
    /^#1 {2}photos\/ and report\.pdf: 5 files, 150 KiB, from laptop\n {4}photos\/, 4 files, 150 KiB\n {4}report\.pdf, 6 B\n$/,
  );
  await mkdir(path("taken"));
  const received = await onDesk("receive", "1", "-o", "taken");
  assert.deepEqual([received.status, received.out], [0, `Received ${path("taken")}, 5 files, 150 KiB, verified\n`]);
  const sent = await sending.ended;
  assert.equal(sent.status, 0, sent.err);
  assert.match(sent.out, /^Sent photos\/ and report\.pdf to desk: 5 files, 150 KiB in .*, verified there\n$/);
  assert.deepEqual(await readdir(path("taken", "photos")), await readdir(path("photos")));
  assert.deepEqual(await readFile(path("taken", "photos", "c.jpg")), await readFile(path("photos", "c.jpg")));
  assert.equal((await stat(path("taken", "photos", "run.sh"))).mode & 0o111, 0o111 & (await stat(path("photos", "run.sh"))).mode);
});

test("what can't come along is listed in words, the rest arrives, and the status says so", async (t) => {
  await mkdir(path("odd"));
  await writeFile(path("odd", "whole.txt"), "whole");
  await symlink("/etc/passwd", path("odd", "out"));
  const socket = createServer().listen(path("odd", "s"));
  t.after(() => socket.close());
  await once(socket, "listening");
  const sending = start(["--home", homes.laptop, "send", "odd", "desk:"], { cwd: directory });
  await sending.until("2 things do not come along as they are");
  await until(async () => (await desk.inbox()).offers.length === 1);
  const received = await onDesk("receive", "--yes", "-o", "taken");
  const sent = await sending.ended;
  assert.deepEqual([received.status, sent.status], [6, 6], received.err + sent.err);
  for (const { err } of [received, sent])
    assert.match(err, /\n {2}odd\/out: a link that leads out of what is sent\n {2}odd\/s: neither file, directory nor link\n/);
  assert.deepEqual(await readdir(path("taken", "odd")), ["whole.txt"]);
  const number = (await laptop.transfers()).at(-1)!.offer.number;
  assert.match((await cli("transfers", String(number))).out, /odd\/s: neither file/);

  // Another name over there is nothing that the sender lacks.
  await cli("send", "photos", "desk:", "--no-wait");
  await until(async () => (await desk.inbox()).offers.length === 1);
  const again = await onDesk("receive", "--yes", "-o", "taken");
  assert.deepEqual([again.status, again.out], [0, `Received ${path("taken", "photos (2)")}, 4 files, 150 KiB, verified\n`]);
  await until(async () => (await laptop.transfers()).at(-1)?.offer.state === "done");
  assert.deepEqual((await laptop.transfers()).at(-1)?.notes.count, 0);
});

test("stdin is sent under a name, stdout takes what a peer shares", async () => {
  const text = "0123456789".repeat(500_000);
  await laptop.peer("desk").share(path("photos"), { name: "p" });
  const sending = start(["--home", homes.laptop, "send", "-", "desk:", "--name", "log.txt"], { stdin: text });
  await until(async () => (await desk.inbox()).offers.length === 1);
  assert.equal((await onDesk("receive", "--yes", "-o", "taken")).status, 0);
  assert.match((await sending.ended).out, /^Sent log\.txt to desk: 4\.77 MiB in/);
  assert.equal(await readFile(path("taken", "log.txt"), "utf8"), text);
  const got = await onDesk("get", "laptop:p/a.jpg", "-o", "-");
  assert.deepEqual([got.status, got.out, got.err], [0, "a.jpg".repeat(10_240), ""]);
  const directoryToo = await onDesk("get", "laptop:p", "-o", "-");
  assert.deepEqual([directoryToo.status, directoryToo.out], [2, ""]);
  assert.match(directoryToo.err, /"p" is a directory/);
});

test("get -o - at a pipe: held back by a slow reader, quiet when that goes, an error when the file does", async () => {
  await laptop.peer("desk").share(path("large.bin"), { name: "large" });
  await until(async () => (await desk.peer("laptop").shares()).some(({ name }) => name === "large"));
  const get = () =>
    spawn(process.execPath, [MAIN, "--home", homes.desk, "get", "laptop:large", "-o", "-"], {
      stdio: ["ignore", "pipe", "pipe"],
    });

  const left = get();
  await once(left.stdout, "readable");
  left.stdout.destroy();
  let said = "";
  left.stderr.setEncoding("utf8").on("data", (part: string) => (said += part));
  assert.deepEqual([await once(left, "close"), said], [[141, null], ""]);

  const cut = get();
  await once(cut.stdout, "readable");
  let bytes = cut.stdout.read(1000)?.length ?? 0;
  await laptop.peer("desk").unshare("large");
  cut.stdout.on("data", (part: Buffer) => (bytes += part.length));
  cut.stderr.resume();
  const [status] = (await once(cut, "close")) as [number | null];
  assert.notEqual(status, 0);
  assert.ok(bytes < 400_000_000, `all ${bytes} bytes had gone out`);
});

test("share, ls, get: what is on disk now, under the names that were asked for", async () => {
  await laptop.peer("desk").unshare("p");
  const shared = await cli("share", "photos/", "desk:", "--for", "40d", "--as", "pics");
  assert.match(shared.out, /^Shared with desk as pics until \d{4}-\d\d-\d\d \d\d:\d\d\.\n$/);
  assert.match((await cli("share", "ls")).out, /^SHARE +UNTIL +PATH\ndesk:pics +\d{4}.* +.*photos\n$/);
  assert.equal((await cli("ls")).out, (await cli("share", "ls")).out);
  await until(async () => /pics\//.test((await onDesk("ls", "laptop:")).out));
  await writeFile(path("photos", "new.txt"), "new");
  const listed = await onDesk("ls", "laptop:pics");
  assert.deepEqual(
    listed.out
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/).at(-1)),
    ["a.jpg", "b.jpg", "c.jpg", "empty/", "new.txt", "run.sh"],
  );
  const lines = (await onDesk("ls", "laptop:pics", "--json")).out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { path: string });
  assert.deepEqual(lines.map((line) => line.path).slice(0, 2), ["pics", "pics/a.jpg"]);
  assert.equal((await onDesk("ls", "laptop:pics/empty")).err, "It is empty.\n");
  assert.equal((await onDesk("ls", "laptop:other")).status, 3);

  const got = await onDesk("get", "laptop:pics/", "-o", "got/new/");
  assert.equal(got.status, 0, got.err);
  assert.match(got.out, new RegExp(`^Got ${path("got", "new", "pics")} from laptop: 5 files, 150 KiB in .*, verified\n$`));
  assert.deepEqual(await readdir(path("got", "new", "pics")), await readdir(path("photos")));
  assert.equal((await onDesk("get", "laptop:pics/new.txt", "-o", "got/other.txt")).status, 0);
  assert.equal(await readFile(path("got", "other.txt"), "utf8"), "new");
  await onDesk("get", "laptop:pics/new.txt", "-o", "got");
  await writeFile(path("photos", "new.txt"), "newer");
  await onDesk("get", "laptop:pics/new.txt", "-o", "got");
  assert.equal(await readFile(path("got", "new (2).txt"), "utf8"), "newer");
  await onDesk("get", "laptop:pics/new.txt", "-o", "got", "--conflict", "overwrite");
  assert.equal(await readFile(path("got", "new.txt"), "utf8"), "newer");
  assert.equal((await onDesk("get", "laptop:pics/new.txt", "-o", "missing/x")).status, 2);

  assert.equal((await cli("share", "rm", "desk:pics")).out, "pics is shared with desk no longer.\n");
  await until(async () => (await onDesk("ls", "laptop:pics")).status === 3);
  assert.match(
    (await onDesk("ls", "laptop:")).err,
    /laptop shares nothing with this device\. Over there, run: covey share DIR NAME:\n$/,
  );
});

test("Ctrl-C pauses what moves, on either side, and the same command goes on with it", async () => {
  const send = ["--home", homes.laptop, "send", "large.bin", "report.pdf", "desk:"];
  const sending = start(send, { cwd: directory });
  await until(async () => (await desk.inbox()).offers.length === 1);
  const number = String((await desk.inbox()).offers[0]!.number);
  const receive = ["--home", homes.desk, "receive", number, "-o", path("taken")];
  const receiving = start(receive);
  await sending.until("10 %");
  sending.kill("SIGINT");
  const stopped = await sending.ended;
  assert.equal(stopped.status, 130);
  assert.match(
    stopped.err,
    /Paused at \d+ %\. The same command goes on with it; so does `covey --home \S+ transfers resume \d+`\.\n$/,
  );
  assert.equal((await newest(laptop)).paused, "here");
  await receiving.until("paused by laptop");

  const again = start(send, { cwd: directory });
  await again.until(/[3-9]0 %/);
  receiving.kill("SIGINT");
  const left = await receiving.ended;
  assert.equal(left.status, 130);
  assert.match(left.err, new RegExp(`\`covey --home \\S+ receive ${number}\` goes on with it`));
  await again.until("paused by desk");
  const taken = await run(receive);
  assert.equal(taken.status, 0, taken.err);
  assert.equal((await again.ended).status, 0);
  assert.equal((await stat(path("taken", "large.bin"))).size, 400_000_000);
  const { offer, resumedBytes } = await newest(desk);
  assert.equal(offer.number, Number(number));
  assert.ok(resumedBytes > 0);
});

test("get: Ctrl-C, and the same command again; SIGTERM leaves it running", async () => {
  await laptop.peer("desk").share(path("large.bin"));
  await until(async () => (await desk.peer("laptop").shares()).length === 1);
  const get: readonly [readonly string[], RunOptions] = [
    ["--home", homes.desk, "get", "laptop:large.bin", "-o", "again.bin"],
    { cwd: directory },
  ];
  const first = start(...get);
  await first.until("10 %");
  first.kill("SIGINT");
  const stopped = await first.ended;
  assert.equal(stopped.status, 130);
  assert.match(stopped.err, /Paused at \d+ %\. The same command goes on with it/);
  assert.equal((await newest(desk)).paused, "here");
  const second = start(...get);
  await second.until(/[2-9]0 %/);
  second.kill("SIGTERM");
  const ended = await second.ended;
  assert.equal(ended.status, 143);
  assert.match(ended.err, /It goes on without this command/);
  await until(async () => (await newest(desk)).offer.state === "done");
  assert.equal((await stat(path("again.bin"))).size, 400_000_000);
  assert.equal((await desk.transfers()).filter(({ offer }) => offer.sharePath === "large.bin").length, 1);
  await laptop.peer("desk").unshare("large.bin");
});

test("a daemon that is killed midway: said once, nothing is lost, and what is under way is told", async () => {
  const home = path("killed");
  await startDaemon({ home, change: { listen: ["tcp://127.0.0.1:0"], name: "killed" } });
  const here = await connect({ home });
  try {
    await using invitation = await laptop.invite({ as: "killed" });
    await here.join(invitation.ticket, { as: "laptop" });
    await invitation.done;
    await laptop.peer("killed").send(path("large.bin"));
    await until(async () => (await here.inbox()).offers.length === 1);
    const receiving = start(["--home", home, "receive", "--yes", "-o", path("taken")]);
    await receiving.until("10 %");
    await laptop.pause((await newest(laptop)).offer.id);
    process.kill((await here.status()).pid, "SIGKILL");
    const { status, err } = await receiving.ended;
    assert.equal(status, 8);
    assert.equal(err.split("the daemon went away").length, 2, err);
    assert.match(err, /Nothing is lost: `covey --home \S+ up`/);
    const again = start(["--home", home, "receive", "--yes", "-o", path("taken")]);
    await again.until(/from laptop is under way, \d+ % of large\.bin/);
    again.kill("SIGINT");
    await again.ended;
  } finally {
    await here.close();
    await stopDaemon({ home });
    await laptop.peer("killed").remove();
  }
});

test("transfers pause and resume; one with all that is known of it", async () => {
  await cli("send", "large.bin", "desk:", "--no-wait");
  await until(async () => (await desk.inbox()).offers.length === 1);
  const { number } = (await newest(laptop)).offer;
  const paused = await cli("transfers", "pause", String(number));
  assert.deepEqual([paused.status, paused.out], [0, "Paused.\n"]);
  assert.match((await cli("transfers")).out, new RegExp(`^${number} +large\\.bin .*(waiting|paused)`, "m"));
  assert.equal((await cli("transfers", "resume", String(number))).out, "It goes on.\n");
  assert.match(
    (await cli("transfers", String(number))).out,
    new RegExp(`^#${number} to desk: large\\.bin\n  state +waiting\n  size +381 MiB\n`),
  );
  assert.equal((await cli("transfers", "cancel", String(number))).out, "Cancelled.\n");
  assert.equal((await cli("transfers", "pause", String(number))).status, 1);
});

test("peer allow: asked, taken up to a size, refused; peer show and rm tell what it may reach", async () => {
  assert.equal((await onDesk("peer", "allow", "laptop")).out, "What laptop sends: somebody is asked.\n");
  const taking = await onDesk("peer", "allow", "laptop", "--into", "taken", "--up-to", "1M");
  assert.equal(
    taking.out,
    `What laptop sends: taken into ${path("taken")}, up to 1.00 MiB each; for larger ones somebody is asked.\n`,
  );
  assert.equal((await cli("send", "report.pdf", "desk:")).status, 0);
  assert.equal(await readFile(path("taken", "report (2).pdf"), "utf8"), "report");
  await onDesk("peer", "allow", "laptop", "--refuse");
  const refused = await cli("send", "report.pdf", "desk:");
  assert.equal(refused.status, 4);
  assert.match(refused.err, /^covey: desk declined "report\.pdf"$/m);

  await desk.peer("laptop").share(path("photos"));
  const shown = await onDesk("peer", "show", "laptop");
  assert.match(shown.out, /\n {2}offers {5}declined at once\n {2}shares {5}photos: .*photos\n {2}sending {4}nothing\n$/);
  const json = JSON.parse((await onDesk("peer", "show", "laptop", "--json")).out) as {
    name: string;
    access: { shares: unknown[] };
  };
  assert.deepEqual([json.name, json.access.shares.length], ["laptop", 1]);
  assert.match((await onDesk("status")).out, /1 share for others: `covey --home \S+ ls`/);
  assert.equal((await onDesk("peer", "rm", "laptop", "--yes")).out, "laptop is removed. 1 share to it ended.\n");
});

test("on a terminal, bytes of a peer are not written without a yes", { skip: noTerminal }, async () => {
  const { status, out } = await startOnTerminal(["--home", homes.desk, "get", "laptop:x", "-o", "-"], 80).ended;
  assert.equal(status, 2);
  assert.match(out, /stdout is a terminal/);
});

const newest = async (covey: Covey): Promise<NamedTransfer> => (await covey.transfers()).at(-1)!;

/** Polls until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 1000, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
