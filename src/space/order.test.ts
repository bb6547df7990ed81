import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { toHex } from "../core/bytes.ts";
import { hash } from "../core/hash.ts";
import type { EntryId, Incarnation, PeerId, SpaceId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { contentOf, dotOwner, type Entry, keyOf } from "./entry.ts";
import { hlcOf, nextClock } from "./hlc.ts";
import { byPrecedence, isCovered, isDominated, type Known, replacing } from "./order.ts";
import { pathOf } from "./path.ts";
import { newIdentity } from "./test-kit.ts";

const authors = Array.from({ length: 5 }, () => newIdentity().peerId);
const path = pathOf("data", "x");
let made = 0;

function entryOf(author: PeerId, incarnation: string, clock: bigint, seen: readonly Known[], value: string | undefined): Known {
  const entry: Entry = {
    space: "00".repeat(32) as SpaceId,
    author,
    incarnation: incarnation as Incarnation,
    path,
    clock,
    vector: replacing(seen.map((known) => known.entry)).vector,
    grant: undefined,
    ...contentOf(value === undefined ? undefined : Buffer.from(value)),
  };
  return { id: toHex(hash(Buffer.from(`${made++}`))) as EntryId, entry };
}

/** What the store does with a path, without the store. */
const joined = (versions: readonly Known[], one: Known): readonly Known[] =>
  isCovered(one, versions) ? versions : [...versions.filter(({ entry }) => !isDominated(entry, one.entry)), one];

const winnerFirst = (versions: readonly Known[]): readonly EntryId[] => versions.toSorted(byPrecedence).map(({ id }) => id);

interface Replica {
  readonly author: PeerId;
  incarnation: string;
  now: number;
  last: bigint;
  versions: readonly Known[];
  backup: readonly Known[];
}

type Step =
  | { readonly type: "write"; readonly at: number; readonly remove: boolean }
  | { readonly type: "sync"; readonly from: number; readonly to: number }
  | { readonly type: "skew"; readonly at: number; readonly ms: number }
  | { readonly type: "backup" | "restore"; readonly at: number };

const replicaIndex = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("write" as const), at: replicaIndex, remove: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("sync" as const), from: replicaIndex, to: replicaIndex }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("skew" as const),
      at: replicaIndex,
      ms: fc.integer({ min: -3600_000, max: 3600_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("backup" as const, "restore" as const), at: replicaIndex }) },
);

/** Plays a history; every entry ever written comes back with what its writer had seen, by its own claim or through others. */
function play(count: number, steps: readonly Step[]) {
  const replicas = authors.slice(0, count).map((author, i): Replica => ({
    author,
    incarnation: `${i}`.padStart(16, "0"),
    now: 1_800_000_000_000,
    last: 0n,
    versions: [],
    backup: [],
  }));
  const written = new Map<EntryId, { readonly known: Known; readonly seen: ReadonlySet<EntryId> }>();
  for (const [number, one] of steps.entries()) {
    const replica = replicas[("at" in one ? one.at : one.to) % count]!;
    switch (one.type) {
      case "write": {
        const replaced = replacing(replica.versions.map(({ entry }) => entry));
        replica.now += 1;
        replica.last = nextClock(replica.now, replica.last, replaced.clock);
        const known = entryOf(
          replica.author,
          replica.incarnation,
          replica.last,
          replica.versions,
          one.remove ? undefined : `${number}`,
        );
        const seen = new Set(replica.versions.flatMap(({ id }) => [id, ...written.get(id)!.seen]));
        written.set(known.id, { known, seen });
        replica.versions = joined(replica.versions, known);
        break;
      }
      case "sync":
        for (const known of replicas[one.from % count]!.versions) replica.versions = joined(replica.versions, known);
        break;
      case "skew":
        replica.now = 1_800_000_000_000 + one.ms;
        break;
      case "backup":
        replica.backup = replica.versions;
        break;
      case "restore":
        replica.versions = replica.backup;
        replica.incarnation = `${number}`.padStart(16, "1");
        replica.last = 0n;
        break;
    }
  }
  return { replicas, written };
}

test("replicas agree after any history, and nothing is gone that nobody had seen", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 5 }),
      fc.array(step, { maxLength: 60, size: "max" }),
      fc.infiniteStream(fc.nat(1000)),
      (count, steps, random) => {
        const { replicas, written } = play(count, steps);
        const held = replicas.flatMap(({ versions }) => versions);
        const results = replicas.map(({ versions }) => {
          // Everything that anybody holds arrives, in another order at each, some of it twice.
          const order = [...held, ...held].map((known) => ({ known, place: random.next().value as number }));
          const arriving = order.toSorted((a, b) => a.place - b.place).map(({ known }) => known);
          return arriving.reduce(joined, versions);
        });
        const [first, ...others] = results.map(winnerFirst);
        for (const other of others) assert.deepEqual(other, first);
        const state = new Set(first);
        for (const id of state) {
          // What is shown side by side really was concurrent.
          for (const seen of written.get(id)!.seen) assert.ok(!state.has(seen), "an older version next to one that replaced it");
        }
        for (const { id } of held) {
          const replaced = [...state].some((winner) => winner === id || written.get(winner)!.seen.has(id));
          assert.ok(replaced, "a version that nobody had seen was lost");
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("nothing follows from being of the same author and earlier", () => {
  const [author] = authors as [PeerId];
  const first = entryOf(author, "00", hlcOf(1000, 0), [], "first life");
  const second = entryOf(author, "00", hlcOf(2000, 0), [], "restored, had not seen it");
  assert.equal(joined(joined([], first), second).length, 2);
  assert.equal(joined(joined([], second), first).length, 2);
  const third = entryOf(author, "00", hlcOf(3000, 0), [first, second], "has seen both");
  assert.deepEqual(joined([first, second], third), [third]);
});

test("two entries with the same dot are both kept, in one order everywhere", () => {
  const [author] = authors as [PeerId];
  const one = entryOf(author, "00", hlcOf(1000, 0), [], "one");
  const other = entryOf(author, "00", hlcOf(1000, 0), [], "other");
  assert.deepEqual(winnerFirst(joined([one], other)), winnerFirst(joined([other], one)));
  assert.equal(joined([one], other).length, 2);
});

test("an edit wins over a concurrent removal; among equals, clock, author and id decide", () => {
  const [a, b] = authors.toSorted((one, other) => Buffer.compare(keyOf(one), keyOf(other))) as [PeerId, PeerId];
  const edit = entryOf(a, "00", hlcOf(1000, 0), [], "edit");
  const removal = entryOf(b, "00", hlcOf(2000, 0), [], undefined);
  const later = entryOf(a, "01", hlcOf(1000, 1), [], "later");
  const peer = entryOf(b, "00", hlcOf(1000, 1), [], "as late");
  assert.deepEqual(winnerFirst([removal, edit, later, peer]), [peer.id, later.id, edit.id, removal.id]);
});

test("a vector stays within its limit, and the newest and what is replaced stay in it", () => {
  const author = authors[0]!;
  const versions = Array.from({ length: 300 }, (_, i) =>
    entryOf(author, i.toString(16).padStart(16, "0"), hlcOf(1000 + i, 0), [], "x"),
  );
  const half = entryOf(author, "ff".repeat(8), hlcOf(5000, 0), versions.slice(0, 200), "half");
  const { vector, clock } = replacing([half, ...versions.slice(200)].map(({ entry }) => entry));
  assert.equal(vector.size, LIMITS.versionVectorEntries);
  assert.equal(clock, half.entry.clock);
  for (const { entry } of [half, ...versions.slice(200)])
    assert.equal(vector.get(dotOwner(entry.author, entry.incarnation)), entry.clock);
  assert.equal(vector.get(dotOwner(author, "0".repeat(16) as Incarnation)), undefined, "the oldest goes");
});
