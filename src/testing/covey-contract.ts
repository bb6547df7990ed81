// What every Covey does, whoever made it: `open` and `connect` are both held to this. Two peers over loopback, nothing in between.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import type { Covey } from "../control/covey.ts";
import type { CoveyError, ErrorCode } from "../core/errors.ts";

/** Makes a Covey with an empty home, listening on loopback; the suite closes it, and then calls `end`. */
export type CoveyMaker = (options: {
  readonly home: string;
  readonly name: string;
}) => Promise<{ covey: Covey; end(): Promise<void> }>;

const fails = (code: ErrorCode) => (error: unknown) => {
  assert.equal((error as CoveyError).code, code, String(error));
  return true;
};

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

    it("tells its status in plain JSON", async () => {
      const status = await me.status();
      assert.deepEqual(status, JSON.parse(JSON.stringify(status)));
      assert.equal(status.name, "laptop");
      assert.equal(status.home, join(directory, "me"));
      assert.deepEqual(
        status.peers.map(({ name }) => name),
        ["desk"],
      );
    });

    it("finds a peer by name and by id, and says what is near a name that is not there", async () => {
      const { peerId } = await you.status();
      assert.equal((await me.peer(peerId).show()).name, "desk");
      await assert.rejects(me.peer("dsk").show(), { code: "not-found", hint: "Did you mean desk?" });
      await assert.rejects(me.peer("").message("x"), fails("not-found"));
    });

    it("renames a peer, and refuses a name that can't be one", async () => {
      assert.equal((await me.peer("desk").rename("office")).name, "office");
      await assert.rejects(me.peer("desk").show(), fails("not-found"));
      await assert.rejects(me.peer("office").rename("../x"), fails("bad-argument"));
      assert.equal((await me.peer("office").rename("desk")).name, "desk");
    });

    it("sends messages, lists them, marks them read", async () => {
      const sent = await me.peer("desk").message("lunch?");
      assert.equal(sent.text, "lunch?");
      await eventually(async () => (await you.inbox()).messages.some(({ id }) => id === sent.id));
      const { messages } = await you.inbox();
      assert.deepEqual(
        messages.map(({ peer, text, state }) => ({ peer, text, state })),
        [{ peer: "laptop", text: "lunch?", state: "delivered" }],
      );
      assert.equal((await you.status()).unread, 1);
      assert.deepEqual(await you.peer("laptop").unread(), await you.peer("laptop").messages());
      await you.peer("laptop").markRead({ shown: [] });
      assert.equal((await you.status()).unread, 1);
      await you.peer("laptop").markRead({ shown: [sent.id] });
      assert.deepEqual((await you.inbox()).messages, []);
      assert.equal((await you.status()).unread, 0);
      await eventually(async () => (await me.peer("desk").messages({ limit: 1 }))[0]?.state === "read");
      await assert.rejects(me.peer("desk").message(""), fails("bad-argument"));
      await assert.rejects(me.peer("desk").message("x".repeat(70_000)), fails("limit"));
      await assert.rejects(me.peer("desk").messages({ limit: 0 }), fails("bad-argument"));
    });

    it("tells messages as they come, after a cursor too", async () => {
      const ending = new AbortController();
      const events = you.peer("laptop").watchMessages({ signal: ending.signal })[Symbol.asyncIterator]();
      const began = await nextOf(events);
      assert.equal(began.type, "now");
      const first = nextOf(events);
      const sent = await me.peer("desk").message("now");
      const event = await first;
      assert.equal(event.type === "message" ? event.message.id : undefined, sent.id);
      ending.abort(new Error("enough"));
      await assert.rejects(events.next(), /enough/);

      const later = await me.peer("desk").message("later");
      for (const [cursor, id] of [
        [began.cursor, sent.id],
        [event.cursor, later.id],
      ] as const) {
        for await (const next of you.peer("laptop").watchMessages({ after: cursor, signal: AbortSignal.timeout(10_000) })) {
          if (next.type !== "message") continue;
          assert.equal(next.message.id, id);
          break;
        }
      }
    });

    it("keeps data here and with a peer, with versions and prefixes", async () => {
      assert.equal(await me.data().get("todo"), undefined);
      const item = await me.data().set("todo/1", { milk: 1, list: [true, null, "é"] });
      assert.deepEqual((await me.data().get("todo/1"))?.value, { milk: 1, list: [true, null, "é"] });
      await assert.rejects(me.data().set("todo/1", 2, { ifVersion: null }), fails("conflict"));
      assert.equal((await me.data().set("todo/1", 2, { ifVersion: item.version })).value, 2);
      await me.data().setMany([
        { key: "many/1", value: 1 },
        { key: "many/2", value: 2 },
      ]);
      assert.deepEqual(
        (await me.data().list("many")).map(({ key, value }) => [key, value]),
        [
          ["many/1", 1],
          ["many/2", 2],
        ],
      );
      assert.equal((await me.data().list("many", { limit: 1, after: "many/1" }))[0]?.key, "many/2");
      assert.equal(await me.data().remove("todo/1"), true);
      assert.equal(await me.data().remove("todo/1"), false);
      assert.deepEqual(await me.data().conflicts(), []);
      await me.peer("desk").data().set("shared", "value");
      await eventually(async () => (await you.peer("laptop").data().get("shared"))?.value === "value");
      assert.equal(await you.data().get("shared"), undefined);
    });

    it("refuses values that JSON can't say, instead of changing them", async () => {
      const cycle: Record<string, unknown> = {};
      cycle["self"] = cycle;
      const wrong = [Number.NaN, undefined, new Date(), new Map(), Array(2), { at: { deep: 1n } }, () => 1];
      for (const value of wrong) await assert.rejects(me.data().set("k", value as never), fails("bad-argument"));
      await assert.rejects(me.data().set("k", cycle as never), fails("limit"));
      await assert.rejects(me.data().setMany([{ key: "k", value: Number.POSITIVE_INFINITY }]), fails("bad-argument"));
      assert.equal(await me.data().get("k"), undefined);
    });

    it("watches data from the moment the watch began", async () => {
      const ending = new AbortController();
      const events = you.peer("laptop").data().watch("w", { signal: ending.signal })[Symbol.asyncIterator]();
      assert.equal((await nextOf(events)).type, "now");
      const first = nextOf(events);
      await me.peer("desk").data().set("w/1", 1);
      const event = await first;
      assert.equal(event.type === "set" ? event.item.key : undefined, "w/1");
      const second = nextOf(events);
      await me.peer("desk").data().remove("w/1");
      assert.equal((await second).type, "remove");
      // Leaving a watch ends it: nothing is thrown, and nothing comes any more.
      await events.return?.();
      assert.equal((await events.next()).done, true);
    });

    it("sends a file: offered, accepted, verified", async () => {
      const content = randomBytes(3_000_001);
      const path = join(directory, "photo.jpg");
      const into = join(directory, "taken");
      await mkdir(into);
      await writeFile(path, content);
      await using job = await me.peer("desk").send(path);
      assert.deepEqual(
        [job.offer.name, job.offer.size, job.offer.peerName, job.offer.direction],
        ["photo.jpg", 3_000_001, "desk", "out"],
      );
      for await (const offer of you.incoming({ signal: AbortSignal.timeout(10_000) })) {
        assert.equal(offer.peerName, "laptop");
        await you.accept(String(offer.number), { into, size: offer.size });
        break;
      }
      const states: string[] = [];
      for await (const { offer } of job.progress()) states.push(offer.state);
      assert.equal(states.at(-1), "done");
      const done = await job.done;
      assert.equal(done.doneBytes, 3_000_001);
      assert.deepEqual(await readFile(join(into, "photo.jpg")), content);
      assert.ok((await you.transfers()).some(({ offer, path: at }) => offer.state === "done" && at === join(into, "photo.jpg")));
    });

    it("hears of a file that is declined, and of one that is taken back", async () => {
      const path = join(directory, "unwanted");
      await writeFile(path, "x");
      await using job = await me.peer("desk").send(path);
      const declined = assert.rejects(job.done, fails("declined"));
      await eventually(async () => (await you.inbox()).offers.some(({ id }) => id === job.offer.id));
      await you.decline(job.offer.id);
      await declined;

      await using second = await me.peer("desk").send(path);
      const withdrawn = assert.rejects(second.done, fails("declined"));
      await me.cancel(String(second.offer.number));
      await withdrawn;
    });

    it("refuses paths that are not absolute, files that are not there, offers that nobody made", async () => {
      await assert.rejects(me.peer("desk").send("photo.jpg"), fails("bad-argument"));
      await assert.rejects(me.peer("desk").send(join(directory, "nothing")), fails("not-found"));
      await assert.rejects(me.accept("999", { into: directory }), fails("not-found"));
      await assert.rejects(me.decline("no such offer"), fails("not-found"));
      await assert.rejects(async () => {
        for await (const _ of me.watchTransfer("999"));
      }, fails("not-found"));
    });

    it("takes a ticket once, and withdraws what is disposed of", async () => {
      await assert.rejects(you.join("covey1nonsense"), fails("ticket-invalid"));
      const invitation = await me.invite({ ttlMs: 60_000 });
      const waiting = assert.rejects(invitation.done, fails("ticket-invalid"));
      await invitation[Symbol.asyncDispose]();
      await waiting;
      await assert.rejects(you.join(invitation.ticket), fails("ticket-invalid"));
    });

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
      await covey.status();
      await covey.close();
      await stuck;
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

/** Polls until it holds; the test's own time limit ends one that never does. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function nextOf<Item>(items: AsyncIterator<Item>): Promise<Item> {
  const { done, value } = (await items.next()) as IteratorResult<Item, undefined>;
  if (done === true) throw new assert.AssertionError({ message: "it ended instead" });
  return value;
}

/** What comes after the first item, however long that takes. */
async function secondOf<T>(items: AsyncIterable<T>): Promise<T> {
  const iterator = items[Symbol.asyncIterator]();
  await nextOf(iterator);
  return nextOf(iterator);
}
