import assert from "node:assert/strict";
import { test } from "node:test";

import { openPeerPair } from "../src/testing/index.ts";

test("both change a key while they are apart: one wins, the other is kept", async () => {
  await using pair = await openPeerPair();
  const [here, there] = [pair.laptop.peer("desk").data(), pair.desk.peer("laptop").data()];
  await pair.cut();
  await here.set("dinner", "soup");
  await there.set("dinner", "rice");
  await pair.mend();
  const after = { store: (await pair.laptop.status()).storeId, seq: 0 };
  for await (const event of here.watch("dinner", { after })) {
    if (event.type === "set" && event.item.conflicts > 0) break;
  }
  const [conflict] = await here.conflicts("dinner");
  assert.equal(conflict?.losers.length, 1);
});
