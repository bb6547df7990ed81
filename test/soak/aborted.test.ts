// Transfers that are given up in every way and at any moment, a thousand in some minutes of `npm run soak`: nothing of them stays in the
// target, in the homes, or in the records, and what a kill leaves is gone after the next start.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { forEachAtOnce, sleep } from "../../src/core/async.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { SpaceStore } from "../../src/space/contract.ts";
import { startChild } from "../files/children.ts";
import { eventually, type Lab, openLab } from "../files/peers.ts";
import { fill } from "../files/tree-kit.ts";
import { soakMs } from "./duration.ts";

const MiB = LIMITS.blockBytes;
const AT_ONCE = 6;

/** What is kept of single transfers, beside the offers that are still listed. */
async function leftovers(store: SpaceStore): Promise<string[]> {
  const stored = await store.listLocal("files", "");
  return stored.map(({ key }) => key).filter((key) => !key.startsWith("offer/") && !key.startsWith("removed/"));
}

async function spooled({ dir }: Lab, which: "a" | "b"): Promise<string[]> {
  return readdir(join(dir, which, "home", "spool")).catch(() => []);
}

const temporary = async (dir: string): Promise<string[]> => (await readdir(dir)).filter((name) => name.startsWith(".covey-"));

/** Sends and agrees, then gives it up after a moment; resolves to the offer's id. */
async function abort(lab: Lab, path: string, n: number): Promise<string> {
  const { a, b, into } = lab;
  const spool = n % 7 === 0;
  let id: string;
  if (spool) {
    const file = join(lab.dir, "a", "home", "spool", randomBytes(8).toString("hex"));
    await writeFile(file, randomBytes(MiB));
    id = (await a.files.sendSpooled(b.id, file, "spooled")).offer.id;
  } else id = (await a.files.send(b.id, [path])).offer.id;
  if (n % 5 !== 0) {
    await eventually(async () => (await b.files.offers()).some((known) => known.id === id), true);
    await b.files.accept(id, { into });
  }
  await sleep(Math.random() * 30);
  const quietly = (work: Promise<unknown>): Promise<unknown> =>
    // It may be over already, or not known there yet.
    work.catch((error: unknown) =>
      assert.ok(["conflict", "not-found"].includes((error as { code: string }).code), String(error)),
    );
  const [one, other] = n % 2 === 0 ? [a, b] : [b, a];
  if (n % 3 === 0) await quietly(one.files.pause(id));
  if (n % 4 === 0) await Promise.all([quietly(one.files.cancel(id)), quietly(other.files.cancel(id))]);
  else await quietly(a.files.cancel(id));
  for (const peer of [a, b])
    await eventually(async () => {
      const found = (await peer.files.offers()).find((known) => known.id === id);
      return found === undefined || ["declined", "withdrawn", "done"].includes(found.state);
    }, true);
  return id;
}

async function sources(lab: Lab, count: number): Promise<string[]> {
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = join(lab.dir, `source${i}`);
    if (i % 2 === 0) await fill(path, 60, 3000);
    if (i % 4 === 0) await writeFile(join(path, "large"), randomBytes(2 * MiB));
    if (i % 2 === 1) await writeFile(path, randomBytes(4 * MiB));
    paths.push(path);
  }
  return paths;
}

test("cancelled, paused and cancelled, by either or both: nothing of them is left", async (t) => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const paths = await sources(lab, AT_ONCE);
  const least = 60;
  let n = 0;
  const untilMs = performance.now() + soakMs(2000);
  const work = function* (): Generator<number> {
    while (n < least || performance.now() < untilMs) yield n++;
  };
  const free = [...paths];
  await forEachAtOnce(work(), AT_ONCE, async (i) => {
    const path = free.pop()!;
    await abort(lab, path, i);
    free.push(path);
  });
  t.diagnostic(`${n} transfers`);
  await eventually(() => temporary(into), []);
  for (const which of ["a", "b"] as const) await eventually(() => spooled(lab, which), []);
  for (const peer of [a, b]) {
    await eventually(() => leftovers(peer.store), []);
    assert.ok((await peer.store.listLocal("files", "offer/")).length <= 2 * LIMITS.offersEnded);
  }
});

test("given up around kills of the receiver, and by the removal of the peer: nothing is left after the next start", async (t) => {
  await using lab = await openLab({ mine: true });
  const { a } = lab;
  const { incoming, id: peer } = lab.b;
  await mkdir(incoming, { recursive: true });
  const address = lab.b.sessions.addresses()[0]!;
  await lab.b.close();
  const paths = await sources(lab, AT_ONCE);
  const ids: string[] = [];
  let kills = 0;
  for (const untilMs = performance.now() + soakMs(1500); performance.now() < untilMs || kills < 3; kills++) {
    await using child = await startChild([join(lab.dir, "b"), address]);
    const sent = await Promise.all(paths.map(async (path) => (await a.files.send(peer, [path])).offer.id));
    ids.push(...sent);
    await sleep(100 + Math.random() * 200);
    const some = sent.filter(() => Math.random() < 0.5);
    await Promise.all(some.map((id) => a.files.cancel(id).catch(() => {})));
    await sleep(Math.random() * 30);
    await child.kill();
    await Promise.all(sent.map((id) => a.files.cancel(id).catch(() => {})));
  }
  t.diagnostic(`${kills} kills, ${new Set(ids).size} transfers`);
  // What was on its way at the last kill, too; and some that its sender removes the peer amid.
  await using child = await startChild([join(lab.dir, "b"), address]);
  await eventually(
    async () => (await child.transfers()).every(({ offer }) => ["withdrawn", "declined", "done"].includes(offer.state)),
    true,
  );
  await eventually(() => temporary(incoming), []);
  await Promise.all(paths.map((path) => a.files.send(peer, [path])));
  await eventually(
    async () => (await child.transfers()).some(({ doneBytes, offer }) => doneBytes > 0 && offer.state === "accepted"),
    true,
  );
  await a.book.remove(peer);
  await eventually(
    async () => (await a.files.offers()).every(({ state }) => ["withdrawn", "done", "declined"].includes(state)),
    true,
  );
  await eventually(() => leftovers(a.store), []);
});
