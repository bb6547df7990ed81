// Peers, by name and id, and the tickets that make them.

import assert from "node:assert/strict";
import { join } from "node:path";
import { it } from "node:test";

import { fails, type ContractPair } from "./kit.ts";

export function peersContract(pair: ContractPair): void {
  it("tells its status in plain JSON", async () => {
    const status = await pair.me.status();
    assert.deepEqual(status, JSON.parse(JSON.stringify(status)));
    assert.equal(status.name, "laptop");
    assert.equal(status.home, join(pair.directory, "me"));
    assert.deepEqual(
      status.peers.map(({ name }) => name),
      ["desk"],
    );
  });

  it("finds a peer by name and by id, and says what is near a name that is not there", async () => {
    const { peerId } = await pair.you.status();
    assert.equal((await pair.me.peer(peerId).show()).name, "desk");
    await assert.rejects(pair.me.peer("dsk").show(), { code: "not-found", hint: "Did you mean desk?" });
    await assert.rejects(pair.me.peer("").message("x"), fails("not-found"));
  });

  it("renames a peer, and refuses a name that can't be one", async () => {
    assert.equal((await pair.me.peer("desk").rename("office")).name, "office");
    await assert.rejects(pair.me.peer("desk").show(), fails("not-found"));
    await assert.rejects(pair.me.peer("office").rename("../x"), fails("bad-argument"));
    assert.equal((await pair.me.peer("office").rename("desk")).name, "desk");
  });

  it("takes a ticket once, and withdraws what is disposed of", async () => {
    await assert.rejects(pair.you.join("covey1nonsense"), fails("ticket-invalid"));
    const invitation = await pair.me.invite({ ttlMs: 60_000 });
    const waiting = assert.rejects(invitation.done, fails("ticket-invalid"));
    await invitation[Symbol.asyncDispose]();
    await waiting;
    await assert.rejects(pair.you.join(invitation.ticket), fails("ticket-invalid"));
  });
}
