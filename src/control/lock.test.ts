import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";

import { openHome } from "../identity/home.ts";
import type { Home } from "../identity/home-names.ts";
import { lockHolder, lockHome } from "./lock.ts";

let home: Home;

before(async () => {
  home = await openHome(join(await mkdtemp(join(tmpdir(), "covey-lock-")), "home"));
});

after(() => rm(join(home.dir, ".."), { recursive: true, force: true }));

/** Another process that holds the lock until it is killed. */
async function holdElsewhere(): Promise<{ pid: number; kill(): Promise<void> }> {
  const script = `
    import { openHome } from ${JSON.stringify(new URL("../identity/home.ts", import.meta.url))};
    import { lockHome } from ${JSON.stringify(new URL("./lock.ts", import.meta.url))};
    lockHome(await openHome(${JSON.stringify(home.dir)}), "daemon");
    process.stdout.write("held");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const exited = once(child, "exit");
  return { pid: child.pid!, kill: async () => void (child.kill("SIGKILL"), await exited) };
}

test("one holder at a time, in this process as well", () => {
  assert.equal(lockHolder(home), undefined);
  const lock = lockHome(home, "program");
  assert.deepEqual(lockHolder(home), { pid: process.pid, kind: "program" });
  assert.throws(() => lockHome(home, "daemon"), { code: "home-busy", details: { pid: process.pid, kind: "program" } });
  // Looking, and failing to take it, has not dropped it.
  assert.throws(() => lockHome(home, "daemon"), { code: "home-busy" });
  lock.release();
  lock.release();
  assert.equal(lockHolder(home), undefined);
  lockHome(home, "daemon").release();
});

test("another process keeps it, and loses it with kill -9", async () => {
  const other = await holdElsewhere();
  assert.deepEqual(lockHolder(home), { pid: other.pid, kind: "daemon" });
  assert.throws(() => lockHome(home, "daemon"), new RegExp(`process ${other.pid} already runs the peer`));
  await other.kill();
  assert.equal(lockHolder(home), undefined);
  lockHome(home, "daemon").release();
});

test("this process's lock is not lost to another one that tries", async () => {
  using lock = lockHome(home, "daemon");
  const script = `
    import { openHome } from ${JSON.stringify(new URL("../identity/home.ts", import.meta.url))};
    import { lockHolder, lockHome } from ${JSON.stringify(new URL("./lock.ts", import.meta.url))};
    const home = await openHome(${JSON.stringify(home.dir)});
    try { lockHome(home, "daemon"); } catch (error) { process.stdout.write(error.code + " " + lockHolder(home).pid); }
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (part: Buffer) => (said += part.toString()));
  await once(child, "close");
  assert.equal(said, `home-busy ${process.pid}`);
  assert.ok(lock);
});

test("somebody who only looks is not taken for the holder, whose number would be that of a process long gone", () => {
  lockHome(home, "daemon").release();
  using looking = new DatabaseSync(home.lock);
  looking.exec("BEGIN; SELECT 1 FROM sqlite_schema");
  assert.equal(lockHolder(home), undefined);
});

test("nobody is told that a home is free which others could change", async () => {
  lockHome(home, "daemon").release();
  await chmod(home.dir, 0o755);
  assert.throws(() => lockHolder(home), { code: "home-unsafe" });
  await chmod(home.dir, 0o700);
});

test("the lock's files are private, and it writes nothing else, so that a full disk is no hindrance", async () => {
  using lock = lockHome(home, "daemon");
  assert.deepEqual((await readdir(home.dir)).toSorted(), ["lock", "lock.holder"]);
  lock.release();
  for (const name of ["lock", "lock.holder"]) assert.equal((await lstat(join(home.dir, name))).mode & 0o777, 0o600);
});
