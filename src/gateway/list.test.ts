import assert from "node:assert/strict";
import { test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import type { PeerId, SpaceId } from "../core/ids.ts";
import type { Data, DataItem, Json } from "../services/data/contract.ts";
import { servedList } from "./list.ts";

/** Data of one space, as the store would have it. */
function data(values: Map<string, Json>): Pick<Data, "get" | "set"> {
  return {
    get: async (space, key) => {
      const value = values.get(`${space}/${key}`);
      return value === undefined ? undefined : ({ key, value } as DataItem);
    },
    set: async (space, key, value) => {
      values.set(`${space}/${key}`, value);
      return { key, value } as DataItem;
    },
  };
}

const paired = new Set<string>(["desk"]);
const values = new Map<string, Json>();
const needs = {
  data: data(values),
  spaceOf: async (peer: PeerId | undefined) => (peer ?? "self") as string as SpaceId,
  isPaired: (peer: PeerId) => paired.has(peer),
};
const list = (peer?: string, writable = true) => servedList({ peer: peer as PeerId | undefined, key: "todo", writable }, needs);

const refused = (why: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CoveyError && error.code === "refused", String(error));
  assert.match(error.message, why);
  return true;
};

test("what is written is read, in the space that it is of", async () => {
  assert.deepEqual(await list().read(), []);
  await list().write(["a", "", "grün"]);
  await list("desk").write([]);
  assert.deepEqual(await list().read(), ["a", "", "grün"]);
  assert.deepEqual(Object.fromEntries(values), { "self/todo": ["a", "", "grün"], "desk/todo": [] });
});

test("what text can't say is refused, and why", async () => {
  for (const value of ["a,b", 7, null, { a: 1 }, ["a", 1], [["a"]]] as const) {
    values.set("self/todo", value);
    await assert.rejects(list().read(), refused(/not a list of texts/));
  }
  for (const value of [["a,b"], ["a", "b\n"], ["\r"]]) {
    values.set("self/todo", value);
    await assert.rejects(list().read(), refused(/a comma or a line break/));
    await assert.rejects(list().write(value), refused(/a comma or a line break/));
  }
  await assert.rejects(list(undefined, false).write(["a"]), refused(/can only be read/));
  assert.deepEqual(values.get("self/todo"), ["\r"]);
});

test("a list of a peer that was removed is neither read nor written, until it is paired again", async () => {
  await list("desk").write(["a"]);
  paired.delete("desk");
  await assert.rejects(list("desk").read(), refused(/not paired any more/));
  await assert.rejects(list("desk").write(["b"]), refused(/not paired any more/));
  paired.add("desk");
  assert.deepEqual(await list("desk").read(), ["a"]);
});
