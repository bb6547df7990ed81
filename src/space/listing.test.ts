import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../core/limits.ts";
import type { Cursor, PathState } from "./contract.ts";
import { statesBelow } from "./listing.ts";
import { componentsOf, pathOf } from "./path.ts";
import { newIdentity, openTestStore, temporaryDirectory } from "./test-kit.ts";

const VALUES = 200;
const bytesOf = (states: readonly PathState[]): number =>
  states.flatMap(({ versions }) => versions).reduce((sum, { value }) => sum + value!.length, 0);
const numberOf = ({ path }: PathState): number => Number(componentsOf(path)[1]);
const numbers = Array.from({ length: VALUES }, (_, i) => i);

test("pages of large values end by their bytes, and all of them together are everything", async (t) => {
  const store = await openTestStore(t, `${await temporaryDirectory(t)}/space.db`, newIdentity());
  const space = await store.self();
  const value = Buffer.alloc(LIMITS.inlineValueBytes);
  await store.write(
    space,
    numbers.map((n) => ({ path: pathOf("data", String(n).padStart(3, "0")), value })),
  );

  assert.ok(bytesOf(await store.list(space, pathOf("data"))) <= LIMITS.pageBytes + value.length);
  const listed: number[] = [];
  for await (const state of statesBelow(store, space, pathOf("data"))) listed.push(numberOf(state));
  assert.deepEqual(listed, numbers);
  const backwards: number[] = [];
  for await (const state of statesBelow(store, space, pathOf("data"), { reverse: true, limit: 7 }))
    backwards.push(numberOf(state));
  assert.deepEqual(backwards, numbers.toReversed());

  // Written again in another order: a page of changes that ends early goes on where it ended.
  await store.write(space, [{ path: pathOf("data", "000"), value }]);
  const changed: number[] = [];
  for (let cursor: Cursor | undefined, more = true; more;) {
    const page = await store.changes(space, pathOf("data"), cursor);
    assert.ok(bytesOf(page.changes) <= LIMITS.pageBytes + value.length);
    changed.push(...page.changes.map(numberOf));
    ({ cursor, more } = page);
  }
  assert.deepEqual(changed, [...numbers.slice(1), 0]);
});
