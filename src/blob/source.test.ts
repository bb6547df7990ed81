import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, mkdtemp, open, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { LIMITS } from "../core/limits.ts";
import { BlockBuffers } from "./block-buffers.ts";
import { Source } from "./source.ts";

const MiB = LIMITS.blockBytes;
let dir = "";
before(async () => void (dir = await mkdtemp(join(tmpdir(), "covey-source-"))));
after(() => rm(dir, { recursive: true }));

async function opened(path: string): Promise<Source> {
  return Source.open(path);
}

async function readAll(source: Source, blocks: number[], headroom = 0): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const { bytes } of source.read(blocks, new BlockBuffers(headroom, source.version.size))) found.push(bytes);
  return found;
}

test("blocks come whole, in the order asked for, with room before them", async () => {
  const content = randomBytes(2 * MiB + 5);
  const path = join(dir, "blocks");
  await writeFile(path, content);
  const source = await opened(path);
  try {
    assert.equal(source.version.size, content.length);
    const [last, first] = await readAll(source, [2, 0], 33);
    assert.deepEqual(last!.subarray(33), content.subarray(2 * MiB));
    assert.deepEqual(first!.subarray(33), content.subarray(0, MiB));
    await source.check();
  } finally {
    await source.close();
  }
});

test("buffers are used again once they were given back, and never before", async () => {
  const path = join(dir, "again");
  const content = randomBytes(8 * MiB + 3);
  await writeFile(path, content);
  const source = await opened(path);
  const buffers = new BlockBuffers(33, content.length);
  const used = new Set<ArrayBufferLike>();
  const kept: Buffer[] = [];
  for await (const { block, bytes } of source.read([0, 8, 1, 2, 3, 4, 5, 6, 7], buffers)) {
    assert.deepEqual(bytes.subarray(33), content.subarray(block * MiB, (block + 1) * MiB));
    used.add(bytes.buffer);
    if (block < 4) buffers.give(bytes);
    else kept.push(Buffer.from(bytes), bytes);
  }
  await source.close();
  assert.ok(used.size < 9);
  // A small file takes little memory.
  assert.equal(new BlockBuffers(33, 100).take(100).buffer.byteLength, 133);
  for (let i = 0; i < kept.length; i += 2) assert.ok(kept[i]!.equals(kept[i + 1]!));
});

test("only a regular file is a source, and nothing else makes it wait", async () => {
  const fifo = join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  const target = join(dir, "target");
  await writeFile(target, "x");
  await symlink(target, join(dir, "link"));
  for (const path of [fifo, dir, join(dir, "link"), "/dev/zero"])
    await assert.rejects(Source.open(path), { code: "bad-argument" }, path);
  await assert.rejects(Source.open(join(dir, "absent")), { code: "not-found" });
});

test("a file too large for a blob is refused", async () => {
  const path = join(dir, "sparse");
  const handle = await open(path, "w");
  try {
    await handle.truncate(LIMITS.blobBytes + 1);
  } catch {
    return; // The file system here has no files of that size.
  } finally {
    await handle.close();
  }
  await assert.rejects(Source.open(path), { code: "limit" });
});

const changes: [what: string, change: (path: string) => Promise<void>][] = [
  ["appended to", (path) => appendFile(path, "x")],
  ["truncated", (path) => truncate(path, 10)],
  [
    "overwritten in place, with its times set back",
    async (path) => {
      const handle = await open(path, "r+");
      const { atime, mtime } = await handle.stat();
      await handle.write(Buffer.of(255), 0, 1, 5);
      await handle.close();
      await utimes(path, atime, mtime);
    },
  ],
];
for (const [what, change] of changes) {
  test(`a file that was ${what} is another version`, async () => {
    const path = join(dir, "changing");
    await writeFile(path, Buffer.alloc(MiB + 1));
    const source = await opened(path);
    try {
      await source.check();
      await change(path);
      await assert.rejects(source.check(), { code: "changed" });
    } finally {
      await source.close();
      await rm(path);
    }
  });
}

test("a read beyond the end of a truncated file is a change, not an end", async () => {
  const path = join(dir, "short");
  await writeFile(path, Buffer.alloc(3 * MiB));
  const source = await opened(path);
  try {
    await truncate(path, MiB);
    await assert.rejects(readAll(source, [0, 1, 2]), { code: "changed" });
  } finally {
    await source.close();
  }
});

test("a file replaced under the same name stays readable as it was, and is another version when opened again", async () => {
  const path = join(dir, "replaced");
  await writeFile(path, "old");
  const source = await opened(path);
  await writeFile(join(dir, "new"), "new");
  await rename(join(dir, "new"), path);
  const [bytes] = await readAll(source, [0]);
  assert.equal(bytes!.toString(), "old");
  await source.close();
  const again = await opened(path);
  assert.notEqual(again.version.token, source.version.token);
  await again.close();
});

test("a change right after opening shows, however coarse the file system's clock", async () => {
  const path = join(dir, "fresh");
  for (let round = 0; round < 20; round++) {
    await writeFile(path, "aaaa");
    const source = await opened(path);
    const handle = await open(path, "r+");
    await handle.write("b", 0);
    await handle.close();
    await assert.rejects(source.check(), { code: "changed" });
    await source.close();
  }
});
