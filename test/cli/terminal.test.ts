// What people see on terminals of 40, 80 and 200 columns, without colours, and without a terminal: names of any script and names that
// would like to command the terminal. Nothing is wider than there is room, nothing from elsewhere is obeyed.

import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { Covey } from "../../src/control/covey.ts";
import { noTerminal, run, startOnTerminal } from "./command.ts";
import { startDaemons, type Daemons } from "./daemons.ts";
import { show, type Screen } from "./screen.ts";

const HOSTILE = "\u001b[2J\u001b]52;c;aGk=\u0007\r\u009b31m\b\u202egnp.exe";
const NAMES = [
  "假期照片和视频的很长很长的名字.txt",
  "صورة العائلة.txt",
  "cafe\u0301 \u0301\u0301.txt",
  "👩‍👩‍👧.txt",
  HOSTILE,
  "plain.txt",
];
const WIDTHS = [40, 80, 200];

let daemons: Daemons | undefined;
let directory: string;
let laptop: Covey;
let desk: Covey;
let homes: { readonly laptop: string; readonly desk: string };

before(async () => {
  daemons = await startDaemons("c-");
  ({ directory, homes, laptop, desk } = daemons);

  const tree = join(directory, "dir");
  await mkdir(join(tree, "سفر"), { recursive: true });
  for (const name of NAMES) await writeFile(join(tree, name), name.repeat(200));
  await symlink(`./${HOSTILE}`, join(tree, `link${HOSTILE}`));
  await symlink("/etc/passwd", join(tree, `out${HOSTILE}`));
  await symlink("plain.txt", join(tree, "short"));
  const paths = [tree, ...NAMES.map((name) => join(tree, name))];
  await desk.peer("laptop").send(paths);
  await desk.peer("laptop").send(join(tree, HOSTILE));
  await laptop.peer("desk").send(paths.toReversed());
  await desk.peer("laptop").share(tree);
  for (const [i, name] of NAMES.entries()) await laptop.peer("desk").share(join(tree, name), { name: `share ${i}` });
  await until(async () => (await laptop.inbox()).offers.length === 2 && (await laptop.peer("desk").shares()).length === 1);
});

after(() => daemons?.close());

/** Everything that is shown of others, and the error that names what was typed. */
const COMMANDS: readonly (readonly [argv: readonly string[], status: number, says: RegExp])[] = [
  [["status"], 0, /6 shares for others/],
  [["inbox"], 0, /from desk/],
  [["transfers"], 0, /waiting/],
  [["transfers", "3"], 0, /plain\.txt, 1\.76 KiB/],
  [["ls"], 0, /share 5/],
  [["ls", "desk:"], 0, /dir\//],
  [["ls", "desk:dir", "-R"], 0, /short -> plain\.txt/],
  [["peer", "show", "desk"], 0, /share 0/],
  [["msg", HOSTILE, "x"], 3, /no peer is called/],
  [["get", `desk:dir/${HOSTILE}x`], 3, /covey:/],
];

for (const columns of WIDTHS) {
  test(`at ${columns} columns`, { skip: noTerminal }, async () => {
    for (const [argv, status, says] of COMMANDS) {
      const screen = await onTerminal(argv, columns, status);
      assert.match(screen.lines.join("\n"), says, argv.join(" "));
    }
  });

  test(`at ${columns} columns: a question, bars, and what arrived`, { skip: noTerminal }, async () => {
    const into = join(directory, `into ${columns}`);
    await mkdir(into);
    const sending = startOnTerminal(
      ["--home", homes.desk, "send", ...NAMES.map((name) => join(directory, "dir", name)), "laptop:"],
      columns,
    );
    await sending.until("receive");
    const number = (await laptop.inbox()).offers.at(-1)!.number;
    const received = await onTerminal(["receive", String(number), "-o", into], columns, 0);
    assert.match(received.lines.join(" "), /Received .*verified/);
    const sent = await sending.ended;
    assert.equal(sent.status, 0, sent.out);
    show(sent.out, columns);
    assert.equal(await readFile(join(into, "plain.txt"), "utf8"), "plain.txt".repeat(200));
  });
}

test("NO_COLOR on a terminal: no colours", { skip: noTerminal }, async () => {
  const plain = await onTerminal(["status"], 80, 0, { NO_COLOR: "1" });
  assert.equal(plain.colours, 0);
  assert.ok((await onTerminal(["status"], 80, 0)).colours > 0);
  assert.ok((await onTerminal(["msg", "nobody", "x"], 80, 3)).colours > 0);
  assert.equal((await onTerminal(["msg", "nobody", "x"], 80, 3, { NO_COLOR: "1" })).colours, 0);
});

test("without a terminal: plain, and nothing is cut off", async () => {
  for (const [argv, status, says] of COMMANDS) {
    const { out, err, ...ran } = await run(["--home", homes.laptop, ...argv]);
    assert.equal(ran.status, status, err);
    const screen = show(out + err, Infinity);
    assert.equal(screen.colours, 0);
    assert.match(out + err, says);
    assert.doesNotMatch(out, /…/, argv.join(" "));
  }
  for (const argv of [["inbox"], ["ls", "desk:dir", "-R"], ["msg", HOSTILE, "x"]]) {
    const json = await run(["--home", homes.laptop, "--json", ...argv]);
    show(json.out + json.err, Infinity);
    for (const line of (json.out + json.err).trimEnd().split("\n")) JSON.parse(line);
  }
});

async function onTerminal(
  argv: readonly string[],
  columns: number,
  status: number,
  env: NodeJS.ProcessEnv = {},
): Promise<Screen> {
  const ran = await startOnTerminal(["--home", homes.laptop, ...argv], columns, env).ended;
  assert.equal(ran.status, status, `${argv.join(" ")}: ${ran.out}`);
  return show(ran.out, columns);
}

/** Polls until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
