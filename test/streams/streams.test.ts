// Streams between programs, through peers hosted here and through daemons: the same of both.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import type { ByteStream, CoveyError } from "../../src/index.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { two, type Face, type Two } from "./faces.ts";

const MiB = 1 << 20;

const hashOf = async (stream: ByteStream): Promise<string> => {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
};

/** Writes so much of one noise, and its end; resolves to its hash. */
async function writeNoise(stream: ByteStream, bytes: number): Promise<string> {
  const noise = randomBytes(MiB + 1);
  const hash = createHash("sha256");
  for (let left = bytes; left > 0;) {
    const chunk = noise.subarray(0, Math.min(left, 1 + (left % noise.length)));
    hash.update(chunk);
    await stream.write(chunk);
    left -= chunk.length;
  }
  await stream.end();
  return hash.digest("hex");
}

async function textOf(stream: ByteStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += Buffer.from(chunk).toString();
  return text;
}

function suite(face: Face): void {
  describe(`${face} to ${face}`, () => {
    let leaks: () => Promise<void>;
    let both: Two;

    before(async () => {
      leaks = leakCheck();
      both = await two(face);
    });
    after(async () => {
      await both[Symbol.asyncDispose]();
      await leaks();
    });

    const toDesk = (name: string): Promise<ByteStream> => both.laptop.peer("desk").open(name);

    test("64 MiB each way at once arrive as they were sent", async () => {
      const theirs = Promise.withResolvers<readonly string[]>();
      await using _ = await both.desk.handle("noise", {}, async (stream) => {
        theirs.resolve(await Promise.all([hashOf(stream), writeNoise(stream, 64 * MiB)]));
      });
      await using stream = await toDesk("noise");
      const [got, sent] = await Promise.all([hashOf(stream), writeNoise(stream, 64 * MiB)]);
      assert.deepEqual(await theirs.promise, [sent, got]);
      assert.equal(await stream.closed, undefined);
    });

    test("either side may end first, and still hear the other", async () => {
      const heard: string[] = [];
      const all = Promise.withResolvers<void>();
      await using _ = await both.desk.handle("ends", {}, async (stream, { peer }) => {
        await stream.write(Buffer.from(`for ${peer}`));
        await stream.end();
        if (heard.push(await textOf(stream)) === 2) all.resolve();
      });
      await using first = await toDesk("ends");
      await first.end();
      assert.equal(await textOf(first), "for laptop");
      await using second = await toDesk("ends");
      assert.equal(await textOf(second), "for laptop");
      await second.write(Buffer.from("and after their end"));
      await second.end();
      assert.deepEqual([await first.closed, await second.closed], [undefined, undefined]);
      await all.promise;
      assert.deepEqual(heard.toSorted(), ["", "and after their end"]);
      assert.equal(await second.read(), null);
      await assert.rejects(second.write(Buffer.of(1)));
      await assert.rejects(second.write("text" as never), { code: "bad-argument" });
    });

    test("a reset, and a stream that is disposed of, cut the other side; nothing of it looks like an end", async () => {
      const theirs: (CoveyError | undefined)[] = [];
      const reset = Promise.withResolvers<void>();
      await using _ = await both.desk.handle("reset", {}, async (stream) => {
        await stream.write(Buffer.from("ready"));
        await assert.rejects(hashOf(stream), { code: "closed" });
        await assert.rejects(stream.write(Buffer.of(1)), { code: "closed" });
        theirs.push(await stream.closed);
        if (theirs.length === 2) reset.resolve();
      });
      await using mine = await toDesk("reset");
      await mine.read();
      mine.reset();
      await assert.rejects(mine.read(), { code: "closed" });
      await assert.rejects(mine.write(Buffer.of(1)), { code: "closed" });
      {
        await using left = await toDesk("reset");
        await left.read();
      }
      await reset.promise;
      assert.deepEqual(
        theirs.map((why) => why?.code),
        ["closed", "closed"],
      );

      await using __ = await both.desk.handle("resets", {}, async (stream) => {
        await stream.read();
        stream.reset();
      });
      const cut = await toDesk("resets");
      await cut.write(Buffer.from("now"));
      await assert.rejects(hashOf(cut), { code: "closed" });
      assert.equal((await cut.closed)?.code, "closed");
    });

    test("a handler that does not read is waited for, with little in between", async () => {
      const go = Promise.withResolvers<void>();
      const theirs = Promise.withResolvers<string>();
      await using _ = await both.desk.handle("slow", {}, async (stream) => {
        await go.promise;
        theirs.resolve(await hashOf(stream));
      });
      await using stream = await toDesk("slow");
      const chunk = randomBytes(64 * 1024);
      const hash = createHash("sha256");
      let accepted = 0;
      const writing = (async () => {
        for (let i = 0; i < 512; i++) {
          hash.update(chunk);
          await stream.write(chunk);
          accepted++;
        }
        await stream.end();
      })();
      for (let before = -1; before !== accepted;) {
        before = accepted;
        await wait(300);
      }
      assert.ok(accepted < 128, `${accepted} chunks were taken though nobody read`);
      go.resolve();
      await writing;
      assert.equal(await theirs.promise, hash.digest("hex"));
    });

    test("a handler that is done ends our direction; one that fails cuts", async () => {
      await using _ = await both.desk.handle("done", {}, async (stream) => stream.write(Buffer.from("all")));
      await using done = await toDesk("done");
      await done.write(Buffer.from("nobody reads this"));
      assert.equal(await textOf(done), "all");
      await done.end();
      assert.equal(await done.closed, undefined);
      await using __ = await both.desk.handle("fails", {}, async (stream) => {
        await stream.read();
        throw new Error("a fault");
      });
      await using failed = await toDesk("fails");
      await failed.write(Buffer.from("go"));
      await assert.rejects(textOf(failed), { code: "closed" });
    });

    test("a registration ends by being disposed of, by its signal and by `close`; what was taken goes on", async () => {
      const registration = await both.desk.handle("ending", {}, async (stream) => {
        for await (const chunk of stream) await stream.write(chunk);
      });
      await assert.rejects(
        both.desk.handle("ending", {}, async () => {}),
        { code: "conflict" },
      );
      await using stream = await toDesk("ending");
      await registration[Symbol.asyncDispose]();
      assert.equal(await registration.closed, undefined);
      await assert.rejects(toDesk("ending"), { code: "refused" });
      await stream.write(Buffer.from("still"));
      await stream.end();
      assert.equal(await textOf(stream), "still");

      const enough = new AbortController();
      const second = await both.desk.handle("ending", { signal: enough.signal }, async () => {});
      enough.abort();
      assert.equal(await second.closed, undefined);
      await using third = await both.desk.handle("ending", {}, async () => {});
      await third[Symbol.asyncDispose]();
      await assert.rejects(
        both.desk.handle("ending", { signal: AbortSignal.abort(new Error("before")) }, async () => {}),
        /before/,
      );
    });

    test("`from` names who may open it, by handle, name or id; nobody else can tell that it is there", async () => {
      const { peerId } = await both.laptop.status();
      for (const from of [[both.desk.peer("laptop")], ["laptop"], [peerId]]) {
        await using _ = await both.desk.handle("for", { from }, async (stream, { peer }) => stream.write(Buffer.from(peer)));
        await using stream = await toDesk("for");
        assert.equal(await textOf(stream), "laptop");
      }
      await using _ = await both.desk.handle("for", { from: [] }, async () => {});
      const closedTo = await toDesk("for").catch((error: unknown) => (error as CoveyError).message);
      assert.equal(await toDesk("nothing").catch((error: unknown) => (error as CoveyError).message), closedTo);
      await assert.rejects(
        both.desk.handle("else", { from: ["nobody"] }, async () => {}),
        { code: "not-found" },
      );
      for (const name of ["", "x".repeat(65), "\u001b"]) {
        await assert.rejects(
          both.desk.handle(name, {}, async () => {}),
          { code: "bad-argument" },
        );
        await assert.rejects(toDesk(name), { code: "bad-argument" });
      }
    });

    test("many streams one after the other leave nothing", async () => {
      const counted = leakCheck();
      {
        await using _ = await both.desk.handle("many", {}, async (stream) => {
          for await (const chunk of stream) await stream.write(chunk);
        });
        for (let i = 0; i < 1000; i++) {
          await using stream = await toDesk("many");
          if (i % 3 === 0) continue;
          await stream.write(Buffer.from(String(i)));
          await stream.end();
          if (i % 3 === 1) assert.equal(await textOf(stream), String(i));
        }
      }
      await counted();
    });

    // The last: nothing is between the two any more.
    test("a peer that is removed midway is cut on both sides", async () => {
      const theirs = Promise.withResolvers<CoveyError | undefined>();
      await using _ = await both.desk.handle("removed", {}, async (stream) => {
        await stream.write(Buffer.from("ready"));
        theirs.resolve(await stream.closed);
      });
      await using stream = await toDesk("removed");
      await stream.read();
      await both.desk.peer("laptop").remove();
      await assert.rejects(textOf(stream), { code: "closed" });
      assert.notEqual(await theirs.promise, undefined);
    });
  });
}

suite("open");
suite("connect");

test("what a handler throws is noted in the log, and what only follows from a cut is not", async () => {
  const noted: { readonly name?: unknown; readonly peer?: unknown; readonly error?: unknown }[] = [];
  const nothing = (): void => {};
  const log = { debug: nothing, info: nothing, error: nothing, warn: (facts: object) => void noted.push(facts) };
  await using both = await two("open", log);
  await using _ = await both.desk.handle("log", {}, async (stream) => {
    if ((await stream.read())?.toString() === "fail") throw new Error("a fault of the handler");
    await once(new AbortController().signal, "abort", { signal: AbortSignal.timeout(1) });
  });
  await using _fails = await both.desk.handle("cut", {}, async (stream) => void (await textOf(stream)));
  await using cut = await both.laptop.peer("desk").open("cut");
  cut.reset();
  await using failed = await both.laptop.peer("desk").open("log");
  await failed.write(Buffer.from("fail"));
  assert.equal((await failed.closed)?.code, "closed");
  while (noted.every(({ name }) => name !== "log")) await wait(10);
  const streams = noted.filter(({ name }) => name !== undefined);
  assert.equal(streams.length, 1);
  assert.equal(streams[0]!.peer, "laptop");
  assert.match(String(streams[0]!.error), /a fault of the handler/);
});
