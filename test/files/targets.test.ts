// Where a file goes, and when it was changed: directories that go or turn into something else on the way, times that no clock shows.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { FETCH_ROUTE } from "../../src/services/files/fetch/wire.ts";
import { fileOffer, honest, offer, TOKEN } from "./hand-sender.ts";
import { type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const CHANGES: [what: string, change: (lab: Lab) => Promise<void>][] = [
  ["removed", ({ into }) => rm(into, { recursive: true })],
  [
    "replaced by a link to another one",
    async ({ into, dir }) => {
      await rename(into, join(dir, "moved"));
      await symlink(join(dir, "outside"), into);
    },
  ],
  [
    "replaced by another one",
    async ({ into, dir }) => {
      await rename(into, join(dir, "moved"));
      await mkdir(into);
    },
  ],
];
for (const [what, change] of CHANGES) {
  test(`a directory that is ${what} on the way gets nothing; receiving again puts the file where it was to go`, async () => {
    await using lab = await openLab({ handSender: true });
    const content = randomBytes(2 * LIMITS.blockBytes);
    let changed = false;
    lab.a.sessions.handle(FETCH_ROUTE, async (call) => {
      const stream = await call.accept({ token: TOKEN });
      if (!changed) await change(lab);
      changed = true;
      await honest(stream, content);
      while ((await stream.read()) !== null);
    });
    const id = await offer(lab, fileOffer("file", content.length));
    await nextOffer(lab.b);
    await lab.b.files.accept(id, { into: lab.into });
    const failed = await watchUntil(lab.b, id);
    assert.deepEqual([failed.offer.state, failed.problem?.code], ["failed", "not-found"], JSON.stringify(failed.problem));
    assert.match(failed.problem!.hint!, /receive it again/);
    await rm(lab.into, { recursive: true, force: true });
    await mkdir(lab.into);
    await lab.b.files.accept(id, { into: lab.into });
    assert.equal((await watchUntil(lab.b, id)).offer.state, "done");
    assert.deepEqual(await readdir(lab.into), ["file"]);
    assert.ok((await readFile(join(lab.into, "file"))).equals(content));
  });
}

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);
const TIMES: [when: string, sentMs: number, receivedMs: number][] = [
  ["before 1970", -300_000_000_500, -300_000_000_500],
  ["1970", 0, 0],
  ["the end of the year 9999", LAST_MS, LAST_MS],
  ["the year 10000", LAST_MS + 100_000, LAST_MS],
];
test("files from any time arrive, with their time as far as it can be told", async (t) => {
  await using lab = await openLab({ mine: true });
  for (const [when, sentMs, receivedMs] of TIMES) {
    const path = join(lab.dir, when);
    await writeFile(path, "x");
    await utimes(path, new Date(sentMs), new Date(sentMs));
    const { offer: one } = await lab.a.files.send(lab.b.id, [path]);
    const done = await watchUntil(lab.a, one.id);
    assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
    // Some file systems have no room for it.
    if ((await stat(path)).mtimeMs !== sentMs) t.diagnostic(`${when} can't be told here`);
    else assert.equal((await stat(join(lab.b.incoming, when))).mtimeMs, receivedMs, when);
  }
});
