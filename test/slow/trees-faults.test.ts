// Trees whose receiver or sender is killed with -9 at random moments, and a disk that fills up under one.

import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { type Child, startChild } from "../files/children.ts";
import { eventually, openFilesPeer, openLab, watchUntil } from "../files/peers.ts";
import { fill, listing, makeMixedTree } from "../files/tree-kit.ts";
import { noSmallDisk } from "../small-disk.ts";

const MiB = LIMITS.blockBytes;
const KILLS = 4;

for (const victim of ["receiver", "sender"] as const) {
  test(`the ${victim} of a tree is killed again and again: it arrives once, as it was, and nothing is left over`, async () => {
    await using lab = await openLab({ mine: true });
    const path = join(lab.dir, "photos");
    await makeMixedTree(path, { small: 3000, large: 6 });
    const before = await listing(path);
    const survivor = victim === "receiver" ? lab.a : lab.b;
    const dead = victim === "receiver" ? lab.b : lab.a;
    const args = [join(lab.dir, victim === "receiver" ? "b" : "a"), dead.sessions.addresses()[0]!];
    await dead.close();
    if (victim === "sender") args.push(survivor.id, path);
    const start = (): Promise<Child> => startChild(args);
    let child = await start();
    try {
      if (victim === "receiver") await survivor.files.send(dead.id, [path]);
      await eventually(async () => (await survivor.files.offers()).length, 1);
      const { id } = (await survivor.files.offers())[0]!;
      for (let kill = 0; kill < KILLS; kill++) {
        await sleep(randomInt(900));
        await child.kill();
        child = await start();
      }
      const done = await watchUntil(survivor, id);
      assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
      // What was acknowledged is there, although the receiver is killed right after.
      await child.kill();
      assert.deepEqual(await listing(join(lab.b.incoming, "photos")), before);
    } finally {
      await child.kill();
    }
    const again = await openFilesPeer({ dir: args[0]! });
    await eventually(async () => (await again.files.offers())[0]!.state, "done");
    for (const prefix of ["tree/", "large/", "hash/", "roots/"])
      await eventually(async () => (await again.store.listLocal("files", prefix)).length, 0);
    await eventually(() => readdir(lab.b.incoming), ["photos"]);
    await again.close();
  });
}

for (const what of ["small files", "large files"] as const) {
  test(
    `a disk that fills up under ${what} of a tree stops it in words; with space again it goes on by itself`,
    { skip: noSmallDisk },
    async () => {
      await using lab = await openLab({ mine: true });
      const { incoming } = lab.b;
      await mkdir(incoming, { recursive: true });
      const address = lab.b.sessions.addresses()[0]!;
      await lab.b.close();
      // As it is offered it fits; by the time that it is fetched it has grown.
      const path = join(lab.dir, "bulk");
      const grow = async (part: string, mebibytes: number): Promise<void> => {
        await mkdir(join(path, part), { recursive: true });
        if (what === "small files") return fill(join(path, part), mebibytes * 8, MiB / 8);
        for (let i = 0; i < mebibytes / 5; i++) await writeFile(join(path, part, `b${i}`), randomBytes(5 * MiB));
      };
      await grow("first", 20);
      const { offer } = await lab.a.files.send(lab.b.id, [path]);
      await grow("then", 30);
      const script = 'mount -t tmpfs -o size=64m tmpfs "$0" && head -c 24M /dev/zero > "$0/filler" && exec "$@"';
      await using child = await startChild([join(lab.dir, "b"), address], ["unshare", "-Urm", "sh", "-c", script, incoming]);
      const there = `/proc/${child.pid}/root${incoming}`;
      await eventually(
        async () => (await child.transfers()).map(({ offer: { state }, problem }) => `${state} ${problem?.code}`),
        ["accepted no-space"],
      );
      const [stopped] = await child.transfers();
      assert.match(stopped!.problem!.hint!, /Free some space/);
      assert.ok(stopped!.doneBytes > 0, "it was refused before it began");
      await rm(join(there, "filler"));
      assert.equal((await watchUntil(lab.a, offer.id)).offer.state, "done");
      assert.deepEqual(await listing(join(there, "bulk")), await listing(path));
      await eventually(() => readdir(there), ["bulk"]);
    },
  );
}
