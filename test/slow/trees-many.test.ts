// Ten thousand files, each flushed.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { openLab, watchUntil } from "../files/peers.ts";
import { fill, listing, sendAndAccept } from "../files/tree-kit.ts";

test("ten thousand small files come on one stream", async () => {
  await using lab = await openLab();
  const path = join(lab.dir, "many");
  await fill(path, 10_000, 100);
  const opened: string[] = [];
  const session = lab.b.sessions.get(lab.a.id)!;
  const open = session.open.bind(session);
  session.open = (route, ...rest) => {
    opened.push(route);
    return open(route, ...rest);
  };
  const id = await sendAndAccept(lab, [path]);
  const done = await watchUntil(lab.b, id);
  assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
  assert.equal(done.offer.files, 10_000);
  assert.deepEqual(
    opened.filter((route) => route.startsWith("files/")),
    ["files/walk"],
  );
  assert.deepEqual(await listing(join(lab.into, "many")), await listing(path));
});
