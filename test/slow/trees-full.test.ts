// A disk that is full, for real, while a tree is written: a small tmpfs of the writer's own. And a system without /proc.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import type { Task } from "../trees/child.ts";
import { openLab } from "../trees/kit.ts";
import { noSmallDisk } from "../small-disk.ts";

const CHILD = fileURLToPath(new URL("../trees/child.ts", import.meta.url));

/** What the writer says, after `script` has made its world: "$0" is a directory for it. */
function runIn(script: string, directory: string): unknown[] {
  const filler = join(directory, "filler");
  const task: Task = { do: "fill", path: join(directory, ".covey-key.part"), packs: 40, bytes: 30_000, filler, into: directory };
  const world = ["-Urm", "sh", "-c", `${script} && exec "$@"`, directory, process.execPath, CHILD, JSON.stringify(task)];
  const said = execFileSync("unshare", world, { encoding: "utf8" });
  return said
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

test("a disk that fills up fails in words; with space again it goes on from the last sync", { skip: noSmallDisk }, async () => {
  await using lab = openLab();
  const said = runIn('mount -t tmpfs -o size=16m tmpfs "$0" && head -c 8M /dev/zero > "$0/filler"', lab.into);
  const [failed, placed] = said as [{ failed: string; hint: string; next: number }, unknown];
  assert.equal(failed.failed, "no-space");
  assert.match(failed.hint, /Free some space/);
  assert.ok(failed.next > 0 && failed.next < 40, `full at ${failed.next}`);
  assert.deepEqual(placed, { placed: 40, notes: 0 });
  assert.equal(said.length, 2);
});

test("a disk without room for more names is full, too", { skip: noSmallDisk }, async () => {
  await using lab = openLab();
  const names = 'mkdir "$0/filler" && for i in $(seq 300); do mkdir "$0/filler/$i" || exit 1; done';
  const [failed, placed] = runIn(`mount -t tmpfs -o size=64m,nr_inodes=600 tmpfs "$0" && ${names}`, lab.into);
  assert.equal((failed as { failed: string }).failed, "no-space");
  assert.deepEqual(placed, { placed: 40, notes: 0 });
});

test("where there is no /proc, trees are written by their paths", { skip: noSmallDisk }, async () => {
  await using lab = openLab();
  assert.deepEqual(runIn("mount -t tmpfs tmpfs /proc", lab.into), [{ placed: 40, notes: 0 }]);
});
