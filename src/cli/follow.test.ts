// How long a transfer took, as it is told: from when it was agreed to, and only what this command saw all of.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import type { NamedTransfer } from "../control/covey.ts";
import { followTransfer } from "./follow.ts";
import { createOutput } from "./output.ts";
import { createProgress } from "./progress.ts";

type State = NamedTransfer["offer"]["state"];

const transfer = (state: State, offeredAtMs: number): NamedTransfer =>
  ({
    offer: {
      id: "0a",
      number: 3,
      kind: "file",
      name: "a",
      roots: [],
      rootCount: 1,
      size: 10,
      direction: "out",
      state,
      offeredAtMs,
    },
    ...{ peerName: "desk", doneBytes: 5, bytesPerSecond: 0, connected: true, notes: { count: 0, first: [] } },
  }) as unknown as NamedTransfer;

async function follow(states: readonly State[], offeredAtMs: number, end?: Error) {
  const said: string[] = [];
  const out = {
    ...createOutput({ input: false, progress: false, color: "never" }, undefined),
    note: (text: string) => said.push(text),
  };
  const covey = { pause: () => Promise.reject(end!), resume: () => Promise.reject(end!) };
  const context = { out, signal: new AbortController().signal };
  const view = await createProgress(process.stderr, false);
  async function* each(): AsyncGenerator<NamedTransfer> {
    for (const state of states) yield transfer(state, offeredAtMs);
    if (end !== undefined) throw end;
  }
  return { said, followed: followTransfer({ context, covey, view, again: "The same command" }, each()) };
}

test("the time is that of what this command saw move", async () => {
  const took = async (states: readonly State[], offeredAtMs: number) =>
    (await (await follow(states, offeredAtMs)).followed).tookMs;
  const before = performance.timeOrigin - 60_000;
  assert.equal(typeof (await took(["waiting", "accepted", "done"], before)), "number");
  assert.equal(typeof (await took(["accepted", "done"], Date.now())), "number");
  assert.equal(await took(["accepted", "done"], before), undefined);
  assert.equal(await took(["done"], before), undefined);
});

test("a daemon that goes away takes nothing along, and that is said", async () => {
  const down = new CoveyError("daemon-down", "the daemon went away during the call");
  const { said, followed } = await follow(["accepted"], 0, down);
  await assert.rejects(followed, down);
  assert.deepEqual(said, ["Nothing is lost: `covey up`, and it goes on."]);
});
