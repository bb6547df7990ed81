// What is shared or sent may have a peer's home in it, as the user's own directory has: nobody gets the key, by any way.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { open } from "../../src/control/open.ts";
import { eventually } from "./peers.ts";

test("the home of a peer stays where it is, whatever around it is shared or sent", async () => {
  const dir = await mkdtemp(join(tmpdir(), "covey-homes-"));
  const listen = ["tcp://127.0.0.1:0"];
  try {
    const user = join(dir, "user");
    const home = join(user, ".local", "covey");
    await mkdir(join(user, ".local"), { recursive: true });
    await writeFile(join(user, "a.txt"), "a");
    await using laptop = await open({ home, name: "laptop", listen });
    await using desk = await open({ home: join(dir, "desk"), name: "desk", listen });
    await using invitation = await laptop.invite();
    await desk.join(invitation.ticket);
    await invitation.done;
    await symlink(home, join(dir, "link"));

    const toDesk = laptop.peer("desk");
    const refused = { code: "bad-argument", message: /is in the home of a covey peer/ };
    for (const path of [
      home,
      join(home, "key.pem"),
      join(dir, "link"),
      join(dir, "link", "spool"),
      join(dir, "desk", "key.pem"),
    ]) {
      await assert.rejects(toDesk.share(path), refused, path);
      await assert.rejects(toDesk.send(path), refused, path);
    }

    await toDesk.share(user);
    const onLaptop = desk.peer("laptop");
    await eventually(async () => (await onLaptop.shares()).length, 1);
    const listed = (await Array.fromAsync(onLaptop.list("user", { deep: true }))).map(({ path, kind }) => `${path} ${kind}`);
    assert.deepEqual(listed, ["user directory", "user/.local directory", "user/.local/covey note", "user/a.txt file"]);
    await assert.rejects(Array.fromAsync(onLaptop.read("user/.local/covey")), /private/);
    await assert.rejects(async () => (await onLaptop.get("user/.local/covey", { into: dir })).done, /private/);
    for (const path of ["user/.local/covey/key.pem", "user/.local/covey/spool"]) {
      await assert.rejects(Array.fromAsync(onLaptop.read(path)), { code: "not-found" }, path);
      await assert.rejects(async () => (await onLaptop.get(path, { into: dir })).done, { code: "not-found" }, path);
    }

    await using job = await toDesk.send(user);
    await eventually(async () => (await desk.inbox()).offers.length, 1);
    const into = join(dir, "into");
    await mkdir(into);
    await desk.accept((await desk.inbox()).offers[0]!.id, { into });
    const { notes } = await job.done;
    assert.deepEqual(notes.first, [{ path: "user/.local/covey", code: "private" }]);
    assert.deepEqual((await readdir(into, { recursive: true })).toSorted(), ["user", "user/.local", "user/a.txt"]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
