import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { CoveyError, fromPlatform } from "./errors.ts";

test("what the platform says is told once, and names the file", async () => {
  const path = join(tmpdir(), "covey-nothing-is-here");
  const error: unknown = await readFile(path).catch((problem: unknown) => problem);
  const named = fromPlatform(error, `read ${path}`);
  assert.equal(named.message, `can't read ${path}: no such file or directory`);
  assert.deepEqual([named.code, named.details], ["not-found", { platform: "ENOENT" }]);
  assert.equal(fromPlatform(error, "do this").message, `can't do this: ENOENT: no such file or directory, open '${path}'`);
  const nameless = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  assert.equal(fromPlatform(nameless, "write it").message, "can't write it: no space left on device");
  assert.equal(fromPlatform("what?", "do this").message, "can't do this: what?");
});

test("an error of covey's own passes unchanged", () => {
  const error = new CoveyError("limit", "too much");
  assert.equal(fromPlatform(error, "do this"), error);
});
