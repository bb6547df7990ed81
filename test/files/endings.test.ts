// What is true at the moment in which somebody reads `done`.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { type Lab, openLab, watchUntil } from "./peers.ts";
import { sendAndAccept } from "./tree-kit.ts";

/** What is in the target, and of the transfer in the store, when it is told that it is done. */
async function leftAtTheEnd(lab: Lab, path: string): Promise<string[]> {
  const id = await sendAndAccept(lab, [path]);
  let left: string[] = [];
  await watchUntil(lab.b, id, ({ offer }) => {
    if (offer.state === "done") left = readdirSync(lab.into);
    return false;
  });
  for (const prefix of ["hash/", "tree/", "large/"])
    left.push(...(await lab.b.store.listLocal("files", prefix)).map(({ key }) => key));
  return left;
}

test("who reads that a directory or a file is done finds it, and nothing else", async () => {
  await using lab = await openLab();
  await mkdir(join(lab.dir, "tree"));
  await writeFile(join(lab.dir, "tree", "small"), "small");
  await writeFile(join(lab.dir, "tree", "large"), randomBytes(3_000_000));
  await writeFile(join(lab.dir, "file"), randomBytes(3_000_000));
  assert.deepEqual(await leftAtTheEnd(lab, join(lab.dir, "tree")), ["tree"]);
  assert.deepEqual((await leftAtTheEnd(lab, join(lab.dir, "file"))).sort(), ["file", "tree"]);
  assert.deepEqual(await readdir(lab.into), ["file", "tree"]);
});
