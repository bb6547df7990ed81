import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";

import { Room } from "./room.ts";

test("what one transfer still needs is no room for another, until it has it or gives it back", async () => {
  const { bavail, bsize } = await statfs(tmpdir());
  const free = bavail * bsize;
  const room = new Room();
  let left = free * 0.75;
  const giveBack = await room.take(tmpdir(), () => left);
  assert.ok(giveBack);
  assert.equal(await room.take(tmpdir(), () => free / 2), undefined);
  // Nothing is lost by what failed, and what needs nothing always fits.
  (await room.take(tmpdir(), () => 0))!();
  (await room.take(tmpdir(), () => free / 8))!();
  left = free / 4;
  (await room.take(tmpdir(), () => free / 2))!();
  left = free * 0.75;
  giveBack();
  const [one, other] = await Promise.all([room.take(tmpdir(), () => free * 0.6), room.take(tmpdir(), () => free * 0.6)]);
  assert.equal([one, other].filter((taken) => taken !== undefined).length, 1);
});
