// Targets where nothing can be put into some directory: what belongs there is noted, the rest is placed; at the top nothing is given up.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import type { Conflict, Placed, StagingId } from "../../src/blob/tree/contract.ts";
import type { Task } from "./child.ts";
import { type Item, type Lab, names, openLab, packOf, signal } from "./kit.ts";

const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));

function whyNot(...world: string[]): string | false {
  try {
    execFileSync("unshare", [...world, "true"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `no namespace of one's own here: ${(error as Error).message.split("\n")[0]}`;
  }
}
/** Without the rights of root, whoever runs this. */
const PLAIN = ["-U"];
const skip = whyNot(...PLAIN) || whyNot("-Urm");

const TREE: readonly Item[] = [
  ["d"],
  ["d/closed"],
  ["d/closed/f", "ours"],
  ["d/closed/l", "->", "f"],
  ["d/open"],
  ["d/open/f", "ours"],
];

async function stage(lab: Lab): Promise<StagingId> {
  const staging = await lab.create();
  await staging.write(packOf(TREE));
  await staging.sync();
  await staging.close();
  return staging.id;
}

function placeIn(world: readonly string[], lab: Lab, id: StagingId, conflict: Conflict): Placed {
  const task: Task = { do: "place", id, after: "d/open/f", into: lab.into, conflict };
  const args = [...world, process.execPath, CHILD, JSON.stringify(task)];
  return JSON.parse(execFileSync("unshare", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })) as Placed;
}

const notes = ({ notes: { first } }: Placed): string[] => first.map(({ path, code }) => `${path} ${code}`);

for (const conflict of ["skip", "overwrite"] as const) {
  test(
    `what belongs into a directory that is read-only there is noted, and the rest is placed (${conflict})`,
    { skip },
    async () => {
      await using lab = openLab();
      mkdirSync(join(lab.into, "d/closed"), { recursive: true });
      writeFileSync(join(lab.into, "d/closed/kept"), "theirs");
      chmodSync(join(lab.into, "d/closed"), 0o555);
      const placed = placeIn(PLAIN, lab, await stage(lab), conflict);
      assert.deepEqual(notes(placed), ["d/closed/f unwritable", "d/closed/l unwritable"]);
      assert.deepEqual(names(lab.into), ["d/", "d/closed/", "d/closed/kept", "d/open/", "d/open/f"]);
    },
  );

  test(`what belongs onto another file system there is noted, and the rest is placed (${conflict})`, { skip }, async () => {
    await using lab = openLab();
    mkdirSync(join(lab.into, "d/closed"), { recursive: true });
    const mount = 'mount -t tmpfs tmpfs "$0" && echo theirs > "$0/f" && exec "$@"';
    const placed = placeIn(["-Urm", "sh", "-c", mount, join(lab.into, "d/closed")], lab, await stage(lab), conflict);
    assert.deepEqual(notes(placed), [conflict === "skip" ? "d/closed/f exists" : "d/closed/f unwritable"]);
    assert.deepEqual(names(lab.into), ["d/", "d/closed/", "d/open/", "d/open/f"]);
  });
}

test("at the top it fails, nothing is given up, and it goes on once that is mended", { skip }, async () => {
  await using lab = openLab();
  for (const closed of [lab.into, join(lab.into, "d")]) {
    const id = await stage(lab);
    mkdirSync(join(lab.into, "d"), { recursive: true });
    chmodSync(closed, 0o555);
    assert.throws(() => placeIn(PLAIN, lab, id, closed === lab.into ? "rename" : "overwrite"), /EACCES/);
    chmodSync(closed, 0o755);
    const staging = (await lab.writer.reopen(id, { after: "d/open/f", large: [] }, { signal }))!;
    assert.equal(staging.isPlacing, true);
    const { paths } = await staging.place(lab.into, { conflict: closed === lab.into ? "rename" : "overwrite", signal });
    assert.equal(readFileSync(join(paths[0]!, "open/f"), "utf8"), "ours");
    await staging.close();
    await lab.writer.remove(id);
    assert.ok(!readdirSync(lab.into).some((name) => name.startsWith(".covey-")));
  }
});
