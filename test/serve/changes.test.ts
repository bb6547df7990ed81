// A file that something happens to while it is downloaded: the client has the whole file as it was, or knows that it has not.

import assert from "node:assert/strict";
import { appendFile, chmod, mkdtemp, open, rename, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

import { browserRequest, type HttpPort, RawClient, serveHttp } from "./port.ts";

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
