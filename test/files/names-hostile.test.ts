// Names of every kind that a file system holds, sent as a tree, one by one, and fetched from a share: each arrives byte for byte, or is
// among the notes with a reason. An oracle that knows only bytes compares both trees.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { forEachAtOnce } from "../../src/core/async.ts";
import { nest } from "../../src/blob/tree/test-kit.ts";
import { safeFileName } from "../../src/blob/names.ts";
import type { Transfer } from "../../src/services/files/contract.ts";
import { eventually, type Lab, nextOffer, openLab, watchUntil } from "./peers.ts";

const ODD = [
  ...["trailing.", "trailing ", "trailing", "...", " ", "CON", "con", "aux.txt", "COM¹", "LPT9.log", "nul", "a:b", "a:b:$DATA"],
  ...["back\\slash", "..\\up", "C:\\x", "%2e%2e", "．．", "a\nb", "a\rb", "a\tb", "\x1b[2J\x1b]52;c;aGk=\x07", "\u009b31m"],
  ...[
    "gnp\u202eexe",
    "\u2066\u2069",
    "zwj\u200d",
    "zwj",
    "👩\u200d👩\u200d👧",
    "\ufeff",
    "\u00ad",
    "café",
    "cafe\u0301",
    "ß",
    "ss",
    "SS",
  ],
  ...[
    "K",
    "k",
    "\u212a",
    "Å",
    "\u212b",
    "ſ",
    "s",
    "İ",
    "i\u0307",
    "I",
    "Case",
    "case",
    "CASE",
    "~",
    "-rf",
    "$(x)",
    "`x`",
    "'",
    '"',
    "*",
  ],
  ...[
    ".covey-x.part",
    ".git",
    ".DS_Store",
    "desktop.ini",
    "x (2)",
    "x",
    "\ufffd",
    "\u{10ffff}",
    "\u{10000}",
    "\uffff",
    "€".repeat(85),
  ],
  "n".repeat(255),
];
/** What covey itself has on its way in is never part of a tree. */
const OWN = ".covey-x.part";

const NOT_UTF8 = ["c328", "eda080", "c080", "f4908080", "61ff62", `${"79".repeat(254)}ff`];

const bytesOf = (name: string): Buffer => Buffer.from(name);

/** All of one byte, and all above, as bytes. */
const allNames = (): Buffer[] => {
  const single = Array.from({ length: 255 }, (_, i) => Buffer.of(i + 1)).filter(([byte]) => byte !== 0x2f && byte !== 0x2e);
  const names = [...single, ...ODD.map(bytesOf), ...NOT_UTF8.map((hex) => Buffer.from(hex, "hex"))];
  return [...new Map(names.map((name) => [name.toString("latin1"), name])).values()];
};

/** Every path below, as latin1 of its bytes, with what is there. Reached step by step: some are longer than a system call takes. */
function oracle(dir: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (handle: number, before: string): void => {
    for (const name of readdirSync(Buffer.from(`/proc/self/fd/${handle}/`), { encoding: "buffer" })) {
      const at = Buffer.concat([Buffer.from(`/proc/self/fd/${handle}/`), name]);
      const path = before + name.toString("latin1");
      if (lstatSync(at).isDirectory()) {
        found.set(path, "directory");
        const below = openSync(at, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        visit(below, `${path}/`);
        closeSync(below);
      } else found.set(path, `file ${readFileSync(at, "latin1")}`);
    }
  };
  const top = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  visit(top, "");
  closeSync(top);
  return found;
}

const putFile = (dir: string, name: Buffer): void => writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), name);

/** Files say their own names, so that none can stand for another; each name is a directory as well, with one in it. */
function plant(lab: Lab): string {
  const tree = join(lab.dir, "names");
  for (const dir of ["files", "directories"]) mkdirSync(join(tree, dir), { recursive: true });
  for (const name of allNames()) {
    putFile(join(tree, "files"), name);
    const dir = Buffer.concat([Buffer.from(`${tree}/directories/`), name]);
    mkdirSync(dir);
    writeFileSync(Buffer.concat([dir, Buffer.from("/in")]), name);
  }
  nest(tree, Array<string>(15).fill("n".repeat(255)), "f".repeat(250));
  return tree;
}

/** As notes show bytes that are no UTF-8. */
const shown = (path: string): string => {
  const text = Buffer.from(path, "latin1").toString();
  if (Buffer.from(text).toString("latin1") === path) return text;
  return path.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
};

/** What was sent and is neither there as it was nor noted, it or a directory that it is in; and what is there and was not sent. */
function differences(sent: Map<string, string>, came: Map<string, string>, { notes }: Transfer, root: string): string[] {
  assert.ok(notes.count === notes.first.length && notes.count < 1000, "all notes are told");
  const noted = new Set(notes.first.map(({ path }) => path));
  const isNoted = (path: string): boolean => {
    for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/"))))
      if (noted.has(`${root}/${shown(at).slice(0, 255 + at.lastIndexOf("/") + 1)}`)) return true;
    return false;
  };
  const lost = [...sent]
    .filter(([path, what]) => came.get(path) !== what && !isNoted(path))
    .map(([path]) => `lost ${shown(path)}`);
  const made = [...came.keys()].filter((path) => !sent.has(path)).map((path) => `made ${shown(path)}`);
  return [...lost, ...made];
}

/** Removes what has paths that are too long for Node to remove. */
const removing = (...paths: readonly string[]): Disposable => ({
  [Symbol.dispose]: () => void execFileSync("rm", ["-rf", ...paths]),
});

test("names of every kind in a tree: sent, fetched, and merged with what is there, none is lost, merged or overwritten", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const tree = plant(lab);
  using _ = removing(tree, into);
  const sent = oracle(tree);
  for (const kind of ["files", "directories"]) {
    sent.delete(`${kind}/${OWN}`);
    sent.delete(`${kind}/${OWN}/in`);
  }
  assert.ok(sent.size > 900, `${sent.size} things`);

  const { offer } = await a.files.send(b.id, [tree]);
  await nextOffer(b);
  await b.files.accept(offer.id, { into });
  const received = await watchUntil(b, offer.id);
  assert.equal(received.offer.state, "done", JSON.stringify(received.problem));
  const came = oracle(join(into, "names"));
  assert.deepEqual(differences(sent, came, received, "names"), []);
  assert.ok(came.size > 500, `${came.size} things came`);
  for (const { code } of received.notes.first) assert.ok(["not-utf8", "too-deep"].includes(code), code);

  await share(lab, tree);
  for (const conflict of ["rename", "overwrite", "skip"] as const) {
    const { offer: got } = await b.files.get(a.id, "names", { into, conflict, as: conflict === "rename" ? "again" : "names" });
    const done = await watchUntil(b, got.id);
    assert.equal(done.offer.state, "done", `${conflict}: ${JSON.stringify(done.problem)}`);
    assert.deepEqual(oracle(join(into, conflict === "rename" ? "again" : "names")), came, conflict);
  }
  await eventually(async () => readdirSync(into).sort(), ["again", "names"]);
});

test("the same names as roots of one offer: as many files as there were, each whole, under names that are safe", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const dir = join(lab.dir, "roots");
  await mkdir(dir);
  const names = allNames()
    .filter((name) => Buffer.from(name.toString()).equals(name) && name.toString() !== OWN)
    .map(String);
  for (const name of names) putFile(dir, bytesOf(name));
  const { offer } = await a.files.send(
    b.id,
    names.map((name) => join(dir, name)),
  );
  await nextOffer(b);
  await b.files.accept(offer.id, { into });
  const done = await watchUntil(b, offer.id);
  assert.equal(done.offer.state, "done", JSON.stringify(done.problem));
  await eventually(async () => readdirSync(into).some((name) => name.startsWith(".covey-")), false);
  const came = readdirSync(into);
  assert.deepEqual(came.map((name) => readFileSync(join(into, name), "utf8")).sort(), [...names].sort());
  for (const name of came) assert.equal(safeFileName(name), name);
});

test("each of them fetched by itself, by its path in a share: one file each, its own", async () => {
  await using lab = await openLab();
  const { a, b, into } = lab;
  const dir = join(lab.dir, "dist");
  await mkdir(dir);
  const names = ODD.filter((name) => name !== OWN);
  for (const name of names) putFile(dir, bytesOf(name));
  await share(lab, dir);
  for await (const listed of b.files.list(a.id, "dist", { signal: AbortSignal.timeout(20_000) }))
    assert.ok(listed.path === "dist" || names.includes(listed.path.slice(5)), listed.path);
  const fetched = new Set<string>();
  await forEachAtOnce(names, 4, async (name) => {
    const { offer } = await b.files.get(a.id, `dist/${name}`, { into });
    const { path, offer: ended } = await watchUntil(b, offer.id);
    assert.equal(ended.state, "done", JSON.stringify(name));
    assert.equal(readFileSync(path!, "utf8"), name);
    fetched.add(path!);
  });
  assert.equal(fetched.size, names.length);
  assert.equal(readdirSync(into).length, names.length);
});

/** Resolves when it is known there. */
async function share({ a, b }: Lab, path: string): Promise<void> {
  const { name } = await a.files.share(b.id, path);
  await eventually(async () => b.files.sharedBy(a.id).some((known) => known.name === name), true);
}
