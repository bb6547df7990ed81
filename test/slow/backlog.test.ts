import assert from "node:assert/strict";
import { test } from "node:test";

import { contentsOf, inSync, openLab, pair } from "../sync/peers.ts";

test("a peer that was away gets 100,000 entries", async () => {
  await using lab = await openLab({ tcp: true });
  const a = await lab.open("a");
  let b = await lab.open("b");
  const space = await pair(a, b);
  await inSync(a, b);
  await b.close();
  for (let i = 0; i < 100; i++) {
    await a.data.setMany(
      space,
      Array.from({ length: 1000 }, (_, k) => ({ key: `${i}/${k}`, value: k })),
    );
  }
  b = await lab.open("b");
  await inSync(a, b);
  assert.equal((await b.data.list(space, "")).length, 100_000);
  assert.deepEqual(await contentsOf(b.store, space), await contentsOf(a.store, space));
});
