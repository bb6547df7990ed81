// Everything that can be decided about a transfer, by both sides, at random moments, with restarts and cuts in between: both agree on how
// it ended, and what is there is whole or nothing. The seed is printed.

import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { eventually, type FilesPeer, type Lab, openLab } from "../files/peers.ts";
import { listing } from "../files/tree-kit.ts";

const MiB = LIMITS.blockBytes;
const ROUNDS = 8;

/** The same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const stateOf = async (peer: FilesPeer, id: string): Promise<string> => (await peer.files.find(id)).state;

/** What a user may do to it; each may come too late. */
async function act(lab: Lab, id: string, random: (below: number) => number): Promise<void> {
  const { a, b } = lab;
  const other = random(2) === 0 ? a : b;
  const acts: (() => Promise<unknown>)[] = [
    () => other.files.pause(id),
    () => other.files.pause(id),
    () => other.files.resume(id),
    () => other.files.resume(id),
    () => b.files.accept(id, { into: lab.into }),
    () => b.sessions.get(a.id)?.close() ?? Promise.resolve(),
    () => lab.restart(random(2) === 0 ? "a" : "b"),
    () => (random(4) === 0 ? other.files.cancel(id) : Promise.resolve()),
    () => (random(4) === 0 ? b.files.decline(id) : Promise.resolve()),
  ];
  await acts[random(acts.length)]!().catch((error: unknown) =>
    assert.equal((error as { code?: string }).code, "conflict", String(error)),
  );
}

for (const kind of ["file", "tree"] as const)
  test(`a ${kind} that is paused, resumed, agreed to, cut and given up at random ends one way on both sides`, async (t) => {
    const seed = randomInt(2 ** 31);
    t.diagnostic(`seed ${seed}`);
    const random = numbers(seed);
    await using lab = await openLab();
    for (let round = 0; round < ROUNDS; round++) {
      const name = `n${round}`;
      const source = join(lab.dir, "from", name);
      await mkdir(join(lab.dir, "from"), { recursive: true });
      if (kind === "file") await writeFile(source, randomBytes(20 * MiB));
      else {
        await mkdir(join(source, "in", "deep"), { recursive: true });
        for (let i = 0; i < 40; i++) await writeFile(join(source, "in", `f${i}`), randomBytes(100_000));
        await writeFile(join(source, "large"), randomBytes(12 * MiB));
      }
      const { id } = (await lab.a.files.send(lab.b.id, [source])).offer;
      await eventually(async () => (await lab.b.files.offers()).some((known) => known.id === id), true);
      for (let step = 0; step < 8; step++) {
        // A restart is by itself: nobody asks a peer that is closing.
        const together = Array.from({ length: 1 + random(3) }, () => random(2 ** 31));
        const [first] = together;
        if (random(3) === 0) await act(lab, id, numbers(first!));
        else await Promise.all(together.map((own) => actWithoutRestart(lab, id, numbers(own))));
        await sleep(random(60));
      }
      for (const peer of [lab.b, lab.a]) await peer.files.resume(id).catch(() => {});
      await lab.b.files.accept(id, { into: lab.into }).catch(() => {});
      const ends = async (): Promise<boolean> => {
        const [one, other] = [await stateOf(lab.a, id), await stateOf(lab.b, id)];
        return one === other && ["done", "declined", "withdrawn"].includes(one);
      };
      await eventually(ends, true);
      const state = await stateOf(lab.b, id);
      await eventually(async () => (await readdir(lab.into)).filter((found) => found.startsWith(".covey")), []);
      const names = (await readdir(lab.into)).filter((found) => found === name);
      assert.deepEqual(names, state === "done" ? [name] : []);
      if (kind === "tree" && state === "done") assert.deepEqual(await listing(join(lab.into, name)), await listing(source));
    }
    for (const prefix of ["hash/", "tree/", "large/"])
      await eventually(async () => (await lab.b.store.listLocal("files", prefix)).length, 0);
  });

async function actWithoutRestart(lab: Lab, id: string, random: (below: number) => number): Promise<void> {
  await act({ ...lab, a: lab.a, b: lab.b, restart: async () => {} }, id, random);
}
