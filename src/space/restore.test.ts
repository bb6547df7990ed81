import assert from "node:assert/strict";
import { copyFile, cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import type { EntryId, SpaceId } from "../core/ids.ts";
import type { WireEntry } from "./contract.ts";
import { decodeEntry, dotOwner } from "./entry.ts";
import { hlcOf } from "./hlc.ts";
import { componentsOf, pathOf } from "./path.ts";
import { forge, meet, openPair, openTestStore, push, setClock, type Side, shown, text } from "./test-kit.ts";

const write = (side: Side, space: SpaceId, key: string, value: string) =>
  side.store.write(space, [{ path: pathOf("data", key), value: text(value) }]);

async function values(side: Side, space: SpaceId): Promise<Record<string, readonly string[]>> {
  const states = await side.store.list(space, pathOf("data"));
  return Object.fromEntries(
    states.map(({ path, versions }) => [componentsOf(path)[1]!, versions.map(({ value }) => String(Buffer.from(value!))).sort()]),
  );
}

/** How a backup comes back: as a new file, or into the file that is there. */
const restores = {
  async "as a copy"(directory: string): Promise<void> {
    for (const suffix of ["", "-wal"]) await rm(join(directory, `a.db${suffix}`), { force: true });
    await cp(join(directory, "backup.db"), join(directory, "a.db"));
  },
  async "in place"(directory: string): Promise<void> {
    await rm(join(directory, "a.db-wal"), { force: true });
    await copyFile(join(directory, "backup.db"), join(directory, "a.db"));
  },
};

async function backUp(t: TestContext, a: Side, directory: string, clock?: Parameters<typeof openTestStore>[3]): Promise<Side> {
  await a.store.close();
  await copyFile(join(directory, "a.db"), join(directory, "backup.db"));
  return { ...a, store: await openTestStore(t, join(directory, "a.db"), a.identity, clock) };
}

for (const [how, restore] of Object.entries(restores)) {
  const prepare = async (t: TestContext) => {
    const pair = await openPair(t);
    const { b, space, directory } = pair;
    let { a } = pair;
    await write(a, space, "kept", "from a");
    await write(a, space, "edited", "before the backup");
    await meet(space, a, b);
    a = await backUp(t, a, directory);
    for (let i = 0; i < 20; i++) await write(a, space, `late${i}`, "after the backup");
    await write(a, space, "edited", "after the backup");
    await a.store.write(space, [{ append: "msg", value: text("lost and found") }]);
    return { a, b, space, directory };
  };
  const reopen = async (t: TestContext, a: Side, directory: string): Promise<Side> => {
    await a.store.close();
    await restore(directory);
    return { ...a, store: await openTestStore(t, join(directory, "a.db"), a.identity) };
  };

  test(`a backup put back ${how} gets back what its lost life had told, and overwrites nothing`, async (t) => {
    const { a: first, b, space, directory } = await prepare(t);
    await meet(space, first, b);
    await write(b, space, "fromB", "to be kept");
    const life = [first.store.storeId(), first.store.incarnation()];
    const a = await reopen(t, first, directory);
    await write(a, space, "edited", "by the restored one");
    await a.store.write(space, [{ append: "msg", value: text("new") }]);
    await meet(space, a, b);
    assert.notEqual(a.store.storeId(), life[0]);
    assert.notEqual(a.store.incarnation(), life[1]);
    assert.deepEqual(await shown(a.store, space), await shown(b.store, space));
    const seen = await values(a, space);
    assert.deepEqual(seen["edited"], ["after the backup", "by the restored one"]);
    assert.deepEqual([seen["kept"], seen["fromB"], seen["late19"]], [["from a"], ["to be kept"], ["after the backup"]]);
    const messages = (await b.store.list(space, pathOf("msg"))).map(({ versions }) =>
      versions.map(({ value }) => String(Buffer.from(value!))),
    );
    assert.deepEqual(messages.flat().sort(), ["lost and found", "new"]);
  });

  test(`a backup put back ${how} that has gone on further than its lost life loses nothing of either`, async (t) => {
    const { a: first, b, space, directory } = await prepare(t);
    // Only one way: nothing that came from b tells the restored one how far it once was.
    await push(space, first, b);
    const a = await reopen(t, first, directory);
    for (let i = 0; i < 60; i++) await write(a, space, `again${i}`, "after the restore");
    await meet(space, a, b);
    assert.deepEqual(await shown(a.store, space), await shown(b.store, space));
    const seen = await values(b, space);
    for (let i = 0; i < 60; i++) assert.deepEqual(seen[`again${i}`], ["after the restore"]);
    for (let i = 0; i < 20; i++) assert.deepEqual(seen[`late${i}`], ["after the backup"]);
    assert.deepEqual(seen["edited"], ["after the backup"]);
  });
}

test("a home that was moved is the same store; a clone is another one beside it", async (t) => {
  const { a, b, space, directory } = await openPair(t);
  await write(a, space, "x", "shared");
  await a.store.close();
  await cp(join(directory, "a.db"), join(directory, "clone.db"));
  const original: Side = { ...a, store: await openTestStore(t, join(directory, "a.db"), a.identity) };
  const clone: Side = { ...a, store: await openTestStore(t, join(directory, "clone.db"), a.identity) };
  assert.notEqual(original.store.storeId(), clone.store.storeId());
  await write(original, space, "x", "by the original");
  await write(clone, space, "x", "by the clone");
  await meet(space, original, b);
  await meet(space, clone, b);
  await meet(space, original, b);
  assert.deepEqual(await values(b, space), { x: ["by the clone", "by the original"] });
  assert.deepEqual(await shown(original.store, space), await shown(clone.store, space));
});

test("a peer that says again what it made this store forget makes it begin anew once for each opening at the most", async (t) => {
  const { a: opened, b, space, directory } = await openPair(t);
  const a = await backUp(t, opened, directory);
  const path = pathOf("data", "x");
  const say = (entry: WireEntry) =>
    a.store.incoming(space, b.identity.peerId, { store: b.store.storeId(), from: 0, to: 1, entries: [entry] });
  const lives = new Set([a.store.incarnation()]);
  for (let round = 0; round < 4; round++) {
    const [written] = await a.store.write(space, [{ path, value: text(`${round}`) }]);
    const { entries } = await a.store.outgoing(space, b.identity.peerId, 0);
    const replay = entries.at(-1)!;
    const clock = hlcOf(written!.clockMs, written!.counter);
    const seen = new Map([...decodeEntry(replay.signed).vector, [dotOwner(written!.author, written!.incarnation), clock]]);
    const replaces = forge(space, b.identity, { path, clock: clock + 1n, vector: seen });
    const forgets = forge(space, b.identity, {
      path,
      clock: clock + 2n,
      vector: new Map([[dotOwner(b.identity.peerId, decodeEntry(replaces.signed).incarnation), clock + 1n]]),
    });
    for (const entry of [replaces, forgets, replay]) assert.deepEqual((await say(entry)).verdicts, ["stored"]);
    lives.add(a.store.incarnation());
  }
  assert.equal(lives.size, 2);
});

test("a clock of centuries ahead, once, does not use up the numbers of a store", async (t) => {
  const clock = setClock(Date.UTC(9000, 0));
  const { a: opened, b, space, directory } = await openPair(t, { a: clock, b: clock });
  let a = opened;
  for (let opening = 0; opening < 2; opening++) {
    a = await backUp(t, a, directory, clock);
    await write(a, space, `${opening}`, "kept");
    clock.ms = Date.UTC(2030, 0);
  }
  assert.ok((await a.store.now(space)).seq < Number.MAX_SAFE_INTEGER / 1.9);
  await write(a, space, "2", "kept");
  assert.equal((await a.store.changes(space, pathOf(), undefined)).changes.length, 3);
  assert.equal((await b.store.spaces()).length, 2);
});

test("random histories with restores: no version that reached the other peer goes without being seen", async (t) => {
  for (let seed = 1; seed <= 2; seed++) await history(t, randomFrom(seed), seed);
});

/** Plays one history; after each meeting every earlier version must be there, or below one whose writer had seen it. */
async function history(t: TestContext, random: (below: number) => number, seed: number): Promise<void> {
  const clock = setClock();
  const pair = await openPair(t, { a: clock, b: clock });
  const { b, space, directory } = pair;
  let a = await backUp(t, pair.a, directory, clock);
  const seenBy = new Map<EntryId, ReadonlySet<EntryId>>();
  const versions = async (side: Side): Promise<readonly EntryId[]> =>
    (await side.store.changes(space, pathOf(), undefined)).changes.flatMap((state) => state.versions.map(({ id }) => id));
  for (let step = 0; step < 50; step++) {
    clock.ms += 1 + random(3000);
    const what = random(20);
    if (what < 14) {
      const side = what % 2 === 0 ? a : b;
      const path = pathOf("data", `${random(3)}`);
      const before = (await side.store.get(space, path))?.versions ?? [];
      const [version] = await side.store.write(space, [{ path, value: random(5) === 0 ? undefined : text(`${step}`) }]);
      const { id } = version!;
      seenBy.set(id, new Set(before.flatMap((version) => [version.id, ...seenBy.get(version.id)!])));
    } else if (what < 17) {
      const before = [...(await versions(a)), ...(await versions(b))];
      await meet(space, a, b);
      const after = await versions(a);
      assert.deepEqual(await shown(a.store, space), await shown(b.store, space), `seed ${seed}, step ${step}`);
      for (const id of before) {
        assert.ok(
          after.some((one) => one === id || seenBy.get(one)!.has(id)),
          `seed ${seed}, step ${step}: a version was lost`,
        );
      }
    } else if (what < 18) {
      a = await backUp(t, a, directory, clock);
    } else {
      await a.store.close();
      await (what < 19 ? restores["in place"] : restores["as a copy"])(directory);
      a = { ...a, store: await openTestStore(t, join(directory, "a.db"), a.identity, clock) };
    }
  }
}

/** mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
