// What is served to programs without covey.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";

import type { ServingHandle } from "../../control/covey.ts";
import type { Address } from "../../core/ids.ts";
import type { Serving, ServingEvent } from "../../gateway/contract.ts";
import { tcpTransport } from "../../transport/tcp.ts";
import { eventually, fails, nextOf, type ContractPair } from "./kit.ts";

const here = { listen: "tcp://127.0.0.1:0" } as const;

export function servingContract(pair: ContractPair): void {
  it("serves a directory to browsers, and tells what was asked for", async () => {
    const directory = join(pair.directory, "served");
    await mkdir(directory);
    await writeFile(join(directory, "hello.txt"), "hello\n");
    await using handle = await pair.me.serve({ directory, ...here });
    assert.deepEqual(await pair.me.servings(), [handle.serving]);
    assert.equal((await pair.me.status()).servings, 1);
    const events = handle.events()[Symbol.asyncIterator]();
    const answer = await fetch(`${handle.serving.urls[0]!}hello.txt`);
    assert.deepEqual([answer.status, await answer.text()], [200, "hello\n"]);
    const asked = await nextOf(events);
    assert.ok(asked.type === "request", asked.type);
    assert.deepEqual([asked.method, asked.path, asked.status, asked.bytes], ["GET", "/hello.txt", 200, 6]);
    assert.match(asked.from, /^127\.0\.0\.1:\d+$/);
  });

  it("serves a list as text, which is the peers' data too", async () => {
    await using handle = await pair.me.serve({ list: { peer: "desk", key: "served", writable: true }, ...here });
    assert.equal(await ask(handle, "update_data,milk,eggs"), "update_ack");
    const there = pair.you.peer("laptop").data();
    await eventually(async () => (await there.get("served")) !== undefined);
    await there.set("served", ["bread"]);
    await eventually(async () => (await ask(handle, "get_data")) === "bread");
    const events = await taken(handle, 2);
    assert.deepEqual(
      events.map((event) => event.type === "list" && [event.action, event.count, event.refused]),
      [
        ["update", 2, undefined],
        ["get", events[1]!.type === "list" ? events[1]!.count : -1, undefined],
      ],
    );
  });

  it("hears guests, shows what they wrote until it is read, and writes back to who is still there", async () => {
    await using handle = await pair.me.serve({ reply: "heard", ...here });
    const { duplex } = await tcpTransport.dial(handle.serving.address!, new AbortController().signal);
    let said = "";
    duplex.on("data", (part: Buffer) => (said += part.toString()));
    duplex.write("is anybody there?");
    await eventually(async () => said === "heard");
    const [event] = await taken(handle, 1);
    assert.ok(event?.type === "message", event?.type);
    assert.equal(event.text, "is anybody there?");
    const { guest } = event;
    assert.deepEqual((await pair.me.servings()).find(({ id }) => id === handle.serving.id)?.guests, [guest]);

    const unread = (await pair.me.inbox()).guests.filter((message) => message.guest === guest);
    assert.deepEqual(
      unread.map((message) => message.text),
      ["is anybody there?"],
    );
    assert.deepEqual(await pair.me.guestMessages({ guest }), unread);
    assert.deepEqual(await pair.me.guestMessages({ limit: 1 }), unread);
    await pair.me.markGuestsRead(unread.map(({ id }) => id));
    assert.deepEqual((await pair.me.inbox()).guests, []);

    await pair.me.tellGuest(guest, "yes");
    await eventually(async () => said === "heardyes");
    duplex.destroy();
    await eventually(async () =>
      pair.me.tellGuest(guest, "still?").then(
        () => false,
        (error: unknown) => fails("not-found")(error),
      ),
    );
    await assert.rejects(pair.me.tellGuest("guest-999999", "hi"), fails("not-found"));
    await assert.rejects(pair.me.tellGuest(guest, ""), fails("bad-argument"));
  });

  it("refuses what goes not together, what is taken, and what is not there", async () => {
    await using one = await pair.me.serve({ reply: "one", ...here });
    await assert.rejects(pair.me.serve({ reply: "two", listen: one.serving.address! }), fails("conflict"));
    await assert.rejects(pair.me.serve({ directory: pair.directory, greeting: "hi" }), fails("conflict"));
    await assert.rejects(pair.me.serve({}), fails("bad-argument"));
    await assert.rejects(pair.me.serve({ directory: "relative" }), fails("bad-argument"));
    await assert.rejects(pair.me.serve({ directory: join(pair.directory, "nothing") }), fails("not-found"));
    await assert.rejects(pair.me.serve({ list: { peer: "nobody", key: "x" } }), fails("not-found"));
    await assert.rejects(pair.me.unserve("nothing"), fails("not-found"));
    assert.deepEqual(
      (await pair.me.servings()).map(({ id }) => id),
      [one.serving.id],
    );
  });

  it("has a serving end with its handle, with its signal, or when it is removed", async () => {
    const open = async (signal?: AbortSignal): Promise<ServingHandle> =>
      pair.me.serve({ reply: "ok", ...here, ...(signal === undefined ? {} : { signal }) });

    const disposed = await open();
    await disposed[Symbol.asyncDispose]();
    assert.deepEqual(await pair.me.servings(), []);
    assert.equal(await listens(disposed.serving), false);
    assert.deepEqual(await Array.fromAsync(disposed.events()), []);
    await disposed[Symbol.asyncDispose]();

    const removed = await open();
    const events = Array.fromAsync(removed.events());
    await pair.me.unserve(removed.serving.id);
    assert.deepEqual(await events, []);
    await removed[Symbol.asyncDispose]();

    const reason = new Error("enough");
    const enough = new AbortController();
    const aborted = await open(enough.signal);
    const following = assert.rejects(Array.fromAsync(aborted.events()), reason);
    enough.abort(reason);
    await following;
    await eventually(async () => (await pair.me.servings()).length === 0);
    await assert.rejects(open(enough.signal), reason);
    assert.deepEqual(await pair.me.servings(), []);
  });

  it("keeps what is kept until it is removed", async () => {
    const handle = await pair.me.serve({ reply: "kept", keep: true, token: true, ...here });
    await handle[Symbol.asyncDispose]();
    assert.deepEqual(await pair.me.servings(), [handle.serving]);
    assert.match(await ask(handle, handle.serving.token!), /^token_ack/);
    assert.match(await ask(handle, "hello"), /^refused: /);
    await pair.me.unserve(String(handle.serving.number));
    assert.equal(await listens(handle.serving), false);
  });

  it("tells one reader at a time, who may stop and go on", async () => {
    await using handle = await pair.me.serve({ list: { key: "nothing here" }, ...here });
    for (const _ of [1, 2, 3]) await ask(handle, "get_data\n");
    const seen: ServingEvent[] = [];
    for await (const event of handle.events()) {
      seen.push(event);
      await assert.rejects(Array.fromAsync(handle.events()), fails("conflict"));
      break;
    }
    const reason = new Error("enough");
    const enough = new AbortController();
    await assert.rejects(async () => {
      for await (const event of handle.events({ signal: enough.signal })) {
        seen.push(event);
        if (seen.length === 3) setTimeout(() => enough.abort(reason), 20);
      }
    }, reason);
    await ask(handle, "get_data\n");
    seen.push(...(await taken(handle, 1)));
    assert.deepEqual(
      seen.map(({ type }) => type),
      ["list", "list", "list", "list"],
    );
    assert.equal(new Set(seen.map((event) => event.type === "list" && event.from)).size, 4);
  });
}

/** Sends one message, ends, and resolves to all that comes back. */
async function ask({ serving }: ServingHandle, message: string): Promise<string> {
  const { duplex } = await tcpTransport.dial(serving.address!, new AbortController().signal);
  duplex.end(message);
  let answer = "";
  for await (const part of duplex) answer += (part as Buffer).toString();
  return answer;
}

async function taken(handle: ServingHandle, count: number): Promise<readonly ServingEvent[]> {
  const events: ServingEvent[] = [];
  for await (const event of handle.events()) if (events.push(event) === count) break;
  return events;
}

const listens = ({ address }: Serving): Promise<boolean> =>
  tcpTransport.dial(address as Address, new AbortController().signal).then(
    ({ duplex }) => Boolean(duplex.destroy()),
    () => false,
  );
