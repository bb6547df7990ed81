// The end of a transfer at the receiver, call by call: killed right before each of them, and told that its flush has failed.
//
// strace makes the fault: it kills the process at the entry of a call on one path, or has the call fail. Calls on files are made in one
// thread, so that the first of a kind is the first.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { tempPath } from "../../src/blob/placing.ts";
import { domainHash } from "../../src/core/hash.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { type Child, startChild } from "../files/children.ts";
import { b3, eventually, type Lab, openLab, watchUntil } from "../files/peers.ts";

const content = randomBytes(3 * LIMITS.blockBytes + 77);

function whyNot(): string | false {
  try {
    execFileSync("strace", ["-qq", "-o", "/dev/null", "-D", "-e", "inject=fsync:error=EIO", "true"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `no strace that can be used here: ${(error as Error).message.split("\n")[0]}`;
  }
}
const skip = whyNot();

interface Rig {
  readonly lab: Lab;
  readonly id: string;
  /** Starts the receiver, with this fault at the first such call. */
  start(call: string, fault: string): Promise<Child>;
  startWell(): Promise<Child>;
}

/** A file on offer to an own device that is not there yet. `on`: whether the calls are those on the partial file or on its directory. */
async function rig(lab: Lab, on: "file" | "directory"): Promise<Rig> {
  const path = join(lab.dir, "file");
  await writeFile(path, content);
  const address = lab.b.sessions.addresses()[0]!;
  await lab.b.close();
  const { offer } = await lab.a.files.send(lab.b.id, [path]);
  const args = [join(lab.dir, "b"), address];
  const key = domainHash("covey/temp/1", Buffer.from(offer.id)).toString("hex", 0, 12);
  const watched = on === "file" ? tempPath(lab.b.incoming, key) : lab.b.incoming;
  const strace = ["env", "UV_THREADPOOL_SIZE=1", "strace", "-f", "-qq", "-D", "-o", "/dev/null", "-P", watched];
  return {
    lab,
    id: offer.id,
    start: (call, fault) => startChild(args, [...strace, "-e", `trace=${call}`, "-e", `inject=${call}:${fault}:when=1`]),
    startWell: () => startChild(args),
  };
}

const KILLS: readonly (readonly [on: "file" | "directory", call: string, before: string])[] = [
  ["file", "openat", "the partial file is made"],
  ["file", "pwrite64", "the first block is written"],
  ["file", "fdatasync", "the blocks are flushed"],
  ["file", "fchmod", "the file gets its mode"],
  ["file", "utimensat", "the file gets its time"],
  ["file", "fsync", "the file is flushed"],
  ["file", "link", "the file gets its name"],
  ["directory", "fsync", "the directory is flushed"],
  ["file", "unlink", "the partial name goes"],
];
for (const [on, call, before] of KILLS) {
  test(`killed right before ${before} (${call}), a receiver ends with the file, once`, { skip }, async () => {
    await using lab = await openLab({ mine: true });
    const { id, start, startWell } = await rig(lab, on);
    await using doomed = await start(call, "signal=SIGKILL");
    await doomed.exited;
    await using again = await startWell();
    const done = await watchUntil(lab.a, id);
    assert.equal(done.offer.state, "done");
    await eventually(() => readdir(lab.b.incoming), ["file"]);
    assert.equal(b3(await readFile(join(lab.b.incoming, "file"))), b3(content));
    assert.deepEqual(
      (await again.transfers()).map(({ offer, blake3 }) => [offer.state, blake3]),
      [["done", b3(content)]],
    );
  });
}

const FLUSHES: readonly (readonly [on: "file" | "directory", call: string])[] = [
  ["file", "fdatasync"],
  ["file", "fsync"],
  ["directory", "fsync"],
];
for (const [on, call] of FLUSHES) {
  test(
    `a failed ${call} of the ${on} is not tried again: the transfer fails on both sides, and nothing is left`,
    { skip },
    async () => {
      await using lab = await openLab({ mine: true });
      const { id, start } = await rig(lab, on);
      await using child = await start(call, "error=EIO");
      const failed = await watchUntil(lab.a, id);
      assert.deepEqual([failed.offer.state, failed.problem?.code], ["failed", "io"]);
      assert.deepEqual(await readdir(lab.b.incoming), []);
      assert.deepEqual(
        (await child.transfers()).map(({ offer, problem }) => [offer.state, problem?.code, problem?.hint]),
        [["failed", "io", "When that is mended, receive it again."]],
      );
    },
  );
}
