// Whoever is killed in the middle of a stream, program or daemon, the others are told of a cut and never of an end.

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { connect } from "../../src/control/connect.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import type { ByteStream, CoveyError } from "../../src/index.ts";
import { two, type Two } from "./faces.ts";

let both: Two;

before(async () => {
  both = await two("connect");
});
after(() => both[Symbol.asyncDispose]());

async function program(what: "takes" | "opens"): Promise<{ readonly child: ChildProcess; kill(): Promise<void> }> {
  const child = fork(new URL("./child.ts", import.meta.url), [both.homes.desk, what], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await once(child, "message");
  return {
    child,
    async kill() {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** Reads to the cut, which it must be. */
async function readToCut(stream: ByteStream): Promise<void> {
  await assert.rejects(
    async () => {
      while ((await stream.read()) !== null);
    },
    { code: "closed" },
  );
  assert.equal((await stream.closed)?.code, "closed");
}

test("a program that is killed with a stream that it took: the stream is cut over here, and its name is free", async () => {
  const { child, kill } = await program("takes");
  const stream = await both.laptop.peer("desk").open("work");
  const moving = once(child, "message");
  await stream.write(Buffer.from("go"));
  await moving;
  const cut = readToCut(stream);
  await kill();
  await cut;
  await assert.rejects(stream.write(Buffer.of(1)), { code: "closed" });
  for (let tries = 0; ; tries++) {
    const error: CoveyError = await both.laptop
      .peer("desk")
      .open("work")
      .then(
        () => assert.fail("nothing takes it"),
        (why: unknown) => why as CoveyError,
      );
    // What came in just before it was noticed that the program is gone waits for nobody.
    if (error.code === "refused") break;
    assert.ok(tries < 100, String(error));
    await wait(20);
  }
  await using _ = await both.desk.handle("work", {}, async () => {});
});

test("a program that is killed with a stream that it opened: its handler's reads reject", async () => {
  const cut = Promise.withResolvers<void>();
  await using _ = await both.laptop.handle("work", {}, async (stream) => {
    await stream.write(Buffer.from("go"));
    await readToCut(stream).then(cut.resolve, cut.reject);
  });
  const { child, kill } = await program("opens");
  await once(child, "message");
  await kill();
  await cut.promise;
});

test("a daemon that is killed cuts the streams of its own programs and of the other peer's; registrations say why", async () => {
  const theirs = Promise.withResolvers<void>();
  const registration = await both.desk.handle("daemon", {}, async (stream) => {
    await stream.write(Buffer.from("here"));
    await readToCut(stream).then(theirs.resolve, theirs.reject);
  });
  const stream = await both.laptop.peer("desk").open("daemon");
  await stream.read();
  await stream.write(Buffer.alloc(1 << 20));
  const ours = readToCut(stream);
  process.kill((await both.desk.status()).pid, "SIGKILL");
  await Promise.all([ours, theirs.promise]);
  assert.equal((await registration.closed)?.code, "daemon-down");

  await startDaemon({ home: both.homes.desk });
  await using desk = await connect({ home: both.homes.desk });
  await using _ = await desk.handle("daemon", {}, async (again) => again.write(Buffer.from("again")));
  for (let tries = 0; ; tries++) {
    try {
      await using again = await both.laptop.peer("desk").open("daemon");
      assert.equal((await again.read())?.toString(), "again");
      break;
    } catch (error) {
      assert.ok(tries < 100, String(error));
      await wait(50);
    }
  }
});

test("a daemon that is told to stop, and a connection that is closed, cut their streams", async () => {
  const desk = await connect({ home: both.homes.desk });
  await using _ = await both.laptop.handle("stops", {}, (stream) => readToCut(stream));
  const closed = await desk.peer("laptop").open("stops");
  await desk.close();
  await readToCut(closed);

  const stopped = await both.desk.peer("laptop").open("stops");
  const registration = await both.desk.handle("stops", {}, async () => {});
  const cut = readToCut(stopped);
  await stopDaemon({ home: both.homes.desk });
  await cut;
  assert.equal((await registration.closed)?.code, "closed");
});
