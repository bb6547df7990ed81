// Files.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";

import { eventually, fails, nextOf, type ContractPair } from "./kit.ts";

export function filesContract(pair: ContractPair): void {
  it("sends a file: offered, accepted, verified", async () => {
    const content = randomBytes(3_000_001);
    const path = join(pair.directory, "photo.jpg");
    const into = join(pair.directory, "taken");
    await mkdir(into);
    await writeFile(path, content);
    await using job = await pair.me.peer("desk").send(path);
    assert.deepEqual(
      [job.offer.name, job.offer.size, job.offer.peerName, job.offer.direction],
      ["photo.jpg", 3_000_001, "desk", "out"],
    );
    for await (const offer of pair.you.incoming({ signal: AbortSignal.timeout(10_000) })) {
      assert.equal(offer.peerName, "laptop");
      await pair.you.accept(String(offer.number), { into, size: offer.size });
      break;
    }
    const states: string[] = [];
    for await (const { offer } of job.progress()) states.push(offer.state);
    assert.equal(states.at(-1), "done");
    const done = await job.done;
    assert.equal(done.doneBytes, 3_000_001);
    assert.deepEqual(await readFile(join(into, "photo.jpg")), content);
    assert.ok(
      (await pair.you.transfers()).some(({ offer, path: at }) => offer.state === "done" && at === join(into, "photo.jpg")),
    );
  });

  it("hears of a file that is declined, and of one that is taken back", async () => {
    const path = join(pair.directory, "unwanted");
    await writeFile(path, "x");
    await using job = await pair.me.peer("desk").send(path);
    const declined = assert.rejects(job.done, fails("declined"));
    await eventually(async () => (await pair.you.inbox()).offers.some(({ id }) => id === job.offer.id));
    await pair.you.decline(job.offer.id);
    await declined;

    await using second = await pair.me.peer("desk").send(path);
    const withdrawn = assert.rejects(second.done, fails("declined"));
    await pair.me.cancel(String(second.offer.number));
    await withdrawn;
  });

  it("tells of shares as they come and go", async () => {
    const path = join(pair.directory, "watched");
    await writeFile(path, "x");
    const ending = new AbortController();
    const shares = pair.me.peer("desk").watchShares({ signal: ending.signal })[Symbol.asyncIterator]();
    assert.deepEqual(await nextOf(shares), []);
    await pair.you.peer("laptop").share(path);
    const told = await nextOf(shares);
    assert.deepEqual(told, await pair.me.peer("desk").shares());
    assert.deepEqual(
      told.map(({ name, kind }) => [name, kind]),
      [["watched", "file"]],
    );
    await pair.you.peer("laptop").share(path, { forMs: 1000 });
    assert.notEqual((await nextOf(shares))[0]?.untilMs, undefined);
    // Nobody removes it: its time is over.
    assert.deepEqual(await nextOf(shares), []);
    const stuck = shares.next();
    ending.abort(new Error("enough"));
    await assert.rejects(stuck, /enough/);
    assert.deepEqual(await pair.you.shares(), []);
  });

  it("refuses paths that are not absolute, files that are not there, offers that nobody made", async () => {
    await assert.rejects(pair.me.peer("desk").send("photo.jpg"), fails("bad-argument"));
    await assert.rejects(pair.me.peer("desk").send(join(pair.directory, "nothing")), fails("not-found"));
    await assert.rejects(pair.me.accept("999", { into: pair.directory }), fails("not-found"));
    await assert.rejects(pair.me.decline("no such offer"), fails("not-found"));
    await assert.rejects(async () => {
      for await (const _ of pair.me.watchTransfer("999"));
    }, fails("not-found"));
  });
}
