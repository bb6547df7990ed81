// The text protocol, spoken by real sockets with a serving of a real peer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import type { Covey, GuestMessage, ServeOptions, ServingEvent } from "../../src/index.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { ask, eventually, fails, place, portOf, type Place } from "./kit.ts";
import { pause, textClient } from "./text-client.ts";

const leaks = leakCheck();
let at: Place;
let me: Covey;

before(async () => {
  at = await place();
  me = await at.host();
});

after(async () => {
  await me.close();
  await at[Symbol.asyncDispose]();
  await leaks();
});

interface Served extends AsyncDisposable {
  readonly port: number;
  readonly token: string | undefined;
  readonly events: readonly ServingEvent[];
  /** What happened there, without when and from where. */
  told(): readonly object[];
}

async function serve(options: ServeOptions): Promise<Served> {
  const handle = await me.serve({ listen: "tcp://127.0.0.1:0", ...options });
  const events: ServingEvent[] = [];
  const ended = (async () => {
    for await (const event of handle.events()) events.push(event);
  })().catch(() => {});
  return {
    port: portOf(handle.serving),
    token: handle.serving.token,
    events,
    told: () =>
      events.flatMap((event) => {
        if (event.type === "serving" || event.type === "missed") return [];
        const { atMs, from, ...rest } = event;
        assert.ok(atMs > 0);
        assert.match(from, /^127\.0\.0\.1:\d+$/);
        return [rest];
      }),
    async [Symbol.asyncDispose]() {
      await handle[Symbol.asyncDispose]();
      await ended;
    },
  };
}

const textsOf = (messages: readonly GuestMessage[]): readonly string[] => messages.map(({ text }) => text);
const newest = async (limit: number): Promise<readonly string[]> => textsOf(await me.guestMessages({ limit }));
const valueOf = async (key: string): Promise<unknown> => (await me.data().get(key))?.value;

test("a message is heard, told, in the inbox, and answered as it was ended", async () => {
  await using served = await serve({ reply: "heard" });
  await using client = await textClient(served.port);
  client.send("hello");
  assert.equal(await client.heard(5), "heard");
  client.send("two\nlines\r\n");
  assert.equal(await client.heard(18), "heardheard\nheard\r\n");
  client.send("é\0\r\u{1f600} \n");
  assert.equal(await client.heard(24), "heardheard\nheard\r\nheard\n");
  const messages = await me.guestMessages({ limit: 4 });
  assert.deepEqual(textsOf(messages), ["hello", "two", "lines", "é\0\r\u{1f600} "]);
  const [{ guest }] = messages as [GuestMessage];
  assert.match(guest, /^guest-\d+$/);
  assert.deepEqual(
    new Set(messages.map((message) => `${message.guest} ${message.address}`)),
    new Set([`${guest} ${client.name}`]),
  );
  assert.deepEqual(
    served.told(),
    messages.map(({ text }) => ({ type: "message", guest, text })),
  );
  const { guests } = await me.inbox();
  assert.deepEqual(guests.slice(-4), messages);
  await me.markGuestsRead(guests.map(({ id }) => id));
  assert.deepEqual((await me.inbox()).guests, []);
});

test("the usual answer is message_ack; each connection is another guest", async () => {
  await using served = await serve({ list: { key: "none" } });
  assert.equal(await ask(served.port, "one"), "message_ack");
  assert.equal(await ask(served.port, "two\n"), "message_ack\n");
  const [one, two] = await me.guestMessages({ limit: 2 });
  assert.deepEqual([one!.text, two!.text], ["one", "two"]);
  assert.equal(Number(two!.guest.slice(6)), Number(one!.guest.slice(6)) + 1);
});

test("the list is given joined by commas, and taken, when it is writable", async () => {
  await using served = await serve({ list: { key: "todo", writable: true } });
  await using client = await textClient(served.port);
  const says = async (text: string, answer: string): Promise<void> => {
    await using another = await textClient(served.port);
    another.send(text);
    assert.equal(await another.heard(answer.length), answer);
  };
  await says("get_data", "\n");
  await says("get_data\n", "\n");
  await says("get_data\r\n", "\r\n");
  await says("update_data,a,b c,é", "update_ack");
  assert.deepEqual(await valueOf("todo"), ["a", "b c", "é"]);
  await says("get_data", "a,b c,é");
  await me.data().set("todo", ["elsewhere", "made"]);
  await says("get_data\n", "elsewhere,made\n");
  await says("update_data\r\n", "update_ack\r\n");
  assert.deepEqual(await valueOf("todo"), []);
  client.send("update_data,x\nget_data\nupdate_data,y,z\nget_data\nquit\nget_data\n");
  assert.equal(await client.all(), "update_ack\nx\nupdate_ack\ny,z\n");
  assert.deepEqual(served.told().slice(0, 4), [
    { type: "list", action: "get", count: 0 },
    { type: "list", action: "get", count: 0 },
    { type: "list", action: "get", count: 0 },
    { type: "list", action: "update", count: 3 },
  ]);
});

test("what can't be given or taken as text is refused with the reason, and changes nothing", async () => {
  await me.data().set("odd", ["a,b"]);
  await using odd = await serve({ list: { key: "odd" } });
  assert.match(await ask(odd.port, "get_data\n"), /^refused: [^\n]*comma[^\n]*\n$/);
  assert.match(await ask(odd.port, "update_data,x"), /^refused: [^\n]*only be read$/);
  assert.deepEqual(await valueOf("odd"), ["a,b"]);
  const [get, update] = odd.told() as readonly { action: string; refused: string }[];
  assert.deepEqual([get!.action, update!.action], ["get", "update"]);
  assert.match(get!.refused, /comma/);
  assert.match(update!.refused, /only be read/);
  await me.data().set("odd", { not: "a list" });
  assert.match(await ask(odd.port, "get_data"), /^refused: .*not a list/);

  await using none = await serve({ reply: "ok" });
  for (const command of ["get_data", "update_data,x"]) assert.match(await ask(none.port, command), /^refused: .*no list/);
  await using writable = await serve({ list: { key: "big", writable: true } });
  assert.match(await ask(writable.port, `update_data,${"x,".repeat(30_000)}\n`), /^refused: .*too long/);
  assert.equal(await valueOf("big"), undefined);
  const before = (await me.guestMessages({ limit: 1 })).map(({ id }) => id);
  assert.match(await ask(none.port, "x".repeat(LIMITS.messageBytes + 1)), /^refused: the message has \d+ bytes/);
  assert.deepEqual(
    (await me.guestMessages({ limit: 1 })).map(({ id }) => id),
    before,
  );
});

test("every byte in a packet of its own makes the same messages", async () => {
  await using served = await serve({ list: { key: "bytes", writable: true } });
  await using client = await textClient(served.port);
  for (const byte of Buffer.from("update_data,é,\u{1f600}\r\nget_data\nhello")) client.send(Buffer.of(byte));
  const answers = "update_ack\r\né,\u{1f600}\nmessage_ack";
  assert.equal(await client.heard(Buffer.byteLength(answers)), answers);
  assert.deepEqual(await newest(1), ["hello"]);
});

test("a pause ends a message, as somebody's keys in telnet; a newline that comes late is no message", async () => {
  await using served = await serve({ reply: "ok" });
  await using client = await textClient(served.port);
  for (const [i, key] of ["h", "i", "\r\n", "\r\n"].entries()) {
    client.send(key);
    // Enter, behind a key that was answered, is nothing; Enter alone is answered, and kept nowhere.
    if (i !== 2) assert.equal(await client.heard([2, 4, 0, 8][i]!), ["ok", "okok", "", "okokok\r\n"][i]);
    else await pause();
  }
  assert.deepEqual(await newest(2), ["h", "i"]);
  assert.equal(served.told().length, 2);
});

test("who sends and closes at once is heard; who only ends is answered to the last message", async () => {
  await using served = await serve({ greeting: "welcome", list: { key: "half", writable: true }, perAddress: 64 });
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const socket = connect({ port: served.port, host: "127.0.0.1" });
      socket.on("error", () => {});
      await once(socket, "connect");
      // The greeting is never read: the end becomes a reset.
      socket.pause();
      socket.write(`line ${i}\nleft ${i}`, () => socket.destroy());
    }),
  );
  const expected = Array.from({ length: 20 }, (_, i) => [`left ${i}`, `line ${i}`]).flat();
  await eventually(async () => (await newest(40)).toSorted().join() === expected.toSorted().join());
  assert.equal(await ask(served.port, "update_data,1,2\nget_data\nhello"), "welcomeupdate_ack\n1,2\nmessage_ack");
});

test("a greeting comes first, as it is; with `close` that is all", async () => {
  await using greeting = await serve({ greeting: "Welcome!", reply: "ok" });
  await using client = await textClient(greeting.port);
  assert.equal(await client.heard(8), "Welcome!");
  client.send("GET /\r\nHost: localhost\r\n\r\n");
  assert.equal(await client.heard(20), "Welcome!ok\r\nok\r\nok\r\n");
  assert.deepEqual(await newest(2), ["GET /", "Host: localhost"]);

  await using closing = await serve({ greeting: "Thank you for connecting\n", close: true });
  const before = await newest(1);
  for (const text of ["", "update_data,x", "x".repeat(200_000)])
    assert.equal(await ask(closing.port, text), "Thank you for connecting\n");
  assert.deepEqual(await newest(1), before);
  assert.deepEqual(closing.told(), []);
});

test("nothing is done before the token; whoever says something else three times is sent away", async () => {
  await using served = await serve({ list: { key: "secret", writable: true }, token: true });
  assert.equal(served.token!.length > 20, true);
  const refusal = "refused: the first message has to be the token";
  await using guesser = await textClient(served.port, { allowHalfOpen: true });
  guesser.send(`update_data,x\n${served.token!.slice(1)}\nhello\r\n${served.token}\nget_data\n`);
  assert.equal(await guesser.all(), `${refusal}\n${refusal}\n${refusal}\r\n`);
  assert.equal(await valueOf("secret"), undefined);
  assert.deepEqual(served.told(), []);

  await using client = await textClient(served.port);
  client.send(`${served.token}x`);
  assert.equal(await client.heard(refusal.length), refusal);
  client.send(served.token!);
  const acknowledged = `${refusal}token_ack`;
  assert.equal(await client.heard(acknowledged.length), acknowledged);
  client.send(`update_data,x\n${served.token}\nquit`);
  assert.equal(await client.all(), `${acknowledged}update_ack\nmessage_ack\n`);
  assert.deepEqual(await valueOf("secret"), ["x"]);
  assert.deepEqual(await newest(1), [served.token]);
});

test("a guest is told things while it is there, and only then", async () => {
  await using served = await serve({ reply: "ok" });
  await using client = await textClient(served.port);
  client.send("hello\n");
  assert.equal(await client.heard(3), "ok\n");
  const [{ guest }] = (await me.guestMessages({ limit: 1 })) as [GuestMessage];
  assert.deepEqual((await me.servings())[0]!.guests, [guest]);
  await me.tellGuest(guest, "hi");
  assert.equal(await client.heard(6), "ok\nhi\n");
  client.send("é");
  await client.heard(8);
  await me.tellGuest(guest, "hi\0");
  assert.equal(await client.heard(11), "ok\nhi\nokhi\0");

  // It leaves while it is being told things.
  const telling = (async () => {
    for (;;) {
      await me.tellGuest(guest, "are you there?");
      await new Promise(setImmediate);
    }
  })();
  await client.heard(200);
  client.socket.destroy();
  await assert.rejects(telling, fails("not-found", new RegExp(guest)));
  assert.deepEqual((await me.servings())[0]!.guests, []);
  assert.equal(await ask(served.port, "goes on"), "ok");
});

test("HTTP never becomes text, and text never HTTP", async () => {
  const directory = join(at.path, "files");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "file"), "contents of a file");
  await using served = await serve({ directory, list: { key: "both", writable: true } });
  await me.data().set("both", ["kept"]);
  const marked = await newest(1);
  const body = "update_data,x\r\nquit\r\n";
  const heads = [
    `POST / HTTP/1.1\r\nHost: localhost:${served.port}\r\nUser-Agent: Mozilla/5.0\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    `GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n${body}`,
    `GET update_data,x\r\n${body}`,
    `POST update_data,x\r\n\r\n${body}`,
    `OPTIONS * HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03update_data,x\r\n",
  ];
  for (const head of heads) {
    for (const cut of [head.length, 4, 1]) {
      await using client = await textClient(served.port, { allowHalfOpen: true });
      for (let from = 0; from < head.length; from += cut) client.send(Buffer.from(head.slice(from, from + cut), "latin1"));
      client.socket.end();
      assert.doesNotMatch(await client.all(), /update_ack|message_ack|refused/);
    }
  }
  assert.deepEqual([await valueOf("both"), await newest(1)], [["kept"], marked]);

  const get = "GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n";
  assert.equal(await ask(served.port, `get_data\r\n${get}`), "kept\r\nmessage_ack\r\nmessage_ack\r\nmessage_ack\r\n");
  assert.equal(await ask(served.port, ` ${get}`), "message_ack\r\n".repeat(3));
  assert.deepEqual(await newest(2), [" GET /file HTTP/1.1", "Host: localhost"]);
});

test("what a page makes a browser send is never text: a method of its own making, HTTP or TLS where there is a greeting", async () => {
  const list = { key: "browsers", writable: true };
  await me.data().set("browsers", ["kept"]);
  await using plain = await serve({ list });
  await using greeting = await serve({ list, greeting: "hi\n" });
  const marked = await newest(1);
  const head = (method: string): string =>
    `${method} /update_data,x HTTP/1.1\r\nHost: evil.example:${plain.port}\r\n\r\nupdate_data,x\r\n`;
  const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\nupdate_data,x\n";
  const refused = /^(?:hi\n)?refused: [^\n]+\n$/;
  for (const method of ["EVIL", "get_data", "patch", "update_data", "quit", "!"]) {
    assert.match(await ask(plain.port, head(method)), refused, method);
    assert.match(await ask(greeting.port, head(method)), refused, method);
  }
  for (const text of [head("GET"), head("POST"), hello]) assert.match(await ask(greeting.port, text), refused);
  assert.deepEqual([await valueOf("browsers"), await newest(1)], [["kept"], marked]);
});

test("a line without an end is refused and closed, soon; nothing of it is kept", async () => {
  await using served = await serve({ reply: "ok" });
  const marked = await newest(1);
  await using client = await textClient(served.port);
  client.send("x".repeat(1024 * 1024));
  assert.equal(await client.all(), `refused: a message has at most ${LIMITS.textMessageBytes} bytes\n`);
  assert.deepEqual(await newest(1), marked);
  assert.equal(await ask(served.port, "goes on"), "ok");
});

test("two clients that update at once: every update is acknowledged, and one of the last is what stays", async () => {
  await using served = await serve({ list: { key: "race", writable: true } });
  await Promise.all(
    ["a", "b"].map(async (who) => {
      await using client = await textClient(served.port);
      for (let i = 0; i < 50; i++) client.send(`update_data,${who},${i}\n`);
      client.send("get_data\nquit\n");
      assert.match(await client.all(), /^(?:update_ack\n){50}[ab],\d+\n$/);
    }),
  );
  const value = (await valueOf("race")) as string[];
  assert.ok(value[1] === "49");
  assert.deepEqual(await me.data().conflicts("race"), []);
});

test("a list shared with a peer: what a client writes reaches it, and what it writes is what the next client gets", async () => {
  await using desk = await at.host("desk");
  await using invitation = await me.invite({ as: "desk" });
  await desk.join(invitation.ticket, { as: "laptop" });
  await invitation.done;
  await using served = await serve({ list: { peer: "desk", key: "shopping", writable: true } });
  assert.equal(await ask(served.port, "update_data,milk,eggs"), "update_ack");
  const there = desk.peer("laptop").data();
  await eventually(async () => JSON.stringify((await there.get("shopping"))?.value) === '["milk","eggs"]');
  await there.set("shopping", ["bread"]);
  await eventually(async () => (await ask(served.port, "get_data")) === "bread");
});

test("256 clients at once are all heard, each under a name of its own", async () => {
  await using served = await serve({ list: { key: "crowd", writable: true }, perAddress: 512 });
  await me.data().set("crowd", ["of", "many"]);
  const clients = await Promise.all(Array.from({ length: 256 }, () => textClient(served.port)));
  try {
    for (const [i, client] of clients.entries()) client.send(`I am ${i}\nget_data`);
    const answer = "message_ack\nof,many";
    for (const client of clients) assert.equal(await client.heard(answer.length), answer);
    const messages = await me.guestMessages({ limit: 256 });
    assert.deepEqual(textsOf(messages).toSorted(), clients.map((_, i) => `I am ${i}`).toSorted());
    assert.equal(new Set(messages.map(({ guest }) => guest)).size, 256);
    assert.equal((await me.servings())[0]!.guests.length, 256);
  } finally {
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  }
  await eventually(async () => (await me.servings())[0]!.guests.length === 0);
});

test("who never reads is not read from either, can be told so much and no more, and is in nobody's way", async () => {
  await using served = await serve({ list: { key: "long", writable: true } });
  await me.data().set("long", ["x".repeat(60_000)]);
  await using deaf = await textClient(served.port);
  deaf.send("hello\n");
  await deaf.heard(12);
  deaf.socket.pause();
  const requests = 100_000;
  deaf.send("get_data\n".repeat(requests));
  let answered = -1;
  await eventually(async () => {
    const before = answered;
    answered = served.told().length;
    await pause();
    return answered === before;
  });
  assert.ok(answered < requests / 10);
  assert.equal(await ask(served.port, "get_data"), "x".repeat(60_000));

  const [{ guest }] = (await me.guestMessages({ limit: 1 })) as [GuestMessage];
  const telling = async (): Promise<void> => {
    for (let i = 0; i < 2000; i++) await me.tellGuest(guest, "x".repeat(60_000));
  };
  await assert.rejects(telling(), fails("limit"));
  // Later it reads after all.
  deaf.socket.resume();
  await deaf.heard(60_000 * (answered + 20));
});
