// A disk of 16 MiB that is full while a text client is served.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { noSmallDisk } from "../small-disk.ts";
import { place } from "./kit.ts";
import { textClient } from "./text-client.ts";

const CHILD = fileURLToPath(new URL("./text-full.child.ts", import.meta.url));

test(
  "a full disk: the client is told so, what was acknowledged is kept, and it goes on when there is room",
  { skip: noSmallDisk },
  async () => {
    await using at = await place();
    const disk = join(at.path, "disk");
    await mkdir(disk);
    const script = 'mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@"';
    const child = spawn("unshare", ["-Urm", "sh", "-c", script, disk, process.execPath, CHILD, join(disk, "home")], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const said = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
    try {
      const port = (await said()) as number;
      const filler = join(`/proc/${child.pid}/root`, disk, "filler");
      await using client = await textClient(port);
      let heard = 0;
      const ask = async (text: string): Promise<string> => {
        client.send(`${text}\n`);
        for (;;) {
          const all = await client.heard(heard + 1);
          if (!all.endsWith("\n")) continue;
          const answer = all.slice(heard);
          heard = all.length;
          return answer;
        }
      };
      assert.equal(await ask("update_data,kept"), "update_ack\n");
      await fill(filler);
      const kept: number[] = [];
      let answer = "";
      for (let length = 30_000; answer === "" || answer === "message_ack\n"; length++) {
        answer = await ask("x".repeat(length));
        if (answer === "message_ack\n") kept.push(length);
        assert.ok(kept.length < 30, "the disk is never full");
      }
      assert.equal(answer, "refused: there is no room for it here now\n");
      assert.match(await ask(`update_data,${"y".repeat(30_000)}`), /^refused: there is no room for it here now\n$/);
      assert.equal(await ask("get_data"), "kept\n");
      child.stdin.write("which\n");
      assert.deepEqual(await said(), kept);

      await rm(filler);
      assert.equal(await ask("room again"), "message_ack\n");
      assert.equal(await ask("update_data,room"), "update_ack\n");
      child.stdin.write("which\n");
      assert.deepEqual(await said(), [...kept, "room again".length]);
    } finally {
      child.stdin.end();
      await once(child, "exit");
    }
  },
);

/** Until nothing more fits. */
async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (let size = 64 * 1024; size >= 512;) {
      const written = await file.write(Buffer.alloc(size)).catch(() => undefined);
      if (written === undefined) size /= 2;
    }
  } finally {
    await file.close();
  }
}
