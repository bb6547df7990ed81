import assert from "node:assert/strict";
import test from "node:test";

import { LIMITS } from "../../core/limits.ts";
import { page } from "./answer.ts";
import { Listings } from "./listings.ts";

test("so many pages are made at once, whatever the clients of others do", async () => {
  const listings = new Listings();
  const made = Promise.withResolvers<void>();
  let making = 0;
  let most = 0;
  const asked = Array.from({ length: 3 * LIMITS.gatewayListing }, (_, i) =>
    listings.answer(async () => {
      most = Math.max(most, ++making);
      await made.promise;
      making--;
      if (i % 2 === 1) throw new Error("gone");
      return page(200, "x");
    }, undefined),
  );
  made.resolve();
  const settled = await Promise.allSettled(asked);
  assert.equal(most, LIMITS.gatewayListing);
  assert.deepEqual(new Set(settled.filter((_, i) => i % 2 === 0).map(({ status }) => status)), new Set(["fulfilled"]));
});

test("so much is held for clients, until it was sent or will not be", async () => {
  const listings = new Listings();
  const quarter = "x".repeat(LIMITS.gatewayListedBytes / 4);
  const ask = (): ReturnType<typeof listings.answer> => listings.answer(async () => page(200, quarter), undefined);
  const held = await Promise.all([ask(), ask(), ask(), ask()]);
  const refused = await ask();
  assert.deepEqual([refused.status, refused.headers["Retry-After"], refused.over], [503, "5", undefined]);
  held[1].over!();
  assert.equal((await ask()).status, 200);
  assert.equal((await ask()).status, 503);
});
