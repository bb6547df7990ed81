import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { componentsOf, pathOf } from "./path.ts";
import { newIdentity, openTestStore, temporaryDirectory } from "./test-kit.ts";

const child = fileURLToPath(new URL("./fault.child.ts", import.meta.url));

test("killed at any moment: what was acknowledged is there, what was not is whole or absent, and it always opens", async (t) => {
  const directory = await temporaryDirectory(t);
  const identity = newIdentity();
  const acknowledged = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const writer = spawn(process.execPath, [child, "write", directory, identity.seed.toString("hex")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface(writer.stdout);
    lines.on("line", (line) => acknowledged.add(line.padStart(8, "0")));
    await once(lines, "line");
    await sleep(Math.random() * 150);
    writer.kill("SIGKILL");
    await Promise.all([once(writer, "exit"), once(lines, "close")]);

    const store = await openTestStore(t, join(directory, "space.db"), identity);
    const space = await store.self();
    const found: Record<string, Set<string>> = {};
    for (const name of ["a", "b", "c"]) {
      const keys = (found[name] = new Set<string>());
      for (let page, after; page === undefined || page.length === 1000; after = page.at(-1)!.path) {
        page = await store.list(space, pathOf("data", name), after === undefined ? {} : { after });
        for (const { path } of page) keys.add(componentsOf(path)[2]!);
        if (page.length === 0) break;
      }
    }
    for (const key of acknowledged) assert.ok(found["a"]!.has(key), `${key} was acknowledged and is lost`);
    assert.deepEqual(found["b"], found["a"]);
    assert.deepEqual(found["c"], found["a"]);
    await store.close();
  }
  assert.ok(acknowledged.size > 50);
});

const cannot = (command: string, ...args: string[]): boolean => spawnSync(command, args).status !== 0;

/** Runs fault.child.ts behind a shell line that ends in `exec "$@"`, and sees that it was told, lost nothing, and went on. */
async function endure(
  mode: "full" | "failing",
  directory: string,
  command: string,
  ...args: string[]
): Promise<Record<string, unknown>> {
  const rest = [process.execPath, child, mode, directory, newIdentity().seed.toString("hex")];
  const writer = spawn(command, [...args, "sh", directory, ...rest], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  writer.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const [status] = (await once(writer, "close")) as [number];
  assert.equal(status, 0);
  const result = JSON.parse(said) as Record<string, unknown>;
  const acknowledged = result["acknowledged"] as number;
  assert.ok(acknowledged > 100);
  assert.equal(result["paths"], acknowledged * 2);
  assert.equal(result["last"], 2);
  assert.equal(result["goesOn"], true);
  assert.equal(result["reopened"], acknowledged * 2 + 1);
  return result;
}

test(
  "a full disk: an error that says so, nothing half there, and it goes on when there is room",
  {
    skip: cannot("unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt") && "no small disk can be mounted in a namespace here",
  },
  async (t) => {
    const disk = join(await temporaryDirectory(t), "disk");
    await mkdir(disk);
    const script = 'mount -t tmpfs -o size=8m none "$1" && shift && exec "$@"';
    const result = await endure("full", disk, "unshare", "-Urm", "sh", "-c", script);
    assert.equal(result["code"], "no-space");
    assert.match(String(result["hint"]), /Free some space/);
  },
);

test(
  "a disk that refuses to write: an error for that call, nothing half there, and it goes on when it works again",
  { skip: cannot("prlimit", "--version") && "no prlimit here, with which a disk can be made to refuse" },
  async (t) => {
    const result = await endure("failing", await temporaryDirectory(t), "sh", "-c", 'ulimit -S -f 8192 && shift && exec "$@"');
    assert.equal(result["code"], "io");
    assert.match(String(result["hint"]), /Look at the disk/);
  },
);

test("a store whose thread has died says so: to calls under way, to later ones, and to who asked to be told", async (t) => {
  const seed = newIdentity().seed.toString("hex");
  const args = ["--max-old-space-size=48", child, "memory", await temporaryDirectory(t), seed];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { codes: ["io", "io", "io"], later: "io", failed: "io" });
});
