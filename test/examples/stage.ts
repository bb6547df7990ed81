// Examples as programs: processes of their own beside the daemons of devices that are paired, each held to leaving nothing behind.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { type Covey, connect } from "../../src/index.ts";
import type { Leftovers } from "./leftovers.child.ts";
import { Lines } from "./lines.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");
const watcher = join(import.meta.dirname, "leftovers.child.ts");
const clean: Leftovers = { running: [], open: [], descriptors: [], listeners: [], warnings: [] };

export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it prints. */
  readonly shown: Lines;
  type(line: string): void;
  /** It has ended by itself, well, and with nothing left; what it has printed that nobody read. */
  ended(): Promise<readonly string[]>;
  /** It has failed, with nothing left; what it said. */
  failed(): Promise<string>;
}

/** Runs an example with what it finds around it: a home, or the name of one; a working, a temporary and a user's directory, all empty. */
export async function runExample(folder: string, home: string, file: string, ...args: readonly string[]): Promise<Program> {
  const own = await mkdtemp(join(folder, "program-"));
  const around = ["cwd", "tmp", "user"].map((name) => join(own, name)) as [string, string, string];
  for (const directory of around) await mkdir(directory);
  const [cwd, tmp, user] = around;
  const leftovers = join(own, "leftovers");
  const { NODE_TEST_CONTEXT: _, FORCE_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, ["--import", watcher, resolve(examples, file), ...args], {
    cwd,
    env: { ...env, COVEY_HOME: home, TMPDIR: tmp, HOME: user, LEFTOVERS: leftovers },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const shown = new Lines();
  createInterface({ input: child.stdout })
    .on("line", shown.push)
    .on("close", () => shown.end());
  const said = text(child.stderr);
  const status = once(child, "close").then(([code]) => code as number | null);

  const end = async (): Promise<{ readonly code: number | null; readonly error: string }> => {
    child.stdin.end();
    const [code, error] = await Promise.all([status, said]);
    const left = await readFile(leftovers, "utf8").catch(() => assert.fail(`it did not come to its end: ${error}`));
    assert.deepEqual(JSON.parse(left), clean);
    for (const directory of around) assert.deepEqual(await readdir(directory), []);
    return { code, error };
  };
  return {
    child,
    shown,
    type: (line) => void child.stdin.write(`${line}\n`),
    async ended() {
      const { code, error } = await end();
      assert.deepEqual({ code, error }, { code: 0, error: "" });
      return Array.fromAsync(shown);
    },
    async failed() {
      const { code, error } = await end();
      assert.notEqual(code, 0);
      return error;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await status;
    },
  };
}

export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly peers: readonly Covey[];
  /** An example on the device of that name. */
  run(device: string, file: string, ...args: readonly string[]): Promise<Program>;
}

/** Daemons of these devices, each paired with each. */
export async function openStage(...names: readonly string[]): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "covey-examples-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const peers: Covey[] = [];
  for (const name of names) {
    const home = join(folder, name);
    await startDaemon({ home, change: { name, listen: ["tcp://127.0.0.1:0"], incoming: folder } });
    opened.defer(async () => void (await stopDaemon({ home })));
    const peer = opened.use(await connect({ home }));
    for (const [at, other] of peers.entries()) {
      await using invitation = await other.invite({ as: name });
      await peer.join(invitation.ticket, { as: names[at]! });
      await invitation.done;
    }
    peers.push(peer);
  }
  const closing = opened.move();
  return {
    folder,
    peers,
    run: (device, file, ...args) => runExample(folder, join(folder, device), file, ...args),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
