// What npm would publish, looked at by publint: packed for real, so that `files` and `exports` are judged together.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const folder = mkdtempSync(join(tmpdir(), "covey-pack-"));
try {
  const packed = spawnSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { encoding: "utf8" });
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (packed.status !== 0 || tarball === undefined) throw new Error(`npm pack failed\n${packed.stderr}`);
  const { messages, pkg } = await publint({ pack: { tarball: readFileSync(join(folder, tarball)).buffer }, strict: true });
  for (const message of messages) console.log(formatMessage(message, pkg));
  process.exitCode = messages.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
