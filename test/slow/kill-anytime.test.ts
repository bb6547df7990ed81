// Real daemons, killed (SIGKILL) at random moments of everything at once: what was acknowledged is there afterwards, on both sides, once.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { toHex } from "../../src/core/bytes.ts";
import { hash } from "../../src/core/hash.ts";
import { type Actor, createActor } from "../../src/cli/demo/actor.ts";
import { makeFile } from "../../src/cli/demo/files.ts";
import { until } from "../../src/cli/demo/wait.ts";

const ROUNDS = 10;
const MiB = 1024 * 1024;

/** What the calls have acknowledged so far. */
interface Acknowledged {
  readonly messages: Set<string>;
  readonly keys: Map<string, number>;
  /** name -> BLAKE3. */
  readonly files: Map<string, string>;
}

test("whatever was acknowledged survives kill -9 of either side, at any moment", { timeout: 180_000 }, async (t) => {
  const seed = Number(process.env["COVEY_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}: COVEY_TEST_SEED=${seed} runs the same moments again`);
  const random = mulberry32(seed);
  const signal = AbortSignal.timeout(170_000);
  const directory = await mkdtemp(join(tmpdir(), "covey-kill-"));
  const a = await createActor("a", join(directory, "a"), signal);
  const b = await createActor("b", join(directory, "b"), signal);
  t.after(async () => {
    await Promise.allSettled([a.stop(), b.stop()]);
    await rm(directory, { recursive: true, force: true });
  });
  await Promise.all([a.start(), b.start()]);
  const invitation = await a.covey.invite({ as: "b", mine: true });
  await b.covey.join(invitation.ticket, { as: "a", mine: true });
  await invitation.done;

  const acknowledged: Acknowledged = { messages: new Set(), keys: new Map(), files: new Map() };
  for (let round = 0; round < ROUNDS; round++) {
    const victim = random() < 0.5 ? a : b;
    const stop = new AbortController();
    const flows = [talk(a, "b", round), talk(b, "a", round), set(a, "b", round), set(b, "a", round), share(round)];
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * 900));
    await victim.kill();
    stop.abort();
    await Promise.all(flows);
    await victim.start();

    async function talk(from: Actor, to: string, of: number): Promise<void> {
      for (let n = 0; !stop.signal.aborted; n++) {
        const text = `${from.name} ${of}.${n}`;
        if (await survives(() => from.covey.peer(to).message(text))) acknowledged.messages.add(text);
      }
    }
    async function set(at: Actor, peer: string, of: number): Promise<void> {
      for (let n = 0; !stop.signal.aborted; n++) {
        const key = `${at.name}/${of}/${n}`;
        if (await survives(() => at.covey.peer(peer).data().set(key, n))) acknowledged.keys.set(key, n);
      }
    }
    async function share(of: number): Promise<void> {
      const name = `${of}.bin`;
      const blake3 = await makeFile(join(a.files, name), 16 * MiB);
      if (!stop.signal.aborted && (await survives(() => a.covey.peer("b").send(join(a.files, name)))))
        acknowledged.files.set(name, blake3);
    }
  }

  assert.ok(acknowledged.messages.size > ROUNDS && acknowledged.keys.size > ROUNDS, "the flows were under way");
  await until(
    "both sides have everything of each other",
    async () => {
      const links = await Promise.all([a.covey.peer("b").show(), b.covey.peer("a").show()]);
      const running = (await b.covey.transfers()).some(({ offer }) => offer.state === "accepted" || offer.state === "waiting");
      return links.every(({ session, waitingOut }) => session !== undefined && waitingOut === 0) && !running ? true : undefined;
    },
    signal,
  );
  for (const [actor, peer] of [
    [a, "b"],
    [b, "a"],
  ] as const) {
    await hears(actor, peer, new Set(acknowledged.messages), signal);
    const items = new Map((await everything(actor, peer)).map(({ key, value }) => [key, value]));
    for (const [key, value] of acknowledged.keys) assert.equal(items.get(key), value, `${actor.name} lacks ${key}`);
  }
  for (const [name, blake3] of acknowledged.files) {
    assert.equal(toHex(hash(await readFile(join(b.files, name)))), blake3, `${name} is whole`);
  }
  t.diagnostic(`${acknowledged.messages.size} messages, ${acknowledged.keys.size} keys, ${acknowledged.files.size} files`);
});

async function everything(actor: Actor, peer: string): Promise<{ key: string; value: unknown }[]> {
  const all: { key: string; value: unknown }[] = [];
  for (let after: string | undefined; ; after = all.at(-1)!.key) {
    const page = await actor.covey
      .peer(peer)
      .data()
      .list("", after === undefined ? {} : { after });
    all.push(...page);
    if (page.length === 0) return all;
  }
}

/** The whole conversation from its first entry: every text that is looked for, and none twice. */
async function hears(actor: Actor, peer: string, missing: Set<string>, signal: AbortSignal): Promise<void> {
  const heard = new Set<string>();
  const after = { store: (await actor.covey.status()).storeId, seq: 0 };
  for await (const event of actor.covey.peer(peer).watchMessages({ after, signal })) {
    if (event.type !== "message") continue;
    const { text } = event.message;
    assert.ok(!heard.has(text), `${actor.name} has "${text}" twice`);
    heard.add(text);
    if (missing.delete(text) && missing.size === 0) return;
  }
}

/** Whether the call was acknowledged; a daemon that is killed under it, or before it, rejects it. */
async function survives(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return false;
  }
}

/** A small seeded generator: the moments, not secrets. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
