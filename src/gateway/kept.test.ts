import assert from "node:assert/strict";
import { test } from "node:test";

import type { PeerId } from "../core/ids.ts";
import { silentLog, type LogFacts } from "../core/log.ts";
import { newIdentity, openTestStore, temporaryDirectory } from "../space/test-kit.ts";
import { keptServings, type ServingRecord } from "./kept.ts";

const PLAIN = {
  ...{ directory: undefined, upload: false, list: undefined, greeting: undefined, close: false, reply: "ok", listen: undefined },
  ...{ lan: false, token: false, perAddress: 16, keep: true },
} as const;

const record = (number: number, settings: Partial<ServingRecord["settings"]> = {}): ServingRecord => ({
  id: `${number}`.repeat(16),
  number,
  settings: { ...PLAIN, ...settings },
  token: undefined,
  sinceMs: 1000,
  at: `tcp://127.0.0.1:800${number}`,
});

test("what is kept is what was put; what can't be read is told of and left alone", async (t) => {
  const store = await openTestStore(t, `${await temporaryDirectory(t)}/space.db`, newIdentity());
  const told: LogFacts[] = [];
  const log = { ...silentLog, warn: (facts: LogFacts) => void told.push(facts) };
  const kept = keptServings(store, log);
  const list = { peer: "desk" as PeerId, key: "todo", writable: true };
  const three = record(3, { directory: "/srv/photos", upload: true, list, listen: "tcp://*:8000" });
  const one = {
    ...record(1, { list: { ...list, peer: undefined }, greeting: "hi", token: true }),
    token: "secret",
    at: undefined,
  };
  await kept.put(three);
  await kept.put(one);
  await store.putLocal("gateway", [
    { key: "serving/broken", value: Buffer.from("{") },
    { key: "serving/strange", value: Buffer.from(JSON.stringify({ v: 2 })) },
    { key: "serving/half", value: Buffer.from(JSON.stringify({ v: 1, ...three, settings: { reply: "ok" } })) },
  ]);
  assert.deepEqual(await kept.all(), [one, three]);
  assert.deepEqual(told.map(({ key }) => key).sort(), ["serving/broken", "serving/half", "serving/strange"]);
  await kept.remove(three.id);
  assert.deepEqual(await kept.all(), [one]);
  assert.equal((await store.listLocal("gateway", "serving/")).length, 4);
});
