// A tree that is put in its place by a process that is killed before each of its changes of the file system, one run for each: whoever
// comes next ends with every file in its place once, and nothing of others is touched. strace makes the fault.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import type { Conflict, LargeFile, StagingId } from "../../src/blob/tree/contract.ts";
import { packNumber, type Task } from "../trees/child.ts";
import { type Item, type Lab, listed, names, openLab, packOf, partOf, signal, stagedTree } from "../trees/kit.ts";
import { soakMs } from "./duration.ts";

const CHILD = fileURLToPath(new URL("../trees/child.ts", import.meta.url));
/** Among all tests every third call, beginning anywhere; `npm run soak` takes each. */
const EVERY = soakMs(0) > 0 ? 1 : 3;
const CHANGES = ["mkdir", "rename", "link", "symlink", "unlink", "rmdir", "fsync"];

function whyNot(): string | false {
  try {
    execFileSync("strace", ["-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `no strace that can be used here: ${(error as Error).message.split("\n")[0]}`;
  }
}
const skip = whyNot();

const ITEMS: readonly Item[] = [
  ["CON"],
  ["CON/x", "ours"],
  ["d"],
  ["d/both"],
  ["d/both/new", "ours"],
  ["d/both/new-dir"],
  ["d/both/new-dir/x", "ours"],
  ["d/file", "ours"],
  ["d/link", "->", "file"],
  ["d/new-link", "->", "file"],
  ["d/other"],
  ["empty"],
  ["f", "ours"],
];
const AFTER = "f";

async function stage(lab: Lab): Promise<StagingId> {
  rmSync(lab.into, { recursive: true });
  mkdirSync(join(lab.into, "d", "both"), { recursive: true });
  mkdirSync(join(lab.into, "empty"));
  for (const path of ["d/both/theirs", "d/file", "d/other", "empty/theirs"]) {
    writeFileSync(join(lab.into, path), "theirs");
    utimesSync(join(lab.into, path), 1e9, 1e9);
  }
  symlinkSync("theirs", join(lab.into, "d", "link"));
  const staging = await lab.create();
  await staging.write(packOf(ITEMS));
  await staging.sync();
  await staging.close();
  return staging.id;
}

/** Times of directories that got something are of now. */
const result = (lab: Lab): string[] => listed(lab.into).map((line) => line.replace(/^((?:d|d\/both|empty)\/ \d+) \d+$/, "$1"));

for (const conflict of ["rename", "skip", "overwrite"] as const satisfies Conflict[]) {
  test(`killed before each change, a tree is in its place once (${conflict})`, { skip }, async (t) => {
    await using lab = openLab();
    const whole = await stage(lab);
    const first = (await lab.writer.reopen(whole, { after: AFTER, large: [] }, { signal }))!;
    const placed = await first.place(lab.into, { conflict, signal });
    await first.close();
    await lab.writer.remove(whole);
    const expected = result(lab);

    /** Whether it was killed. */
    const run = (id: StagingId, ...inject: string[]): boolean => {
      const task: Task = { do: "place", id, after: AFTER, into: lab.into, conflict };
      const trace = ["-f", "-qq", "-o", join(lab.dir, "trace"), "-e", `trace=${CHANGES.join()}`, ...inject];
      try {
        execFileSync("strace", [...trace, process.execPath, CHILD, JSON.stringify(task)], {
          // A compile cache makes directories and files of its own.
          env: { ...process.env, UV_THREADPOOL_SIZE: "1", NODE_DISABLE_COMPILE_CACHE: "1" },
          stdio: "pipe",
        });
        return false;
      } catch (error) {
        assert.equal((error as { signal: string }).signal, "SIGKILL", String(error));
        return true;
      }
    };
    assert.equal(run(await stage(lab)), false);
    const calls =
      readFileSync(join(lab.dir, "trace"), "utf8")
        .match(/(?<=^\d+ +)[a-z]+(?=\()/gm)
        ?.map(String) ?? [];
    assert.ok(calls.includes("fsync") && calls.length > 15, calls.join());

    let kills = 0;
    for (const call of new Set(calls)) {
      const times = calls.filter((one) => one === call).length;
      for (let when = 1 + randomInt(Math.min(EVERY, times)); when <= times; when += EVERY) {
        await t.test(`${call}, number ${when} of ${times}`, async () => {
          const id = await stage(lab);
          // strace counts by thread, and which one flushes is a question of time.
          if (run(id, "-e", `inject=${call}:signal=SIGKILL:when=${when}`)) kills++;
          const again = await lab.writer.reopen(id, { after: AFTER, large: [] }, { signal });
          assert.deepEqual(await again!.place(lab.into, { conflict, signal }), placed);
          await again!.close();
          await lab.writer.remove(id);
          assert.deepEqual(result(lab), expected);
          assert.ok(!readdirSync(lab.into).some((name) => name.startsWith(".covey-")));
        });
      }
    }
    assert.ok(kills > 10 / EVERY, `${kills} kills`);
  });
}

test("a writer that is killed at any time goes on from its last sync", async (t) => {
  await using lab = openLab();
  for (let round = 0; round < 8; round++) {
    const task: Task = { do: "write", path: partOf(lab.into), packs: 100_000, bytes: 3000 };
    const child = spawn(process.execPath, [CHILD, JSON.stringify(task)], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const id = JSON.parse((await lines.next()).value as string) as StagingId;
    let cursor: { next: number; after: string | undefined; large: LargeFile[] } = { next: 0, after: undefined, large: [] };
    const end = setTimeout(() => child.kill("SIGKILL"), 30 + Math.random() * 200);
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      try {
        cursor = JSON.parse(line.value) as typeof cursor;
      } catch {
        // The last line, cut.
      }
    }
    clearTimeout(end);
    await exited;
    const again = (await lab.writer.reopen(id, cursor, { signal }))!;
    assert.equal(names(stagedTree(again)).length, cursor.next * 12);
    const large = [...cursor.large];
    for (let n = cursor.next; n < cursor.next + 3; n++) large.push(...(await again.write(packNumber(n, 3000))).large);
    for (const file of large) await again.finishLarge(file);
    t.diagnostic(`killed after ${cursor.next} packs`);
    await again.place(lab.into, { conflict: "rename", signal });
    const after = listed(lab.into);
    assert.equal(after.length, (cursor.next + 3) * 12);
    await again.close();
    await lab.writer.remove(id);

    rmSync(lab.into, { recursive: true });
    mkdirSync(lab.into);
    const straight = await lab.create();
    for (let n = 0; n < cursor.next + 3; n++)
      for (const file of (await straight.write(packNumber(n, 3000))).large) await straight.finishLarge(file);
    await straight.place(lab.into, { conflict: "rename", signal });
    assert.deepEqual(after, listed(lab.into));
    await straight.close();
    await lab.writer.remove(straight.id);
    rmSync(lab.into, { recursive: true });
    mkdirSync(lab.into);
  }
});
