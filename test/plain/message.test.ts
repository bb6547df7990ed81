// One write is one message: what goes out, and what is taken for the answer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { mock, test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { plain } from "../../src/plain/plain.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { startServer } from "./servers.ts";

test("a message goes out as it is, in one write, and its answer comes back", async () => {
  const leaks = leakCheck();
  {
    await using server = await startServer((socket, first) =>
      socket.write(`You said: ${Buffer.from(first, "latin1").toString()}`),
    );
    assert.deepEqual(await plain.message(server.tcp, "Hello from client"), {
      text: "You said: Hello from client",
      closed: false,
    });
    assert.deepEqual(await plain.message(server.tcp, "¡olé! 🎉"), { text: "You said: ¡olé! 🎉", closed: false });
    assert.deepEqual(server.received.map(String), ["Hello from client", "¡olé! 🎉"]);
    const longest = "é".repeat(LIMITS.plainMessageBytes / 2);
    assert.equal((await plain.message(server.tcp, longest)).text, `You said: ${longest}`);
    assert.deepEqual(server.errors, [], "nobody sees more than an end");
  }
  await leaks();
});

test("a message that would be cut over there is not sent", async () => {
  await using server = await startServer(() => {});
  const long = "é".repeat(LIMITS.plainMessageBytes / 2) + "x";
  await assert.rejects(plain.message(server.tcp, long), { code: "limit", message: /1025 bytes/ });
  await assert.rejects(plain.message(server.tcp, ""), { code: "bad-argument" });
  await assert.rejects(plain.setList(server.tcp, ["x".repeat(LIMITS.plainMessageBytes)]), { code: "limit" });
  await assert.rejects(plain.message("http://127.0.0.1:1", "x"), { code: "bad-argument" });
  assert.equal(server.received.length, 0);
});

test("an answer in pieces, a greeting before it, characters cut in two", async () => {
  const party = Buffer.from("🎉");
  await using server = await startServer(
    async (socket) => {
      socket.write("Welcome! ");
      await once(socket, "data");
      for (const piece of [party.subarray(0, 2), party.subarray(2), " done\n"]) {
        socket.write(piece);
        await wait(60);
      }
    },
    { greets: true },
  );
  assert.deepEqual(await plain.message(server.tcp, "x"), { text: "Welcome! 🎉 done\n", closed: false });
});

test("one that greets and hangs up without listening, by an end or by a reset", async () => {
  await using polite = await startServer((socket) => socket.end("Thank you for connecting"), { greets: true });
  assert.deepEqual(await plain.message(polite.tcp, "x"), { text: "Thank you for connecting", closed: true });
  await using rude = await startServer((socket) => socket.write("busy", () => setTimeout(() => socket.resetAndDestroy(), 30)));
  assert.deepEqual(await plain.message(rude.tcp, "x"), { text: "busy", closed: true });
});

test("one that closes without a word, and one that cuts without one", async () => {
  await using silent = await startServer((socket) => socket.end());
  assert.deepEqual(await plain.message(silent.tcp, "x"), { text: "", closed: true });
  await using rude = await startServer((socket) => socket.resetAndDestroy());
  await assert.rejects(plain.message(rude.tcp, "x"), { code: "connection-lost" });
});

test("one that never answers is waited for so long and no longer", async () => {
  await using server = await startServer(() => {});
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let isOver = false;
    const asked = assert.rejects(plain.message(server.tcp, "x"), { code: "timeout" }).finally(() => (isOver = true));
    while (server.received.length === 0 || server.received[0]!.length === 0) await new Promise(setImmediate);
    let waitedMs = 0;
    for (; !isOver; waitedMs += 1000) {
      mock.timers.tick(1000);
      await new Promise(setImmediate);
    }
    await asked;
    assert.ok(waitedMs >= LIMITS.plainAnswerMs);
  } finally {
    mock.timers.reset();
  }
});

test("one that talks little by little, and never pauses, is cut off", async (t) => {
  await using server = await startServer(async (socket) => {
    const now = performance.now.bind(performance);
    for (let said = 0; said < 500 && !socket.destroyed; said++) {
      if (said === 3) t.mock.method(performance, "now", () => now() + LIMITS.plainTalkMs);
      socket.write("x");
      await wait(10);
    }
  });
  await assert.rejects(plain.message(server.tcp, "x"), { code: "limit", message: /without a pause for more than 60 s/ });
});

test("one that talks without an end is cut off", async () => {
  await using server = await startServer((socket) => {
    const talk = (): void =>
      void (socket.destroyed || (socket.write(Buffer.alloc(65_536, 97)) ? setImmediate(talk) : socket.once("drain", talk)));
    talk();
  });
  await assert.rejects(plain.message(server.tcp, "x"), { code: "limit" });
});

test("a refusal is an error, and what it says is shown safely", async () => {
  await using server = await startServer((socket) => socket.write("refused: the list is read-only\u001b[2J\n"));
  const refused = { code: "refused", message: /the list is read-only\\u\{1b\}\[2J$/ };
  await assert.rejects(plain.message(server.tcp, "x"), refused);
  await assert.rejects(plain.getList(server.tcp), refused);
  await assert.rejects(plain.setList(server.tcp, ["a"]), refused);
});

test("a list is asked for and sent as list programs do it", async () => {
  let list = "a,b,c";
  let lineEnd = "";
  await using server = await startServer((socket, first) => {
    if (first === "get_data") return socket.end(`${lineEnd}${list}${lineEnd}`);
    list = first.split(",").slice(1).join(",");
    return socket.write(`update_ack${lineEnd}`);
  });
  assert.deepEqual(await plain.getList(server.tcp), ["a", "b", "c"]);
  lineEnd = "\r\n";
  assert.deepEqual(await plain.getList(server.tcp), ["a", "b", "c"]);
  for (const values of [["x"], [], [" spaces ", "", "käse"], ["update_ack"]]) {
    await plain.setList(server.tcp, values);
    assert.deepEqual(
      await plain.getList(server.tcp),
      values.map((value) => Buffer.from(value).toString("latin1")),
    );
  }
  assert.equal(server.received.filter((bytes) => bytes.toString() === "update_data").length, 1);
});

test("what a list program greets with is no part of its list, nor of what it acknowledges", async () => {
  await using server = await startServer(
    async (socket) => {
      socket.write("Welcome, ");
      const [first] = (await once(socket, "data")) as [Buffer];
      socket.write(first.toString() === "get_data" ? "a,b" : "update_ack");
    },
    { greets: true },
  );
  assert.deepEqual(await plain.getList(server.tcp), ["a", "b"]);
  await plain.setList(server.tcp, ["a", "b"]);
  await using full = await startServer((socket) => socket.end("refused: too many\n"), { greets: true });
  await assert.rejects(plain.getList(full.tcp), { code: "refused", message: /too many/ });
  await using deaf = await startServer((socket) => socket.end("Bye"), { greets: true });
  await assert.rejects(plain.getList(deaf.tcp), { code: "connection-lost", message: /said "Bye" and closed/ });
  await assert.rejects(plain.setList(deaf.tcp, ["a"]), { code: "connection-lost" });
});

test("what can't be a value of such a list is not sent", async () => {
  await using server = await startServer(() => {});
  for (const values of [["a,b"], ["a\nb"], ["a\rb"], [""]])
    await assert.rejects(plain.setList(server.tcp, values), { code: "bad-argument" }, JSON.stringify(values));
  assert.equal(server.received.length, 0);
});

test("a list that was not acknowledged was not taken", async () => {
  for (const answer of ["ok", "update_ack?", "update_data,a", "Unknown command\n"]) {
    await using server = await startServer((socket) => socket.write(answer));
    await assert.rejects(plain.setList(server.tcp, ["a"]), { code: "refused" }, answer);
  }
  await using silent = await startServer((socket) => socket.end());
  await assert.rejects(plain.setList(silent.tcp, ["a"]), { code: "refused", message: /without a word/ });
});

test("a signal ends the wait for an answer", async () => {
  const reason = new Error("enough");
  const enough = new AbortController();
  await using server = await startServer(() => enough.abort(reason));
  await assert.rejects(plain.message(server.tcp, "x", { signal: enough.signal }), reason);
});
