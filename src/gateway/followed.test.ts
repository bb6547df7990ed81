import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../core/limits.ts";
import type { Serving, ServingEvent } from "./contract.ts";
import { Followed } from "./followed.ts";

const event = (n: number): ServingEvent => ({ type: "message", atMs: n, from: "192.0.2.7:1", guest: "guest-1", text: `${n}` });
const serving = { number: 1 } as Serving;
const never = new AbortController().signal;

test("the serving first, then what happened, then the end", async () => {
  const followed = new Followed(serving);
  followed.tell(event(1));
  const items = followed.read(never);
  assert.deepEqual((await items.next()).value, { type: "serving", serving });
  assert.deepEqual((await items.next()).value, event(1));
  const waiting = items.next();
  followed.tell(event(2));
  assert.deepEqual((await waiting).value, event(2));
  followed.tell(event(3));
  followed.end();
  followed.tell(event(4));
  assert.deepEqual((await items.next()).value, event(3));
  assert.equal((await items.next()).done, true);
});

test("of more than there is room for, the oldest are counted", async () => {
  const followed = new Followed(serving);
  const items = followed.read(never);
  for (let n = 0; n < LIMITS.gatewayEvents + 7; n++) followed.tell(event(n));
  assert.deepEqual((await items.next()).value, { type: "serving", serving });
  assert.deepEqual((await items.next()).value, { type: "missed", count: 7 });
  for (let n = 7; n < LIMITS.gatewayEvents + 7; n++) assert.deepEqual((await items.next()).value, event(n));
  followed.end();
  assert.equal((await items.next()).done, true);
});

test("long texts count by their length", async () => {
  const followed = new Followed(serving);
  const long = (n: number): ServingEvent => ({ ...event(n), text: `${n}`.padEnd(LIMITS.gatewayEventChars / 4) }) as ServingEvent;
  for (let n = 0; n < 10; n++) followed.tell(long(n));
  const items = followed.read(never);
  await items.next();
  assert.deepEqual((await items.next()).value, { type: "missed", count: 6 });
  for (let n = 6; n < 10; n++) assert.deepEqual((await items.next()).value, long(n));
  followed.tell(long(10));
  assert.deepEqual((await items.next()).value, long(10));
});

test("an abort throws its reason, before and while it waits", async () => {
  const reason = new Error("enough");
  const followed = new Followed(serving);
  await assert.rejects(followed.read(AbortSignal.abort(reason)).next(), reason);
  const ending = new AbortController();
  const items = followed.read(ending.signal);
  await items.next();
  const waiting = assert.rejects(items.next(), reason);
  ending.abort(reason);
  await waiting;
});
