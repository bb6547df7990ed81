import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import type { PeerId, SpaceId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { createData } from "../services/data/data.ts";
import type { Data } from "../services/data/contract.ts";
import { newIdentity, openTestStore, temporaryDirectory } from "../space/test-kit.ts";
import { servedList } from "./list.ts";
import type { ServedList } from "./served.ts";

interface Lists {
  readonly data: Data;
  readonly own: SpaceId;
  readonly desk: PeerId;
  readonly paired: Set<PeerId>;
  list(of?: { readonly peer?: PeerId; readonly writable?: boolean }): ServedList;
}

async function lists(t: TestContext): Promise<Lists> {
  const store = await openTestStore(t, `${await temporaryDirectory(t)}/space.db`, newIdentity());
  const data = createData({ store });
  const { peerId: desk } = newIdentity();
  const paired = new Set([desk]);
  const needs = {
    data,
    spaceOf: (peer: PeerId | undefined) => (peer === undefined ? store.self() : store.direct(peer)),
    isPaired: (peer: PeerId) => paired.has(peer),
  };
  return {
    ...{ data, own: await store.self(), desk, paired },
    list: ({ peer, writable = true } = {}) => servedList({ peer, key: "todo", writable }, needs),
  };
}

const refused = (why: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CoveyError && error.code === "refused", String(error));
  assert.match(error.message, why);
  return true;
};

test("what is written is read, in the space that it is of", async (t) => {
  const { data, own, desk, list } = await lists(t);
  assert.deepEqual(await list().read(), []);
  await list().write(["a", "", "grün"]);
  await list({ peer: desk }).write([]);
  assert.deepEqual(await list().read(), ["a", "", "grün"]);
  assert.deepEqual(await list({ peer: desk, writable: false }).read(), []);
  assert.deepEqual((await data.get(own, "todo"))?.value, ["a", "", "grün"]);
  assert.equal(list().key, "todo");
});

test("what text can't say is refused, and why", async (t) => {
  const { data, own, list } = await lists(t);
  for (const value of ["a,b", 7, null, { a: 1 }, ["a", 1], [["a"]]]) {
    await data.set(own, "todo", value);
    await assert.rejects(list().read(), refused(/not a list of texts/));
    await assert.rejects(list().write(["a"]), refused(/not a list of texts/));
    assert.deepEqual((await data.get(own, "todo"))?.value, value);
  }
  for (const value of [["a,b"], ["a", "b\n"], ["\r"]]) {
    await data.set(own, "todo", value);
    await assert.rejects(list().read(), refused(/a comma or a line break/));
    await assert.rejects(list().write(value), refused(/a comma or a line break/));
  }
  await assert.rejects(list({ writable: false }).write(["a"]), refused(/can only be read/));
  await data.set(own, "todo", ["a"]);
  await assert.rejects(list().write(["x".repeat(LIMITS.inlineValueBytes)]), refused(/too long/));
  assert.deepEqual((await data.get(own, "todo"))?.value, ["a"]);
});

test("a list of a peer that was removed is neither read nor written, until it is paired again", async (t) => {
  const { desk, paired, list } = await lists(t);
  const theirs = list({ peer: desk });
  await theirs.write(["a"]);
  paired.delete(desk);
  await assert.rejects(theirs.read(), refused(/not paired any more/));
  await assert.rejects(theirs.write(["b"]), refused(/not paired any more/));
  paired.add(desk);
  assert.deepEqual(await theirs.read(), ["a"]);
});
