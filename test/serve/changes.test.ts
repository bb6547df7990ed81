// A file that something happens to while it is downloaded: the client has the whole file as it was, or knows that it has not.

import assert from "node:assert/strict";
import { appendFile, chmod, mkdir, mkdtemp, open, rename, rm, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

import { sleep } from "../../src/core/async.ts";
import { systemClock } from "../../src/core/clock.ts";
import { ask, browserRequest, type HttpPort, RawClient, serveHttp } from "./port.ts";

/** More than lies between a server and a client that reads nothing. */
const SIZE = 48 * 2 ** 20;
let root: string;
let file: string;
let http: HttpPort;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "covey-changes-"));
  file = join(root, "file");
  http = await serveHttp({ directory: root });
});
after(async () => {
  await http[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

async function downloadDuring(happening: () => Promise<void>): Promise<"whole" | "cut"> {
  await writeFile(file, Buffer.alloc(SIZE, "a"));
  using client = new RawClient(http.port);
  client.socket.write(browserRequest(http.port, "/file"));
  await client.has(1);
  client.socket.pause();
  await happening();
  client.socket.resume();
  const all = await client.rest();
  if ((await client.closed) === "cut") return "cut";
  const body = all.subarray(all.indexOf("\r\n\r\n") + 4);
  assert.ok(body.equals(Buffer.alloc(SIZE, "a")));
  return "whole";
}

async function rewrite(): Promise<void> {
  await using opened = await open(file, "r+");
  await opened.write("b", SIZE / 2);
}

async function replace(): Promise<void> {
  await writeFile(join(root, "other"), Buffer.alloc(SIZE, "b"));
  await rename(join(root, "other"), file);
}

const HAPPENINGS: readonly (readonly [what: string, happening: () => Promise<void>, outcome: "whole" | "cut"])[] = [
  ["rewritten in place", rewrite, "cut"],
  ["truncated", () => truncate(file, SIZE - 1), "cut"],
  ["appended to", () => appendFile(file, "b"), "cut"],
  ["replaced by another one", replace, "whole"],
  ["renamed", () => rename(file, join(root, "renamed")), "whole"],
  ["removed", () => unlink(file), "whole"],
  ["made unreadable", () => chmod(file, 0), "whole"],
];

for (const [what, happening, outcome] of HAPPENINGS)
  test(`a file that is ${what} meanwhile: ${outcome}`, async () => {
    assert.equal(await downloadDuring(happening), outcome);
    await rm(file, { force: true });
  });

test("what changes between two requests for a small file is in the answer to the second", async () => {
  // What has just been written counts as settled, so that it is kept in memory.
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + 60_000 };
  const published = join(root, "published");
  await mkdir(join(published, "sub"), { recursive: true });
  await using port = await serveHttp({ directory: published, clock });
  const seen = async (): Promise<string> => {
    // The file system's clock ticks, and what is kept is asked for.
    await sleep(12);
    const answers: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { status, headers, body } = await ask(port.port, browserRequest(port.port, "/sub/small"));
      assert.equal(headers.get("content-length"), String(body.length));
      answers.push(status === 200 ? body.toString() : String(status));
    }
    assert.equal(new Set(answers).size, 1);
    return answers[0]!;
  };
  const small = join(published, "sub/small");
  const changes: readonly (readonly [() => Promise<void>, answer: string])[] = [
    [() => writeFile(small, "one"), "one"],
    [() => writeFile(small, "two"), "two"],
    [() => appendFile(small, "three"), "twothree"],
    [() => unlink(small), "404"],
    [() => mkdir(small), "301"],
    [() => rm(small, { recursive: true }), "404"],
    [() => writeFile(small, ""), ""],
    [() => rename(join(published, "sub"), join(root, "away")), "404"],
    [() => symlink("../away", join(published, "sub")), "404"],
    [() => unlink(join(published, "sub")), "404"],
    [() => rename(join(root, "away"), join(published, "sub")), ""],
    [() => writeFile(small, "four"), "four"],
  ];
  for (const [change, answer] of changes) {
    await change();
    assert.equal(await seen(), answer);
  }
});
