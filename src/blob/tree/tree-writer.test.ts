import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { PackBuilder } from "./pack.ts";
import { temporary } from "./test-kit.ts";
import { TreeThread } from "./tree-thread.ts";
import { createTreeWriter } from "./tree-writer.ts";

const { signal } = new AbortController();

test("a tree comes, large file and all, and goes into its place", async () => {
  using dir = temporary();
  const into = dir.at("into");
  mkdirSync(into);
  const writer = createTreeWriter(new TreeThread());
  const staging = await writer.create(join(into, ".covey-key.part"), { signal });
  const pack = new PackBuilder();
  pack.directory("d", 1_700_000_000_123);
  pack.reserve("d/f", 3).set(Buffer.from("abc"));
  pack.keep({ mtimeMs: -1500, executable: true });
  pack.link("d/l", "f");
  pack.file("e", 5, { mtimeMs: 5, executable: false });
  const large = { path: "e", size: 5, mtimeMs: 5, executable: false };
  assert.deepEqual(await staging.write(pack.finish()), { after: "e", files: 1, bytes: 3, others: 2, large: [large], notes: [] });
  await staging.sync();
  await using handle = await staging.openLarge("e");
  await handle.write(Buffer.from("hello"));
  await staging.finishLarge(large);
  const placed = { paths: [join(into, "d"), join(into, "e")], notes: { count: 0, first: [] } };
  assert.deepEqual(await staging.place(into, { conflict: "rename", signal }), placed);
  assert.deepEqual(await staging.place(into, { conflict: "rename", signal }), placed);
  await staging.close();
  await writer.remove(staging.id);
  assert.deepEqual(readdirSync(into), ["d", "e"]);
  assert.equal(readFileSync(join(into, "d/f"), "utf8"), "abc");
  assert.equal(readFileSync(join(into, "e"), "utf8"), "hello");
  assert.equal(readlinkSync(join(into, "d/l")), "f");
  await writer.close();
});
