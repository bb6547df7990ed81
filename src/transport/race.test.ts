import assert from "node:assert/strict";
import { test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import { race } from "./race.ts";
import { tcpTransport } from "./tcp.ts";

const never = new AbortController().signal;
const noDiscard = (): void => assert.fail("nothing was late");
const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));

test("the first success wins, and who hangs is told to stop", async () => {
  const stopped: string[] = [];
  const won = await race(
    ["dead", "hangs", "good", "late"],
    async (candidate, signal) => {
      if (candidate === "dead") throw new Error("nothing there");
      if (candidate === "good") return candidate;
      return hang(signal).catch((error: unknown) => {
        stopped.push(candidate);
        throw error;
      });
    },
    { signal: never, discard: noDiscard, staggerMs: 5 },
  );
  assert.equal(won, "good");
  assert.deepEqual(stopped, ["hangs"]);
});

test("a failure starts the next at once, without the stagger", async () => {
  const won = await race(["a", "b"], async (c) => (c === "a" ? Promise.reject(new Error("no")) : c), {
    signal: never,
    discard: noDiscard,
    staggerMs: 2 ** 30,
  });
  assert.equal(won, "b");
});

test("what succeeds too late is discarded", async () => {
  const slow = Promise.withResolvers<string>();
  const discarded = Promise.withResolvers<string>();
  const won = await race(["slow", "fast"], (c) => (c === "slow" ? slow.promise : Promise.resolve(c)), {
    signal: never,
    discard: discarded.resolve,
    staggerMs: 1,
  });
  slow.resolve("slow");
  assert.equal(won, "fast");
  assert.equal(await discarded.promise, "slow");
});

test("when all fail, one error says what each did", async () => {
  await assert.rejects(
    race(["x", "y"], (c) => Promise.reject(new Error(`${c}: said no`)), { signal: never, discard: noDiscard }),
    (error) => error instanceof CoveyError && error.code === "unreachable" && error.message === "x: said no; y: said no",
  );
  await assert.rejects(
    race([], () => Promise.resolve(), { signal: never, discard: noDiscard }),
    (error) => error instanceof CoveyError && error.code === "unreachable",
  );
});

test("aborting ends every attempt with the signal's reason", async () => {
  const all = new AbortController();
  const stopped: string[] = [];
  const racing = race(["a", "b"], (c, signal) => hang(signal).finally(() => stopped.push(c)), {
    signal: all.signal,
    discard: noDiscard,
    staggerMs: 1,
  });
  setTimeout(() => all.abort(new Error("enough")), 20);
  await assert.rejects(racing, /enough/);
  assert.deepEqual(stopped, ["a", "b"]);
});

test("real addresses: the dead ones do not keep the living one from winning", async () => {
  const listener = await tcpTransport.listen("tcp://127.0.0.1:0", ({ duplex }) => duplex.destroy());
  const [good] = listener.addresses();
  const won = await race(["tcp://127.0.0.1:1", "tcp://[::1]:1", good!], (address, signal) => tcpTransport.dial(address, signal), {
    signal: never,
    discard: ({ duplex }) => duplex.destroy(),
    staggerMs: 10,
  });
  assert.equal(won.address, good);
  won.duplex.destroy();
  await listener.close();
});
