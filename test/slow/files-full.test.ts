// A disk that is full, for real: a small tmpfs of the receiver's own.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { startChild } from "../files/children.ts";
import { eventually, openLab, watchUntil } from "../files/peers.ts";
import { noSmallDisk } from "../small-disk.ts";

const MiB = LIMITS.blockBytes;

test(
  "a disk that fills up on the way stops the transfer in words; with space again it goes on by itself",
  { skip: noSmallDisk },
  async () => {
    await using lab = await openLab({ mine: true });
    const { incoming } = lab.b;
    await mkdir(incoming, { recursive: true });
    const address = lab.b.sessions.addresses()[0]!;
    await lab.b.close();
    const script = 'mount -t tmpfs -o size=48m tmpfs "$0" && head -c 4M /dev/zero > "$0/filler" && exec "$@"';
    await using child = await startChild([join(lab.dir, "b"), address], ["unshare", "-Urm", "sh", "-c", script, incoming]);
    const there = `/proc/${child.pid}/root${incoming}`;

    // Each fits alone, and is begun; both do not fit.
    const contents = [randomBytes(30 * MiB), randomBytes(30 * MiB)];
    const ids: string[] = [];
    for (const [i, content] of contents.entries()) {
      const path = join(lab.dir, `n${i}`);
      await writeFile(path, content);
      ids.push((await lab.a.files.send(lab.b.id, [path])).offer.id);
    }
    // Whether the second one was taken before the first had its room is theirs to decide.
    await eventually(
      async () =>
        (await child.transfers()).map(({ offer, problem }) => (offer.state === "done" ? "done" : (problem?.code ?? ""))).sort(),
      ["done", "no-space"],
    );
    const transfers = await child.transfers();
    const stopped = transfers.find(({ problem }) => problem !== undefined)!;
    assert.match(stopped.problem!.hint!, /Free some space/);
    const whole = transfers.find(({ offer }) => offer.state === "done")!;
    await rm(join(there, whole.offer.name));
    assert.equal((await watchUntil(lab.a, stopped.offer.id)).offer.state, "done");
    assert.ok((await readFile(join(there, stopped.offer.name))).equals(contents[ids.indexOf(stopped.offer.id)]!));
    assert.deepEqual((await readdir(there)).sort(), ["filler", stopped.offer.name].sort());
  },
);
