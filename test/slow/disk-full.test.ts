// A tree that does not fit on a disk of 16 MiB, and one with more names than the disk has room for, between two peers: both sides say so in
// words, what else is on its way goes on, what was there stays, and with room again it goes on by itself.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { startChild } from "../files/children.ts";
import { eventually, openLab, watchUntil } from "../files/peers.ts";
import { fill, listing } from "../files/tree-kit.ts";
import { noSmallDisk } from "../small-disk.ts";

/** What does not fit by its bytes alone would not be taken: of two trees, each does. */
const FULL: [what: string, options: string, fillUp: string, trees: string[], tree: (dir: string) => Promise<void>][] = [
  ["bytes", "size=16m", 'head -c 2M /dev/zero > "$0/filler/x"', ["one", "two"], (dir) => fill(dir, 200, 50_000)],
  ["names", "size=64m,nr_inodes=700", 'for i in $(seq 400); do : > "$0/filler/$i"; done', ["one"], (dir) => fill(dir, 500, 100)],
];

for (const [what, options, fillUp, names, plant] of FULL) {
  test(
    `a disk without room for ${what}: told on both sides, nothing else suffers, and it goes on when there is room`,
    { skip: noSmallDisk },
    async () => {
      await using lab = await openLab({ mine: true });
      const { a } = lab;
      const { incoming, id: peer } = lab.b;
      await mkdir(incoming, { recursive: true });
      const trees = names.map((name) => join(lab.dir, name));
      for (const tree of trees) await plant(tree);
      const small = join(lab.dir, "small");
      await writeFile(small, "small");
      const address = lab.b.sessions.addresses()[0]!;
      await lab.b.close();
      const script = `mount -t tmpfs -o ${options} tmpfs "$0" && mkdir "$0/filler" && printf old > "$0/old" && ${fillUp} && exec "$@"`;
      const args = [join(lab.dir, "b"), address];
      await using child = await startChild(args, ["unshare", "-Urm", "sh", "-c", script, incoming]);
      const there = `/proc/${child.pid}/root${incoming}`;

      const sent = await Promise.all(trees.map(async (path) => (await a.files.send(peer, [path])).offer));
      const states = async (): Promise<string[]> =>
        (await child.transfers()).map(({ offer, problem }) => `${offer.state} ${problem?.code ?? ""}`).sort();
      await eventually(states, ["accepted no-space", "done "].slice(0, names.length));
      const stopped = (await child.transfers()).find(({ problem }) => problem !== undefined)!;
      assert.match(stopped.problem!.hint!, /Free some space/);
      const atSender = async () => (await a.files.transfers()).find(({ offer }) => offer.id === stopped.offer.id)!;
      await eventually(async () => (await atSender()).problem?.code, "no-space");
      assert.match((await atSender()).problem!.hint!, /over there/);
      const whole = sent.filter(({ id }) => id !== stopped.offer.id).map(({ name }) => name);

      // What fits comes meanwhile.
      const { offer: little } = await a.files.send(peer, [small]);
      assert.equal((await watchUntil(a, little.id)).offer.state, "done");
      assert.equal(await readFile(join(there, "small"), "utf8"), "small");
      assert.equal(await readFile(join(there, "old"), "utf8"), "old");

      for (const name of ["filler", ...whole]) await rm(join(there, name), { recursive: true });
      const done = await watchUntil(a, stopped.offer.id);
      assert.deepEqual([done.offer.state, done.problem], ["done", undefined]);
      assert.deepEqual(await listing(join(there, stopped.offer.name)), await listing(join(lab.dir, stopped.offer.name)));
      await eventually(async () => (await readdir(there)).sort(), ["old", stopped.offer.name, "small"].sort());
    },
  );
}
