// What depends on time, on faults of this side and on how much comes: text on a port of the test's own, with guests and a list that can fail.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";

import { systemClock } from "../../core/clock.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { silentLog } from "../../core/log.ts";
import type { ServingEvent } from "../contract.ts";
import type { Served } from "../served.ts";
import { createText, type TextOptions } from "./text.ts";

interface Made {
  readonly port: number;
  readonly heard: string[];
  readonly events: ServingEvent[];
  readonly text: ReturnType<typeof createText>;
  /** The ends of the connections on this side. */
  readonly sockets: Socket[];
}

async function open(t: TestContext, served: Partial<Served> = {}, options: Partial<TextOptions> = {}): Promise<Made> {
  const heard: string[] = [];
  const events: ServingEvent[] = [];
  const sockets: Socket[] = [];
  let guests = 0;
  const text = createText(
    {
      directory: undefined,
      uploadInto: undefined,
      list: undefined,
      token: undefined,
      isOurHost: () => true,
      tell: (event) => void events.push(event),
      clock: systemClock,
      log: silentLog,
      ...served,
    },
    {
      greeting: undefined,
      close: false,
      reply: "ok",
      guests: {
        newGuest: async () => `guest-${++guests}`,
        async hear(message) {
          await new Promise(setImmediate);
          heard.push(message.text);
          return { ...message, id: "", sentAtMs: 0 };
        },
      },
      ...options,
    },
  );
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.push(socket);
    text.take(socket, Buffer.alloc(0));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    const closed = once(server, "close");
    server.close();
    await text.close();
    await closed;
  });
  return { port: (server.address() as AddressInfo).port, heard, events, text, sockets };
}

/** Says it, ends, and resolves to all that comes back. */
async function say(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  socket.end(text);
  await once(socket, "end");
  return answer;
}

test("without a reply nothing is written, and everything is heard", async (t) => {
  const { port, heard } = await open(t, {}, { reply: "" });
  assert.equal(await say(port, "one\n\ntwo\r\nget_data\nthree"), "refused: there is no list here\n");
  assert.deepEqual(heard, ["one", "two", "three"]);
});

test("so many messages, and bytes of them, are heard in a minute; more are told to wait", async (t) => {
  let ms = 0;
  const clock = { nowMs: () => Date.now(), monotonicMs: () => ms };
  const { port, heard } = await open(t, { clock });
  const refusal = "refused: too much came from your address; wait a minute\n";
  const most = LIMITS.guestMessagesPerMinute;
  assert.equal(await say(port, "x\n".repeat(most - 1)), "ok\n".repeat(most - 1));
  assert.equal(await say(port, "x\nx\n\nx\n"), `ok\n${refusal}ok\n${refusal}`);
  assert.equal(heard.length, most);
  ms += 60_000;
  const fits = LIMITS.guestBytesPerMinute / LIMITS.textMessageBytes;
  const long = `${"x".repeat(LIMITS.textMessageBytes)}\n`;
  assert.equal(await say(port, long.repeat(fits + 1)), "ok\n".repeat(fits) + refusal);
});

test("a fault of this side is told as a refusal, without its particulars, and the next message is heard", async (t) => {
  const faults: Error[] = [
    new CoveyError("no-space", "can't write /home/user/.covey/space.db: the disk is full"),
    new CoveyError("io", "can't write /home/user/.covey/space.db"),
    new TypeError("secret is not a function"),
    new CoveyError("limit", "the message has\n9 bytes; 8 are allowed"),
  ];
  const heard: string[] = [];
  const warned: string[] = [];
  const fault = (): Promise<never> => Promise.reject(faults.shift()!);
  const { port, text } = await open(
    t,
    {
      log: { ...silentLog, warn: (_, what) => void warned.push(what) },
      list: { key: "todo", read: fault, write: fault },
    },
    {
      guests: {
        newGuest: async () => (faults.length > 2 ? fault() : "guest-1"),
        hear: async (message) => {
          if (faults.length > 0) return fault();
          heard.push(message.text);
          return { ...message, id: "", sentAtMs: 0 };
        },
      },
    },
  );
  assert.equal(
    await say(port, "a\nget_data\nupdate_data,x\nb\nc\n"),
    [
      "refused: there is no room for it here now\n",
      "refused: it can't be done now; try again later\n",
      "refused: it can't be done now; try again later\n",
      "refused: the message has\\n9 bytes; 8 are allowed\n",
      "ok\n",
    ].join(""),
  );
  assert.deepEqual([heard, warned.length, text.guests()], [["c"], 3, []]);
});

test("a client that is silent is cut, sooner when it has said nothing yet", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { port, sockets } = await open(t, { token: "secret" }, { reply: "ok" });
  const visitor = async (): Promise<{ readonly socket: Socket; next(): Promise<string>; readonly closed: Promise<unknown> }> => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    const closed = new Promise((resolve) => void socket.once("close", resolve));
    await once(socket, "connect");
    while (!sockets.some((one) => one.remotePort === socket.localPort)) await new Promise(setImmediate);
    return { socket, closed, next: async () => String(((await once(socket, "data")) as [Buffer])[0]) };
  };
  const [silent, guesser, known] = [await visitor(), await visitor(), await visitor()];
  guesser.socket.write("guess\n");
  assert.match(await guesser.next(), /^refused/);
  known.socket.write("secret\n");
  assert.equal(await known.next(), "token_ack\n");
  t.mock.timers.tick(LIMITS.gatewayIdleMs);
  await Promise.all([silent.closed, guesser.closed]);
  known.socket.write("still here\n");
  assert.equal(await known.next(), "ok\n");
  t.mock.timers.tick(LIMITS.textIdleMs);
  await known.closed;
});

test("a message that never ends is cut, though something comes all the time", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { port, sockets, heard } = await open(t);
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  const closed = once(socket, "close");
  socket.write("ended\nbegun");
  while (answer === "") await new Promise(setImmediate);
  // The pause is due as well, but what comes is looked at first.
  t.mock.timers.tick(LIMITS.textMessageMs);
  await closed;
  assert.deepEqual([answer, sockets[0]!.destroyed], ["ok\n", true]);
  while (heard.length < 2) await new Promise(setImmediate);
  assert.deepEqual(heard, ["ended", "begun"]);
});

test("one client's messages come with everybody else's turns between, though they cost nothing to answer", async (t) => {
  let turns = 0;
  const heardAt: number[] = [];
  let taking = setImmediate(function take() {
    turns++;
    taking = setImmediate(take);
  });
  t.after(() => clearImmediate(taking));
  const guests: TextOptions["guests"] = {
    newGuest: async () => "guest-1",
    async hear(message) {
      heardAt.push(turns);
      return { ...message, id: "", sentAtMs: 0 };
    },
  };
  const { port } = await open(t, {}, { guests });
  assert.equal(await say(port, "x\n".repeat(100)), "ok\n".repeat(100));
  assert.equal(new Set(heardAt).size, 100);
});

test("what came while this program was busy is before the pause that was due", async (t) => {
  const { port, heard } = await open(t);
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  socket.write("hel");
  await new Promise((resolve) => setTimeout(resolve, LIMITS.textPauseLoopbackMs / 5));
  setImmediate(() => {
    socket.write("lo");
    // Behind this come the timers, and only then what is to be read.
    const until = performance.now() + 3 * LIMITS.textPauseLoopbackMs;
    while (performance.now() < until);
  });
  assert.equal(String(((await once(socket, "data")) as [Buffer])[0]), "ok");
  assert.deepEqual(heard, ["hello"]);
  socket.destroy();
});

test("pauses are not forgotten while an earlier message is being heard, and are read ahead to a bound", async (t) => {
  const heard: string[] = [];
  const { promise: may, resolve: go } = Promise.withResolvers<void>();
  const { port, sockets } = await open(
    t,
    {},
    {
      guests: {
        newGuest: async () => "guest-1",
        async hear(message) {
          await may;
          heard.push(message.text);
          return { ...message, id: "", sentAtMs: 0 };
        },
      },
    },
  );
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  for (const text of ["one\n", "two", "three", "four"]) {
    socket.write(text);
    await new Promise((resolve) => setTimeout(resolve, 2 * LIMITS.textPauseLoopbackMs));
  }
  const line = `${"x".repeat(999)}\n`;
  const many = 400;
  socket.end(`\n${line.repeat(many)}`);
  while (!sockets[0]!.isPaused()) await new Promise(setImmediate);
  assert.ok(sockets[0]!.bytesRead < (many * line.length) / 2);
  go();
  let answers = "";
  for await (const chunk of socket) answers += (chunk as Buffer).toString();
  assert.deepEqual(heard.slice(0, 4), ["one", "two", "three", "four"]);
  assert.equal(heard.length, 4 + many);
  assert.equal(answers, `ok\nokokok${"ok\n".repeat(many)}`);
});

test("closing hears nothing more, and leaves nothing open", async (t) => {
  const { promise: stuck, resolve: unstick } = Promise.withResolvers<void>();
  const heard: string[] = [];
  const { port, text, sockets } = await open(
    t,
    {},
    {
      guests: {
        newGuest: async () => "guest-1",
        async hear(message) {
          heard.push(message.text);
          await stuck;
          return { ...message, id: "", sentAtMs: 0 };
        },
      },
    },
  );
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.write("one\ntwo\nthree");
  while (heard.length === 0) await new Promise(setImmediate);
  let closed = false;
  const closing = text.close().then(() => (closed = true));
  await new Promise(setImmediate);
  assert.equal(closed, false);
  unstick();
  await closing;
  assert.deepEqual([heard, text.guests(), sockets[0]!.destroyed], [["one"], [], true]);
  socket.destroy();
});
