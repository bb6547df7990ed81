// What a file system can't hold is noted, and the rest comes; what it can't flush is over. strace makes the faults.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import type { LargeFile, StagingId, TreeNote, Written } from "../../src/blob/tree/contract.ts";
import type { Task } from "./child.ts";
import { type Item, names, openLab, packOf, partOf, signal, stagedTree } from "./kit.ts";

const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));

function whyNot(): string | false {
  try {
    execFileSync("strace", ["-qq", "-o", "/dev/null", "-e", "inject=mkdir:error=EILSEQ", "true"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `no strace that can be used here: ${(error as Error).message.split("\n")[0]}`;
  }
}

const skip = whyNot();

function runWith(task: Task, call: string, fault: string): unknown[] {
  const trace = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", `inject=${call}:${fault}`];
  // A compile cache makes directories of its own, and they would be counted.
  const env = { ...process.env, UV_THREADPOOL_SIZE: "1", NODE_DISABLE_COMPILE_CACHE: "1" };
  const said = execFileSync("strace", [...trace, process.execPath, CHILD, JSON.stringify(task)], { encoding: "utf8", env });
  return said
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

test("two names that are one: the first stays, the second is noted, with all that is in it", async () => {
  await using lab = openLab();
  const staging = await lab.create();
  await staging.write(packOf([["d"]]));
  // What stands under the very name stands for one that differs in case.
  const tree = stagedTree(staging);
  writeFileSync(join(tree, "d/f"), "first");
  mkdirSync(join(tree, "e"));
  const { files, large, notes } = await staging.write(
    packOf([
      ["d/f", "second"],
      ["d/g", "x"],
      ["e"],
      ["e/deep"],
      ["e/deep/f", "x"],
      ["e/l", "->", "x"],
      ["e/large", 5],
      ["e.txt", "x"],
    ]),
  );
  assert.deepEqual([files, large], [2, []]);
  assert.deepEqual(notes, [
    { path: "d/f", code: "name-taken" },
    { path: "e", code: "name-taken" },
  ]);
  assert.equal(readFileSync(join(tree, "d/f"), "utf8"), "first");
  assert.deepEqual(names(tree), ["d/", "d/f", "d/g", "e/", "e.txt"]);
  await assert.rejects(staging.write(packOf([["e/late", "x"]])), { code: "protocol" });
});

test("a directory that can't be made is noted once, and skipped, also when it is opened again amid it", { skip }, async () => {
  await using lab = openLab();
  // Number 4 is the directory of the second pack.
  const write: Task = { do: "write", path: partOf(lab.into), packs: 2, bytes: 10 };
  const [id, first, second] = runWith(write, "mkdir", "error=EILSEQ:when=4") as [
    StagingId,
    ...{ notes: TreeNote[]; large: LargeFile[] }[],
  ];
  assert.deepEqual(first!.notes, []);
  assert.deepEqual(second!.notes, [{ path: "0001", code: "name-impossible" }]);
  assert.deepEqual(
    second!.large.map(({ path }) => path),
    ["0000/large"],
  );
  const items: Item[] = [["0001/more"], ["0001/more/x", "x"], ["0002", "x"]];
  const [written] = runWith({ do: "append", id, after: "0001/large", items }, "mkdir", "error=ENAMETOOLONG") as [Written];
  assert.deepEqual([written.files, written.notes, written.after], [1, [], "0002"]);
  const staging = await lab.writer.reopen(id, { after: "0002", large: [] }, { signal });
  assert.deepEqual(
    names(stagedTree(staging!)).filter((name) => !name.includes("/f")),
    ["0000/", "0000/large", "0002"],
  );
  await staging!.close();
  // Where it can be made by now, it still was not.
  const again = await lab.writer.reopen(id, { after: "0001/large", large: [] }, { signal });
  const rest = await again!.write(packOf([["0001/more", "x"]]));
  assert.deepEqual([rest.files, rest.notes], [0, []]);
});

test("a file that is too large for the file system is noted, and the rest comes", { skip }, async () => {
  await using lab = openLab();
  const write: Task = { do: "write", path: partOf(lab.into), packs: 2, bytes: 10 };
  const [id, first, second] = runWith(write, "ftruncate", "error=EFBIG:when=1") as [
    StagingId,
    ...{ notes: TreeNote[]; large: LargeFile[] }[],
  ];
  assert.deepEqual(first, { next: 1, after: "0000/large", large: [], notes: [{ path: "0000/large", code: "too-large" }] });
  assert.deepEqual(second!.notes, []);
  const staging = await lab.writer.reopen(id, { after: "0001/large", large: second!.large }, { signal });
  assert.deepEqual(
    names(stagedTree(staging!)).filter((name) => name.endsWith("large")),
    ["0001/large"],
  );
});

test(
  "a failed flush is final: whatever is asked for afterwards fails, and what was flushed before is there",
  { skip },
  async () => {
    await using lab = openLab();
    const write: Task = { do: "write", path: partOf(lab.into), packs: 5, bytes: 10 };
    const said = runWith(write, "fsync", "error=EIO:when=40");
    const [id, ...cursors] = said.slice(0, -1) as [StagingId, ...{ after: string; large: LargeFile[] }[]];
    assert.deepEqual(said.at(-1), { failed: "io", later: ["io", "io", "io"] });
    const { after, large } = cursors.at(-1)!;
    const staging = await lab.writer.reopen(id, { after, large }, { signal });
    assert.equal(names(stagedTree(staging!)).length, cursors.length * 12);
  },
);
