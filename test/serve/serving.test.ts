// Servings of a peer: what may be served, on which port, how long, and what comes back after a restart.

import assert from "node:assert/strict";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import type { ServeOptions, ServingHandle } from "../../src/index.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { ask, eventually, fails, occupy, place, portOf, refusesConnections, visitor } from "./kit.ts";

const leaks = leakCheck();
after(leaks);

const here = { listen: "tcp://127.0.0.1:0" } as const;

test("what goes not together, or means nothing, is refused before anything listens", async () => {
  await using at = await place();
  await using me = await at.host();
  const file = join(at.path, "file");
  await writeFile(file, "x");
  const wrong: readonly (readonly [options: ServeOptions, code: string, message: RegExp])[] = [
    [{}, "bad-argument", /nothing is said/],
    [{ directory: at.path, greeting: "hi" }, "conflict", /greeting and files/],
    [{ directory: at.path, upload: true, greeting: "hi" }, "conflict", /greeting and files/],
    [{ upload: true, reply: "ok" }, "bad-argument", /where files are served/],
    [{ close: true, reply: "ok" }, "bad-argument", /nothing to say/],
    [{ greeting: "hi", close: true, token: true }, "conflict", /sent away/],
    [{ greeting: "hi", close: true, list: { key: "todo" } }, "conflict", /sent away/],
    [{ directory: at.path, lan: true, listen: "tcp://127.0.0.1:0" }, "conflict", /says where to listen/],
    [{ greeting: "" }, "bad-argument", /empty greeting/],
    [{ reply: "x".repeat(LIMITS.textMessageBytes + 1) }, "limit", /bytes/],
    [{ reply: "ok", perAddress: LIMITS.gatewayConnections + 1 }, "bad-argument", /connections/],
    [{ reply: "ok", perAddress: 0 }, "bad-argument", /perAddress/],
    [{ reply: "ok", listen: "127.0.0.1" }, "bad-argument", /not a TCP address/],
    [{ reply: "ok", listen: "tcp://203.0.113.77:0" }, "bad-argument", /no address of this device/],
    [{ directory: "relative" }, "bad-argument", /not absolute/],
    [{ directory: join(at.path, "nothing") }, "not-found", /nothing/],
    [{ directory: file }, "bad-argument", /not a directory/],
    [{ directory: join(at.path, "laptop") }, "bad-argument", /home of a covey peer/],
    [{ list: { peer: "nobody", key: "todo" } }, "not-found", /nobody/],
    [{ list: { key: "" } }, "bad-argument", /key/],
  ];
  for (const [options, code, message] of wrong) {
    await assert.rejects(me.serve({ ...here, ...options }), (error) => {
      assert.ok(fails(code, message)(error));
      assert.notEqual((error as { hint?: string }).hint, undefined, `no hint: ${String(error)}`);
      return true;
    });
  }
  assert.deepEqual(await me.servings(), []);
});

test("two servings on one port: the second is told that it is taken", async () => {
  await using at = await place();
  await using me = await at.host();
  await using one = await me.serve({ reply: "one", ...here });
  const { address } = one.serving;
  await assert.rejects(me.serve({ reply: "two", listen: address! }), fails("conflict", /another program listens/));
  assert.equal(await ask(portOf(one.serving), "hello"), "one");
});

test("without an address the usual port is taken, or any other when somebody has it", async () => {
  await using at = await place();
  await using me = await at.host();
  await using one = await me.serve({ reply: "one" });
  await using two = await me.serve({ reply: "two" });
  assert.notEqual(portOf(one.serving), portOf(two.serving));
  assert.equal(await ask(portOf(two.serving), "hello"), "two");
  assert.match(one.serving.address!, /^tcp:\/\/127\.0\.0\.1:/);
  await using three = await me.serve({ reply: "three", lan: true });
  assert.match(three.serving.address!, /^tcp:\/\/\*:/);
});

test("there are so many servings; one that has ended gives its place back", async () => {
  await using at = await place();
  await using me = await at.host();
  const all: ServingHandle[] = [];
  for (let n = 1; n <= LIMITS.gatewayServings; n++) all.push(await me.serve({ reply: "ok", ...here }));
  assert.deepEqual(
    (await me.servings()).map(({ number }) => number),
    all.map((_, i) => i + 1),
  );
  await assert.rejects(me.serve({ reply: "ok", ...here }), fails("limit"));
  await all[3]![Symbol.asyncDispose]();
  await using last = await me.serve({ reply: "ok", ...here });
  assert.equal(last.serving.number, LIMITS.gatewayServings + 1);
});

test("what is kept comes back with its number, its port and its token; the rest has ended", async () => {
  await using at = await place();
  let kept, token, other;
  {
    await using me = await at.host();
    await using _ = await me.serve({ reply: "passing", ...here });
    const list = { key: "todo", writable: true };
    ({ serving: kept } = await me.serve({ reply: "still here", directory: at.path, upload: true, list, keep: true }));
    ({ serving: token } = await me.serve({ reply: "psst", token: true, keep: true, perAddress: 3 }));
    ({ serving: other } = await me.serve({ greeting: "hi", close: true, keep: true, listen: "tcp://*:0" }));
  }
  assert.ok(await refusesConnections(portOf(kept)));
  await using me = await at.host();
  assert.deepEqual(await me.servings(), [kept, token, other]);
  assert.equal(await ask(portOf(kept), "hello"), "still here");
  assert.equal(await ask(portOf(other), ""), "hi");
  await using next = await me.serve({ reply: "ok", ...here });
  assert.equal(next.serving.number, 5);

  await me.unserve(kept.id);
  await me.unserve("3");
  await assert.rejects(me.unserve("3"), fails("not-found"));
  assert.ok(await refusesConnections(portOf(kept)));
  await me.close();
  await using again = await at.host();
  assert.deepEqual(
    (await again.servings()).map(({ number }) => number),
    [4],
  );
});

test("a kept one whose port is taken says so, and comes up when the port is free", async () => {
  await using at = await place();
  const me = await at.host();
  const { serving } = await me.serve({ reply: "ok", keep: true, ...here });
  await me.close();
  await using thief = await occupy(portOf(serving));
  await using again = await at.host();
  const [down] = await again.servings();
  assert.match(down!.problem!, /another program listens on tcp:\/\/127\.0\.0\.1:\d+ already/);
  assert.deepEqual([down!.address, down!.urls, down!.number], [undefined, [], serving.number]);
  assert.ok((await again.status()).warnings.some((warning) => warning.includes(down!.problem!)));
  await thief[Symbol.asyncDispose]();
  await eventually(async () => (await again.servings())[0]!.problem === undefined);
  assert.deepEqual(await again.servings(), [serving]);
  assert.equal(await ask(portOf(serving), "hello"), "ok");
});

test("one that can't be served can be removed, and a closing peer waits for none", async () => {
  await using at = await place();
  const me = await at.host();
  const servings = [await me.serve({ reply: "ok", keep: true, ...here }), await me.serve({ reply: "ok", keep: true, ...here })];
  await me.close();
  await using thieves = new AsyncDisposableStack();
  for (const { serving } of servings) thieves.use(await occupy(portOf(serving)));
  await using again = await at.host();
  await again.unserve("1");
  assert.equal((await again.servings()).length, 1);
  await again.close();
});

test("a kept directory that is not there at the start is a problem until it is there again", async () => {
  await using at = await place();
  const photos = join(at.path, "photos");
  await mkdir(photos);
  const me = await at.host();
  const { serving } = await me.serve({ directory: photos, keep: true, ...here });
  await me.close();
  await rename(photos, `${photos} elsewhere`);
  await using again = await at.host();
  assert.match((await again.servings())[0]!.problem!, /photos.*no such file or directory/);
  assert.ok(await refusesConnections(portOf(serving)));
  await rename(`${photos} elsewhere`, photos);
  await eventually(async () => (await again.servings())[0]!.problem === undefined);
  assert.deepEqual(await again.servings(), [serving]);
});

test("a directory that goes away while it is served is absent, and there again when it is back", async () => {
  await using at = await place();
  const photos = join(at.path, "photos");
  await mkdir(photos);
  await writeFile(join(photos, "x"), "here");
  await using me = await at.host();
  await using handle = await me.serve({ directory: photos, ...here });
  const url = `${handle.serving.urls[0]!}x`;
  const get = async (): Promise<readonly [number, string]> => {
    const answer = await fetch(url);
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await get(), [200, "here"]);
  await rename(photos, `${photos} elsewhere`);
  assert.equal((await get())[0], 404);
  await rename(`${photos} elsewhere`, photos);
  assert.deepEqual(await get(), [200, "here"]);
});

test("removing it cuts its connections, and its reader comes to an end", async () => {
  await using at = await place();
  await using me = await at.host();
  await using handle = await me.serve({ reply: "ok", ...here });
  const guests = [await visitor(portOf(handle.serving)), await visitor(portOf(handle.serving))];
  guests[0]!.socket.write("hello");
  await eventually(() => guests[0]!.heard() === "ok");
  assert.equal((await me.servings())[0]!.connections, 2);
  const events = Array.fromAsync(handle.events());
  await me.unserve(String(handle.serving.number));
  await Promise.all(guests.map(({ closed }) => closed));
  assert.deepEqual(
    (await events).map(({ type }) => type),
    ["message"],
  );
});

test("a list of a peer that is removed is neither told nor changed any more", async () => {
  await using at = await place();
  await using me = await at.host();
  await using desk = await at.host("desk");
  await using invitation = await me.invite({ as: "desk" });
  await desk.join(invitation.ticket, { as: "laptop" });
  await invitation.done;
  await using handle = await me.serve({ list: { peer: "desk", key: "todo", writable: true }, ...here });
  const port = portOf(handle.serving);
  assert.equal(await ask(port, "update_data,milk,eggs"), "update_ack");
  await eventually(async () => (await desk.peer("laptop").data().get("todo")) !== undefined);
  await desk.peer("laptop").data().set("todo", ["bread"]);
  await eventually(async () => (await ask(port, "get_data")) === "bread");
  await me.peer("desk").remove();
  assert.match(await ask(port, "get_data"), /^refused: .*not paired any more/);
  assert.match(await ask(port, "update_data,gone"), /^refused: .*not paired any more/);
});

test("a reader that does not read is told how much it missed", async () => {
  await using at = await place();
  await using me = await at.host();
  await using handle = await me.serve({ list: { key: "todo" }, ...here });
  const guest = await visitor(portOf(handle.serving));
  const asked = LIMITS.gatewayEvents + 300;
  guest.socket.write("get_data\n".repeat(asked));
  await eventually(() => guest.heard().length === asked);
  let events = 0;
  for await (const event of handle.events()) {
    if (event.type === "missed") assert.deepEqual([events, event.count], [0, 300]);
    else if (++events === LIMITS.gatewayEvents) break;
  }
  guest.socket.destroy();
});

test("whoever asks for far more at once than one connection may is cut, and gives its place back", async () => {
  await using at = await place();
  await using me = await at.host();
  await using served = await me.serve({ directory: at.path, ...here });
  const request = "GET / HTTP/1.1\r\nHost: elsewhere\r\nUser-Agent: x\r\nConnection: keep-alive\r\n\r\n";
  const { socket, closed } = await visitor(portOf(served.serving));
  socket.write(request.repeat(3 * LIMITS.gatewayRequests));
  await closed;
  await eventually(async () => (await me.servings())[0]!.connections === 0);
});

test("256 are served at once, each its own", async () => {
  await using at = await place();
  await using me = await at.host();
  await me.data().set("todo", ["milk", "eggs"]);
  await using handle = await me.serve({ list: { key: "todo" }, perAddress: 256, ...here });
  const port = portOf(handle.serving);
  const guests = await Promise.all(Array.from({ length: 256 }, () => visitor(port)));
  await eventually(async () => (await me.servings())[0]!.connections === 256);
  assert.match(await ask(port, "get_data"), /^refused: there are too many connections/);
  for (const { socket } of guests) socket.write("get_data\n");
  await eventually(() => guests.every(({ heard }) => heard() === "milk,eggs\n"));
  for (const { socket } of guests) socket.destroy();
});

test("this device's own list may be named as such", async () => {
  await using at = await place();
  await using me = await at.host();
  await using handle = await me.serve({ list: { peer: "self", key: "todo", writable: true }, ...here });
  assert.equal(await ask(portOf(handle.serving), "update_data,milk"), "update_ack");
  assert.deepEqual((await me.data().get("todo"))?.value, ["milk"]);
});

test("what only looks like the beginning of a request is a message once its sender has ended", async () => {
  await using at = await place();
  await using me = await at.host();
  await using handle = await me.serve({ reply: "heard", ...here });
  for (const text of ["G", "GET", "PRI", "\x16"]) assert.equal(await ask(portOf(handle.serving), text), "heard");
  assert.deepEqual(
    (await me.guestMessages()).map(({ text }) => text),
    ["G", "GET", "PRI", "\x16"],
  );
});

test("a guest is told where it is, whichever serving that is", async () => {
  await using at = await place();
  await using me = await at.host();
  await using one = await me.serve({ reply: "one", ...here });
  await using two = await me.serve({ greeting: "welcome ", reply: "two", ...here });
  const guests = [await visitor(portOf(one.serving)), await visitor(portOf(two.serving))];
  for (const { socket } of guests) socket.write("hello");
  await eventually(() => guests[0]!.heard() === "one" && guests[1]!.heard() === "welcome two");
  const names = (await me.servings()).map((serving) => serving.guests);
  assert.deepEqual(
    names.map(({ length }) => length),
    [1, 1],
  );
  for (const [name] of names) await me.tellGuest(name!, `, ${name}`);
  await eventually(() => guests[0]!.heard() === `one, ${names[0]![0]}` && guests[1]!.heard() === `welcome two, ${names[1]![0]}`);
  await one[Symbol.asyncDispose]();
  await assert.rejects(me.tellGuest(names[0]![0]!, "still?"), fails("not-found"));
  await assert.rejects(me.tellGuest(names[1]![0]!, ""), fails("bad-argument"));
  await assert.rejects(me.tellGuest(names[1]![0]!, "x".repeat(LIMITS.textMessageBytes + 1)), fails("limit"));
  guests[1]!.socket.destroy();
});

test("an opening that is aborted, at whatever moment, leaves nothing, kept or not", async () => {
  await using at = await place();
  await using me = await at.host();
  const reason = new Error("changed my mind");
  const outcomes = { opened: 0, aborted: 0 };
  for (let turns = 0; turns < 70; turns++) {
    const enough = new AbortController();
    const opening = me.serve({ directory: at.path, keep: turns % 2 === 0, signal: enough.signal, ...here }).then(
      async (handle) => {
        outcomes.opened++;
        await me.unserve(handle.serving.id);
      },
      (error: unknown) => {
        outcomes.aborted++;
        assert.equal(error, reason);
      },
    );
    for (let turn = 0; turn < turns / 2; turn++) await new Promise(setImmediate);
    enough.abort(reason);
    await opening.catch((error: unknown) => assert.ok(fails("not-found")(error)));
    // What was given up is still being ended, and has its place until then.
    await me.data().set("turn", turns);
  }
  assert.ok(outcomes.opened > 0 && outcomes.aborted > 0, JSON.stringify(outcomes));
  await eventually(async () => (await me.servings()).length === 0);
  await me.close();
  await using again = await at.host();
  assert.deepEqual(await again.servings(), []);
});
