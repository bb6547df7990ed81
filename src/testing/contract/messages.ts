// Messages.

import assert from "node:assert/strict";
import { it } from "node:test";

import { eventually, fails, nextOf, type ContractPair } from "./kit.ts";

export function messagesContract(pair: ContractPair): void {
  it("sends messages, lists them, marks them read", async () => {
    const sent = await pair.me.peer("desk").message("lunch?");
    assert.equal(sent.text, "lunch?");
    await eventually(async () => (await pair.you.inbox()).messages.some(({ id }) => id === sent.id));
    const { messages } = await pair.you.inbox();
    assert.deepEqual(
      messages.map(({ peer, text, state }) => ({ peer, text, state })),
      [{ peer: "laptop", text: "lunch?", state: "delivered" }],
    );
    assert.equal((await pair.you.status()).unread, 1);
    assert.deepEqual(await pair.you.peer("laptop").unread(), await pair.you.peer("laptop").messages());
    await pair.you.peer("laptop").markRead({ shown: [] });
    assert.equal((await pair.you.status()).unread, 1);
    await pair.you.peer("laptop").markRead({ shown: [sent.id] });
    assert.deepEqual((await pair.you.inbox()).messages, []);
    assert.equal((await pair.you.status()).unread, 0);
    await eventually(async () => (await pair.me.peer("desk").messages({ limit: 1 }))[0]?.state === "read");
    await assert.rejects(pair.me.peer("desk").message(""), fails("bad-argument"));
    await assert.rejects(pair.me.peer("desk").message("x".repeat(70_000)), fails("limit"));
    await assert.rejects(pair.me.peer("desk").messages({ limit: 0 }), fails("bad-argument"));
  });

  it("tells messages as they come, after a cursor too", async () => {
    const ending = new AbortController();
    const events = pair.you.peer("laptop").watchMessages({ signal: ending.signal })[Symbol.asyncIterator]();
    const began = await nextOf(events);
    assert.equal(began.type, "now");
    const first = nextOf(events);
    const sent = await pair.me.peer("desk").message("now");
    const event = await first;
    assert.equal(event.type === "message" ? event.message.id : undefined, sent.id);
    ending.abort(new Error("enough"));
    await assert.rejects(events.next(), /enough/);

    const later = await pair.me.peer("desk").message("later");
    for (const [cursor, id] of [
      [began.cursor, sent.id],
      [event.cursor, later.id],
    ] as const) {
      for await (const next of pair.you.peer("laptop").watchMessages({ after: cursor, signal: AbortSignal.timeout(10_000) })) {
        if (next.type !== "message") continue;
        assert.equal(next.message.id, id);
        break;
      }
    }
  });
}
