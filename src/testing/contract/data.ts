// Data, here and with a peer.

import assert from "node:assert/strict";
import { it } from "node:test";

import type { StandardSchema } from "../../control/data/contract.ts";
import { eventually, fails, nextOf, type ContractPair } from "./kit.ts";

export function dataContract(pair: ContractPair): void {
  it("keeps data here and with a peer, with versions and prefixes", async () => {
    assert.equal(await pair.me.data().get("todo"), undefined);
    const item = await pair.me.data().set("todo/1", { milk: 1, list: [true, null, "é"] });
    assert.deepEqual((await pair.me.data().get("todo/1"))?.value, { milk: 1, list: [true, null, "é"] });
    await assert.rejects(pair.me.data().set("todo/1", 2, { ifVersion: null }), fails("conflict"));
    assert.equal((await pair.me.data().set("todo/1", 2, { ifVersion: item.version })).value, 2);
    await pair.me.data().setMany([
      { key: "many/1", value: 1 },
      { key: "many/2", value: 2 },
    ]);
    assert.deepEqual(
      (await pair.me.data().list("many")).map(({ key, value }) => [key, value]),
      [
        ["many/1", 1],
        ["many/2", 2],
      ],
    );
    assert.equal((await pair.me.data().list("many", { limit: 1, after: "many/1" }))[0]?.key, "many/2");
    assert.equal(await pair.me.data().remove("todo/1"), true);
    assert.equal(await pair.me.data().remove("todo/1"), false);
    assert.deepEqual(await pair.me.data().conflicts(), []);
    await pair.me.peer("desk").data().set("shared", "value");
    await eventually(async () => (await pair.you.peer("laptop").data().get("shared"))?.value === "value");
    assert.equal(await pair.you.data().get("shared"), undefined);
  });

  it("refuses values that JSON can't say, instead of changing them", async () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const wrong = [Number.NaN, undefined, new Date(), new Map(), Array(2), { at: { deep: 1n } }, () => 1];
    for (const value of wrong) await assert.rejects(pair.me.data().set("k", value as never), fails("bad-argument"));
    await assert.rejects(pair.me.data().set("k", cycle as never), fails("limit"));
    await assert.rejects(pair.me.data().setMany([{ key: "k", value: Number.POSITIVE_INFINITY }]), fails("bad-argument"));
    assert.equal(await pair.me.data().get("k"), undefined);
  });

  it("watches data from the moment the watch began", async () => {
    const ending = new AbortController();
    const events = pair.you.peer("laptop").data().watch("w", { signal: ending.signal })[Symbol.asyncIterator]();
    assert.equal((await nextOf(events)).type, "now");
    const first = nextOf(events);
    await pair.me.peer("desk").data().set("w/1", 1);
    const event = await first;
    assert.equal(event.type === "set" ? event.item.key : undefined, "w/1");
    const second = nextOf(events);
    await pair.me.peer("desk").data().remove("w/1");
    assert.equal((await second).type, "remove");
    // Leaving a watch ends it: nothing is thrown, and nothing comes any more.
    await events.return?.();
    assert.equal((await events.next()).done, true);
  });

  it("keeps data below a prefix, with keys of its own, and of one shape", async () => {
    const [here, there] = [pair.me.peer("desk").data("shape"), pair.you.peer("laptop").data("shape/", { schema: Texts })];
    await here.setMany([
      { key: "1", value: "x" },
      { key: "2", value: 2 },
    ]);
    await eventually(async () => (await there.list()).length === 2);
    assert.deepEqual(
      (await there.list()).map(({ key, value, invalid }) => [key, value, invalid]),
      [
        ["1", "X", undefined],
        ["2", undefined, [{ message: "no text", path: ["here"] }]],
      ],
    );
    await assert.rejects(there.set("1", 1 as never), fails("bad-argument"));
    assert.equal((await there.set("1", "y")).value, "Y");
    await eventually(async () => (await here.get("1"))?.value === "y");
  });
}

/** Texts, read in capitals. */
const Texts: StandardSchema<string> = {
  "~standard": {
    version: 1,
    vendor: "contract",
    validate: async (value) =>
      typeof value === "string" ? { value: value.toUpperCase() } : { issues: [{ message: "no text", path: ["here"] }] },
  },
};
