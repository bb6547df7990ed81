// What every Covey does, whoever made it: `open` and `connect` are both held to this. Two peers over loopback, nothing in between.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import type { Covey } from "../control/covey.ts";
import { dataContract } from "./contract/data.ts";
import { filesContract } from "./contract/files.ts";
import { eventually, fails, secondOf, type ContractPair } from "./contract/kit.ts";
import { messagesContract } from "./contract/messages.ts";
import { peersContract } from "./contract/peers.ts";
import { servingContract } from "./contract/serving.ts";
import { streamsContract } from "./contract/streams.ts";

/** Makes a Covey with an empty home, listening on loopback; the suite closes it, and then calls `end`. */
export type CoveyMaker = (options: {
  readonly home: string;
  readonly name: string;
}) => Promise<{ covey: Covey; end(): Promise<void> }>;

/** The same assertions for every maker; `other` makes the second peer. */
export function coveyContract(title: string, make: CoveyMaker, other: CoveyMaker): void {
  describe(title, () => {
    let directory: string;
    let me: Covey;
    let you: Covey;
    const ends: (() => Promise<void>)[] = [];

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), "covey-contract-"));
      const started = await Promise.all([
        make({ home: join(directory, "me"), name: "laptop" }),
        other({ home: join(directory, "you"), name: "desk" }),
      ]);
      ends.push(...started.map((one) => () => one.end()));
      [me, you] = started.map(({ covey }) => covey) as [Covey, Covey];
      const invitation = await me.invite({ mine: false });
      const link = await you.join(invitation.ticket, { as: "laptop" });
      const back = await invitation.done;
      assert.equal(link.name, "laptop");
      assert.equal(back.name, "desk");
      await eventually(async () => (await me.peer("desk").show()).session !== undefined);
    });

    after(async () => {
      await Promise.all([me?.close(), you?.close()]);
      await Promise.all(ends.map((end) => end()));
      await rm(directory, { recursive: true, force: true });
    });

    const pair: ContractPair = {
      get me() {
        return me;
      },
      get you() {
        return you;
      },
      get directory() {
        return directory;
      },
    };
    peersContract(pair);
    messagesContract(pair);
    dataContract(pair);
    filesContract(pair);
    streamsContract(pair);
    servingContract(pair);

    it("throws the signal's reason, before and during a call", async () => {
      const reason = new Error("changed my mind");
      await assert.rejects(me.status({ signal: AbortSignal.abort(reason) }), reason);
      await assert.rejects(me.data().get("x", { signal: AbortSignal.abort(reason) }), reason);
      const during = new AbortController();
      const stuck = secondOf(me.data().watch("never", { after: undefined, signal: during.signal }));
      await me.status();
      during.abort(reason);
      await assert.rejects(stuck, reason);
    });

    it("ends everything with `closed` when it is closed", async () => {
      const { covey, end } = await make({ home: join(directory, "third"), name: "third" });
      const stuck = assert.rejects(secondOf(covey.data().watch("x")), fails("closed"));
      const registration = await covey.handle("x", {}, async () => {});
      const serving = await covey.serve({ reply: "ok", listen: "tcp://127.0.0.1:0" });
      const following = assert.rejects(Array.fromAsync(serving.events()), fails("closed"));
      await covey.close();
      await stuck;
      await following;
      await serving[Symbol.asyncDispose]();
      assert.equal(await registration.closed, undefined);
      await assert.rejects(covey.status(), fails("closed"));
      await covey.close();
      await end();
    });

    it("removes a peer, who is then unknown", async () => {
      await me.peer("desk").remove();
      assert.deepEqual(await me.peers(), []);
      await assert.rejects(me.peer("desk").message("x"), fails("not-found"));
    });
  });
}
