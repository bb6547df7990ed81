// A receiver whose own store takes nothing for a while, as on a full disk that is also its home's.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { CoveyError } from "../../src/core/errors.ts";
import type { SpaceStore } from "../../src/space/contract.ts";
import { nextOffer, openLab, watchUntil } from "../files/peers.ts";

const full = (): CoveyError => new CoveyError("no-space", "the disk is full");

for (const when of ["begins", "ends"] as const) {
  test(`a transfer whose receiver can't note how it ${when} goes on by itself once it can`, async (t) => {
    await using lab = await openLab();
    const content = randomBytes(3_000_000);
    await writeFile(join(lab.dir, "file"), content);
    const { offer } = await lab.a.files.send(lab.b.id, [join(lab.dir, "file")]);
    await nextOffer(lab.b);
    const { store } = lab.b;
    let failed = 0;
    const putLocal = store.putLocal.bind(store);
    const write = store.write.bind(store);
    if (when === "begins")
      // The hashes of the first blocks, and then that they could not be saved.
      t.mock.method(store, "putLocal", async (...args: Parameters<SpaceStore["putLocal"]>) => {
        const isNow = failed === 1 || (failed === 0 && args[1][0]?.key.startsWith("hash/"));
        if (!isNow) return putLocal(...args);
        failed++;
        throw full();
      });
    await lab.b.files.accept(offer.id, { into: lab.into });
    if (when === "ends")
      t.mock.method(store, "write", async (...args: Parameters<SpaceStore["write"]>) => {
        if (failed === 2) return write(...args);
        failed++;
        throw full();
      });
    assert.equal((await watchUntil(lab.b, offer.id)).offer.state, "done");
    assert.equal((await watchUntil(lab.a, offer.id)).offer.state, "done");
    assert.equal(failed, 2);
    assert.ok((await readFile(join(lab.into, "file"))).equals(content));
  });
}
