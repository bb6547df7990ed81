import assert from "node:assert/strict";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setImmediate } from "node:timers/promises";

import { Looks } from "./looks.ts";

test("those who ask together share a look that sees all that was before they asked, and a link as itself", async () => {
  const directory = await mkdtemp(join(tmpdir(), "covey-looks-"));
  const path = join(directory, "ü");
  const latin1 = Buffer.from(path).toString("latin1");
  const looks = new Looks();
  try {
    assert.equal(await looks.at(latin1, false), undefined);
    await writeFile(path, "");
    const [first, second] = [looks.at(latin1, false), looks.at(latin1, false)];
    assert.equal(first, second);
    assert.notEqual(await first, undefined);
    const early = looks.at(latin1, false);
    await setImmediate();
    await writeFile(path, "longer");
    const late = looks.at(latin1, false);
    assert.notEqual(late, early);
    assert.notEqual(await late, await first);
    await early;
    await symlink(path, `${path}-link`);
    const link = Buffer.from(`${path}-link`).toString("latin1");
    assert.notEqual(await looks.at(link, false), await late);
    assert.equal(await looks.at(link, true), await late);
  } finally {
    await rm(directory, { recursive: true });
  }
});
