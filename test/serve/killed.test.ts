// Whoever is killed while something is served, program or daemon: what was promised to be kept is there again, the rest has ended.

import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { connect } from "../../src/control/connect.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import type { Covey, ServeOptions, Serving } from "../../src/index.ts";
import { ask, eventually, fails, portOf, refusesConnections, visitor } from "./kit.ts";

const here = { listen: "tcp://127.0.0.1:0" } as const;
let root: string;
let home: string;

const start = async (): Promise<Covey> => {
  await startDaemon({ home, change: { name: "laptop", ...listening, incoming: root } });
  return connect({ home });
};
const listening = { listen: ["tcp://127.0.0.1:0"] };

before(async () => {
  root = await mkdtemp(join(tmpdir(), "covey-serving-"));
  home = join(root, "home");
});
after(async () => {
  await stopDaemon({ home });
  await rm(root, { recursive: true, force: true });
});

async function program(options: ServeOptions): Promise<{ readonly serving: Serving; kill(): Promise<void> }> {
  const child = fork(new URL("./child.ts", import.meta.url), [home, JSON.stringify(options)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [serving] = (await once(child, "message")) as [Serving];
  return {
    serving,
    async kill() {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

test("a program that is killed takes its serving with it, and leaves what it keeps", async () => {
  await using covey = await start();
  const passing = await program({ reply: "passing", ...here });
  const keeping = await program({ reply: "kept", keep: true, ...here });
  const guest = await visitor(portOf(passing.serving));
  await Promise.all([passing.kill(), keeping.kill()]);
  await guest.closed;
  await eventually(async () => (await covey.servings()).length === 1);
  assert.ok(await refusesConnections(portOf(passing.serving)));
  assert.equal(await ask(portOf(keeping.serving), "hello"), "kept");
  await covey.unserve(keeping.serving.id);
});

test("a daemon that is killed serves again what is kept, at the same port, and nothing else", async () => {
  let kept: Serving;
  {
    await using covey = await start();
    ({ serving: kept } = await covey.serve({
      list: { key: "todo", writable: true },
      reply: "kept",
      token: true,
      keep: true,
      ...here,
    }));
    const passing = await covey.serve({ reply: "passing", ...here });
    const following = assert.rejects(Array.fromAsync(passing.events()), fails("daemon-down"));
    const guest = await visitor(portOf(kept));
    guest.socket.write(`${kept.token}\n`);
    guest.socket.write("update_data,milk,eggs\n");
    await eventually(() => guest.heard() === "token_ack\nupdate_ack\n");
    process.kill((await covey.status()).pid, "SIGKILL");
    await following;
    await guest.closed;
    // It ended with the daemon.
    await passing[Symbol.asyncDispose]();
  }
  await using again = await start();
  const [serving, ...others] = await again.servings();
  assert.deepEqual(serving, kept);
  assert.deepEqual(others, []);
  const guest = await visitor(portOf(kept));
  guest.socket.write(`${kept.token}\nget_data\n`);
  await eventually(() => guest.heard() === "token_ack\nmilk,eggs\n");
  guest.socket.destroy();
});

test("out of descriptors nobody gets in, and once there are some everybody does", async () => {
  const child = spawn(
    "/bin/sh",
    [
      "-c",
      'ulimit -n 120; exec "$0" "$@"',
      process.execPath,
      fileURLToPath(new URL("./host.child.ts", import.meta.url)),
      join(root, "few"),
    ],
    {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    },
  );
  const gone = once(child, "exit");
  const [serving] = (await once(child, "message")) as [Serving];
  const port = portOf(serving);
  // The kernel accepts for a program that does not, up to its backlog.
  const guests = await Promise.all(Array.from({ length: 150 }, () => visitor(port)));
  await Promise.race(guests.map(({ closed }) => closed));
  for (const { socket } of guests) socket.destroy();
  await eventually(async () => (await ask(port, "hello").catch(() => "")) === "still here");
  child.kill("SIGKILL");
  await gone;
});
