// What a command line with real daemons makes of names that lead elsewhere, whoever says them, and of names that would command a terminal,
// in the commands that test/cli/terminal.test.ts has not: to a terminal, a pipe, as JSON, and in the log.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { Covey } from "../../src/control/covey.ts";
import { noTerminal, run, startOnTerminal, type Ran } from "../cli/command.ts";
import { startDaemons, type Daemons } from "../cli/daemons.ts";
import { show } from "../cli/screen.ts";

const HOSTILE = "\u001b[2J\u001b]52;c;aGk=\u0007\r\u009b31m\b\u202egnp.exe\nx";

const KEY = HOSTILE.replaceAll("/", "");

let daemons: Daemons | undefined;
let directory: string;
let homes: { readonly laptop: string; readonly desk: string };
let laptop: Covey;
let desk: Covey;

const at = (...names: readonly string[]): string => join(directory, ...names);
const cli = (...argv: readonly string[]): Promise<Ran> => run(["--home", homes.laptop, ...argv], { cwd: at("here") });
const canary = async (): Promise<unknown> => [
  (await readdir(directory)).sort(),
  await readdir(at("outside")),
  await readFile(at("outside", "x"), "utf8"),
];

before(async () => {
  daemons = await startDaemons("covey-hostile-");
  ({ directory, homes, laptop, desk } = daemons);
  for (const name of ["here", "into", "outside", "tree"]) await mkdir(at(name));
  await writeFile(at("outside", "x"), "canary");
  await writeFile(at("tree", HOSTILE), "hostile");
  await writeFile(at("tree", "plain"), "plain");
  await symlink("/etc/passwd", at("tree", `out${HOSTILE}`));
  await symlink("../outside", at("tree", "link"));
});

after(() => daemons?.close());

const ELSEWHERE = ["../x", "..", ".", "", "/x", "a/../../x", "a/x", "\0x", "../outside/x", "n".repeat(300)];

test("no name that is given here or there leads out of where things go", async () => {
  await desk.peer("laptop").share(at("tree"));
  await until(async () => (await laptop.peer("desk").shares()).length === 1);
  const before = await canary();
  for (const name of ELSEWHERE) {
    const said = JSON.stringify(name.slice(0, 20));
    await assert.rejects(desk.peer("laptop").share(at("tree"), { name }), { code: "bad-argument" }, said);
    await assert.rejects(laptop.peer("desk").get("tree/plain", { into: at("into"), as: name }), { code: "bad-argument" }, said);
    for (const path of [`tree/${name}`, name]) {
      if (path === "tree/") continue;
      const refused = (error: { code?: string }): boolean => ["bad-argument", "not-found"].includes(error.code ?? "");
      await assert.rejects(laptop.peer("desk").get(path, { into: at("into") }), refused, said);
      await assert.rejects(Array.fromAsync(laptop.peer("desk").read(path)), refused, said);
      await assert.rejects(Array.fromAsync(laptop.peer("desk").list(path)), refused, said);
    }
    // A command's arguments have no NUL.
    if (name.includes("\0")) continue;
    assert.equal((await cli("share", at("tree"), "desk:", "--as", name)).status, 2, said);
    if (name !== "") assert.notEqual((await cli("get", `desk:tree/${name}`, "-o", at("into/"))).status, 0, said);
  }
  for (const into of ["relative", "../into", "", "into\0"])
    await assert.rejects(laptop.peer("desk").get("tree/plain", { into }), { code: "bad-argument" }, into);
  // What comes from stdin may be called anything that a file can be; over there that becomes a name in the directory.
  for (const name of ELSEWHERE) {
    const job = await desk
      .peer("laptop")
      .sendBytes([Buffer.from("bytes")], { name })
      .catch((error: unknown) => {
        assert.equal((error as { code: string }).code, "bad-argument", name);
      });
    if (job === undefined) continue;
    const offer = await nextOffer();
    await laptop.accept(offer, { into: at("into") });
    const done = await job.done;
    assert.equal(done.offer.state, "done");
    const { path } = (await laptop.transfers()).find((transfer) => transfer.offer.id === offer)!;
    assert.equal(join(path!, ".."), at("into"), JSON.stringify(name));
    assert.equal(await readFile(path!, "utf8"), "bytes");
  }
  assert.deepEqual(await canary(), before);
  await desk.peer("laptop").unshare("tree");
});

test("names that would command a terminal command none, whatever they are shown by", { skip: noTerminal }, async () => {
  await until(async () => (await laptop.peer("desk").shares()).length === 0);
  await desk.peer("laptop").share(at("tree"));
  await laptop.data().set(`k/${KEY}`, { [HOSTILE]: HOSTILE });
  await desk.peer("laptop").data().set(KEY, HOSTILE);
  await desk.peer("laptop").message(HOSTILE);
  await until(async () => (await laptop.peer("desk").shares()).length === 1);
  /** The number of one that waits, with the names in it. */
  const waiting = async (): Promise<string> => {
    // A sender that has not heard yet how the last one ended would go on with it.
    await until(async () => (await openOffers()) === (await laptop.inbox()).offers.length);
    await desk.peer("laptop").send([at("tree"), at("tree", HOSTILE)]);
    await until(async () => (await laptop.inbox()).offers.length > 0);
    return String((await laptop.inbox()).offers[0]!.number);
  };
  const commands: ((n: () => Promise<string>) => Promise<readonly string[]>)[] = [
    async () => ["msg", "desk"],
    async (n) => ["transfers", "pause", await n()],
    async (n) => ["receive", await n(), "-o", at("into")],
    async (n) => ["decline", await n()],
    async () => ["ls", "desk:tree", "-R"],
    async () => ["get", "desk:tree", "-o", at("into/")],
    async () => ["get", `desk:tree/${HOSTILE}`, "-o", at("into/")],
    async () => ["get", "desk:tree/plain", "-o", at(`none${HOSTILE}`, HOSTILE)],
    async () => ["send", at("tree", HOSTILE), "desk:", "--no-wait"],
    async () => ["send", at("tree"), "desk:", "--no-wait"],
    async () => ["send", at(HOSTILE), "desk:", "--no-wait"],
    async () => ["share", at("tree", HOSTILE), "desk:", "--as", "s"],
    async () => ["share", at("tree", HOSTILE), "desk:", "--as", HOSTILE],
    async () => ["share", "rm", `desk:${HOSTILE}`],
    async () => ["peer", "allow", HOSTILE],
    async () => ["peer", "rename", "desk", HOSTILE],
    async () => ["peer", "rm", HOSTILE, "--yes"],
    async () => ["pair", HOSTILE],
    async () => ["data", "ls"],
    async () => ["data", "ls", "desk:"],
    async () => ["data", "get", `desk:${KEY}`],
    async () => ["data", "get", HOSTILE],
    async () => [HOSTILE],
    async () => ["status", `--${HOSTILE}`],
  ];
  for (const argv of commands) {
    const plain = await argv(waiting);
    const piped = await cli(...plain);
    assert.equal(show(piped.out + piped.err, Infinity).colours, 0);
    assert.notEqual(piped.out + piped.err, "", plain.join(" "));
    const json = await cli("--json", ...(await argv(waiting)));
    for (const line of (json.out + json.err).split("\n")) {
      assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/, plain.join(" "));
      if (line !== "") JSON.parse(line);
    }
    const terminal = await startOnTerminal(["--home", homes.laptop, ...(await argv(waiting))], 80).ended;
    show(terminal.out, 80);
  }
  for (const home of Object.values(homes)) {
    const log = await readFile(join(home, "log"), "utf8");
    for (const line of log.trimEnd().split("\n")) assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202e]/);
  }
});

async function nextOffer(): Promise<string> {
  await until(async () => (await laptop.inbox()).offers.length > 0);
  return (await laptop.inbox()).offers[0]!.id;
}

async function openOffers(): Promise<number> {
  const sent = (await desk.transfers()).filter(({ offer }) => offer.direction === "out");
  return sent.filter(({ offer }) => offer.state === "waiting" || offer.state === "accepted").length;
}

/** Polls until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
