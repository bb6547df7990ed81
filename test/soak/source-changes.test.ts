// Files that are appended to, overwritten, truncated and replaced a hundred times a second while they are sent alone, in a tree, and read
// from a share: whoever receives gets a version that there was, or an error. Who changes them says each version's hash before it makes it.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { startScript } from "../../src/blob/tree/test-kit.ts";
import { b3, eventually, openLab, watchUntil } from "../files/peers.ts";
import { soakMs } from "./duration.ts";

/** Small enough for a pack, and two blocks. */
const SIZES = [20_480, 1_310_720];
const KINDS = ["append", "overwrite", "truncate", "replace"];
const NAMES = KINDS.flatMap((kind) => SIZES.map((size) => `${kind}-${size}`));

/**
 * One step each 10 ms, with pauses of up to half a second, or nothing would ever come through. A write stays within a page, so that the
 * system does it at once: every state of the file is one of the versions.
 */
const CHANGER = `
import { appendFileSync, ftruncateSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { randomBytes, randomInt } from "node:crypto";
import { join } from "node:path";
import { blake3 } from "@napi-rs/blake-hash";
const [dir, log, names] = process.argv.slice(1);
const files = JSON.parse(names).map((name) => {
  const [kind, size] = name.split("-");
  const file = { kind, full: Number(size), path: join(dir, name), content: randomBytes(Number(size)), fd: -1 };
  announce(file);
  writeFileSync(file.path, file.content);
  if (kind !== "replace") file.fd = openSync(file.path, "r+");
  return file;
});
function announce({ path, content }) {
  appendFileSync(log, path.slice(dir.length + 1) + " " + blake3(content).toString("hex") + "\\n");
}
function change(file) {
  const { kind, full, fd, path } = file;
  const piece = randomBytes(512);
  const length = file.content.length;
  if (kind === "append") {
    if (length >= full + 512 * 200) {
      file.content = file.content.subarray(0, full);
      announce(file);
      return ftruncateSync(fd, full);
    }
    file.content = Buffer.concat([file.content, piece]);
    announce(file);
    writeSync(fd, piece, 0, 512, length);
  } else if (kind === "overwrite") {
    const at = 512 * randomInt(length / 512);
    file.content = Buffer.from(file.content);
    piece.copy(file.content, at);
    announce(file);
    writeSync(fd, piece, 0, 512, at);
  } else if (kind === "truncate") {
    const shorter = length > full / 2;
    const next = shorter ? length - 512 * randomInt(1, 9) : full;
    file.content = shorter ? file.content.subarray(0, next) : Buffer.concat([file.content, Buffer.alloc(next - length)]);
    announce(file);
    ftruncateSync(fd, next);
  } else {
    file.content = randomBytes(full - 512 * randomInt(8));
    announce(file);
    writeFileSync(path + ".new", file.content);
    renameSync(path + ".new", path);
  }
}
let restUntil = 0;
let runUntil = performance.now() + 200;
setInterval(() => {
  const now = performance.now();
  if (now < restUntil) return;
  if (now > runUntil) {
    restUntil = now + randomInt(500);
    runUntil = restUntil + 50 + randomInt(200);
    return;
  }
  for (const file of files) change(file);
}, 10);
console.log("changing");
`;

interface Seen {
  whole: number;
  failed: number;
  noted: number;
}

test("what is received is a version that there was, whichever way it came, and the process lives", async (t) => {
  await using lab = await openLab();
  const { a, b } = lab;
  const dir = join(lab.dir, "changing");
  const log = join(lab.dir, "versions");
  mkdirSync(dir);
  await using _changer = await startScript(CHANGER, dir, log, JSON.stringify(NAMES));
  await a.files.share(b.id, dir);
  await eventually(async () => b.files.sharedBy(a.id).length, 1);
  const check = (name: string, content: Buffer): void => {
    const known = readFileSync(log, "utf8");
    assert.ok(known.includes(`${name} ${b3(content)}\n`), `${content.length} bytes that ${name} never was`);
  };
  const seen: Record<string, Seen> = {};
  const count = (way: string, what: keyof Seen): void => void (seen[way] ??= { whole: 0, failed: 0, noted: 0 })[what]++;
  const startMs = performance.now();
  const goesOn = (): boolean => performance.now() < startMs + soakMs(1500);
  let rounds = 0;

  const alone = async (name: string): Promise<void> => {
    const into = join(lab.into, `alone-${name}`);
    mkdirSync(into);
    for (; goesOn() || !seen["alone"]?.whole; rounds++) {
      const { offer } = await a.files.send(b.id, [join(dir, name)]);
      await eventually(async () => (await b.files.offers()).some(({ id }) => id === offer.id), true);
      await b.files.accept(offer.id, { into });
      await ended("alone", name, offer.id);
      await watchUntil(a, offer.id);
      rmSync(into, { recursive: true });
      mkdirSync(into);
    }
  };
  const ended = async (way: string, name: string, id: string): Promise<void> => {
    const { offer, path, problem } = await watchUntil(b, id);
    if (offer.state === "done") {
      check(name, readFileSync(path!));
      count(way, "whole");
    } else {
      assert.equal(offer.state, "failed");
      assert.ok(["changed", "not-found"].includes(problem!.code), JSON.stringify(problem));
      count(way, "failed");
    }
  };
  const got = async (name: string): Promise<void> => {
    const into = join(lab.into, `got-${name}`);
    mkdirSync(into);
    while (goesOn()) {
      const { offer } = await b.files.get(a.id, `changing/${name}`, { into, conflict: "overwrite" });
      await ended("got", name, offer.id);
    }
  };
  const read = async (): Promise<void> => {
    for (let n = 0; goesOn() || !seen["read"]?.whole; n++) {
      const name = NAMES[n % NAMES.length]!;
      try {
        const chunks = await Array.fromAsync(b.files.read(a.id, `changing/${name}`, { signal: AbortSignal.timeout(30_000) }));
        check(name, Buffer.concat(chunks));
        count("read", "whole");
      } catch (error) {
        assert.ok(["changed", "not-found"].includes((error as { code: string }).code), String(error));
        count("read", "failed");
      }
    }
  };
  const tree = async (): Promise<void> => {
    const into = join(lab.into, "tree");
    while (goesOn() || !seen["tree"]?.whole) {
      mkdirSync(into);
      const { offer } = await a.files.send(b.id, [dir]);
      await eventually(async () => (await b.files.offers()).some(({ id }) => id === offer.id), true);
      await b.files.accept(offer.id, { into });
      const done = await watchUntil(b, offer.id);
      await watchUntil(a, offer.id);
      assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
      const noted = new Map(done.notes.first.map(({ path, code }) => [path, code]));
      for (const name of readdirSync(join(into, "changing"))) {
        if (name.endsWith(".new")) continue;
        check(name, readFileSync(join(into, "changing", name)));
        assert.ok(!noted.has(`changing/${name}`), `${name} is there and noted`);
        count("tree", "whole");
      }
      for (const [path, code] of noted) {
        assert.ok(["changed", "vanished"].includes(code), `${path} ${code}`);
        count("tree", "noted");
      }
      rmSync(into, { recursive: true });
    }
  };
  await Promise.all([
    alone("append-20480"),
    alone("replace-1310720"),
    alone("overwrite-1310720"),
    got("truncate-1310720"),
    got("append-1310720"),
    read(),
    tree(),
  ]);
  t.diagnostic(JSON.stringify({ rounds, ...seen, versions: readFileSync(log, "utf8").split("\n").length }));
  for (const peer of [a, b]) assert.ok((await peer.files.offers()).every(({ state }) => state === "done" || state === "failed"));
});
