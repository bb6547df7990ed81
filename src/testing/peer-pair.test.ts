// The pair that `covey/testing` offers: real peers, a way that can be cut, and nothing left.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { leakCheck } from "./leak-check.ts";
import { openPeerPair } from "./peer-pair.ts";

const signal = AbortSignal.timeout(20_000);

test("two peers that know each other, over no network; nothing of them is left", async () => {
  const leaks = leakCheck();
  let folder: string;
  {
    await using pair = await openPeerPair();
    ({ folder } = pair);
    const { laptop, desk } = pair;
    const [link] = await laptop.peers();
    assert.deepEqual([link?.name, link?.mine, link?.session?.address.startsWith("memory://")], ["desk", false, true]);
    await laptop.peer("desk").data().set("lunch", "soup");
    const { storeId: store } = await desk.status();
    for await (const event of desk
      .peer("laptop")
      .data()
      .watch("", { after: { store, seq: 0 }, signal })) {
      assert.equal(event.type === "set" && event.item.value, "soup");
      break;
    }
    assert.ok(existsSync(folder));
  }
  assert.ok(!existsSync(folder));
  await leaks();
});

test("what is said while the way is cut arrives once it is mended, again and again", async () => {
  await using pair = await openPeerPair({ mine: true });
  const { laptop, desk } = pair;
  assert.equal((await laptop.peer("desk").show()).mine, true);
  for (const round of [1, 2, 3]) {
    await pair.cut();
    await pair.cut();
    assert.equal((await laptop.peer("desk").show()).session, undefined);
    assert.equal((await desk.peer("laptop").show()).session, undefined);
    const heard = desk.peer("laptop").watchMessages({ signal })[Symbol.asyncIterator]();
    await heard.next();
    const { id, state } = await laptop.peer("desk").message(`round ${round}`);
    assert.equal(state, "queued");
    await assert.rejects(laptop.join((await desk.invite()).ticket, { signal }), { code: "unreachable" });
    assert.equal((await laptop.peer("desk").messages({ limit: 1 }))[0]?.state, "queued");
    await pair.mend();
    const { value: event } = await heard.next();
    assert.equal(event?.type === "message" && event.message.id, id);
    await heard.return?.();
  }
});
