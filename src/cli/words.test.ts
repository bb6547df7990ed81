// Offers, transfers, shares and listings in words and lines.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { PeerId } from "../core/ids.ts";
import type { NamedTransfer } from "../control/covey.ts";
import type { Listed } from "../services/files/contract.ts";
import { countAccess, renderAccess, renderPolicy } from "./access.ts";
import { nameOf, renderListed } from "./listing.ts";
import { isMissing, noteWords, renderNotes } from "./notes.ts";
import { describeOffer, listRoots, offerName } from "./offer.ts";
import { Pace } from "./pace.ts";
import { renderAll } from "./progress.ts";
import { homeGiven, suggest } from "./suggest.ts";
import { failureOf, progressOf, whatArrived } from "./transfer.ts";
import { measurable, widthOf, wrapText } from "./width.ts";

type Roots = NamedTransfer["offer"]["roots"];
type Change = Partial<Omit<NamedTransfer, "offer">> & { readonly offer?: Partial<NamedTransfer["offer"]> };

const MiB = 2 ** 20;
const file = (name: string, bytes: number): Roots[number] => ({ name, kind: "file", files: 1, bytes });
const photos: Roots[number] = { name: "photos", kind: "directory", files: 311, bytes: 1200 * MiB };

function transferOf({ offer, ...change }: Change = {}): NamedTransfer {
  const roots = offer?.roots ?? [file("a.txt", MiB)];
  return {
    offer: {
      ...{
        id: "0a",
        number: 3,
        peer: "p" as PeerId,
        direction: "out",
        kind: roots.length > 1 ? "tree" : "file",
        name: roots[0]!.name,
      },
      ...{ files: roots.reduce((sum, { files }) => sum + files, 0), size: roots.reduce((sum, { bytes }) => sum + bytes, 0) },
      ...{ roots, rootCount: roots.length, sharePath: undefined, offeredAtMs: 0, state: "accepted" },
      ...offer,
    },
    ...{
      peerName: "desk",
      doneBytes: 0,
      resumedBytes: 0,
      bytesPerSecond: 0,
      connected: true,
      paused: undefined,
      path: undefined,
    },
    ...{ blake3: undefined, notes: { count: 0, first: [] }, problem: undefined },
    ...change,
  };
}

const offerOf = (offer: Change["offer"]) => ({ ...transferOf({ ...(offer && { offer }) }).offer, peerName: "desk" });

test("what an offer is of", () => {
  const many = Array.from({ length: 5 }, (_, i) => file(`${i}.txt`, 10));
  assert.equal(describeOffer(offerOf({})), "a.txt, 1.00 MiB");
  assert.equal(describeOffer(offerOf({ roots: [photos], kind: "tree" })), "photos/: 311 files, 1.17 GiB");
  assert.equal(
    describeOffer(offerOf({ roots: [photos, file("report.pdf", MiB)] })),
    "photos/ and report.pdf: 312 files, 1.17 GiB",
  );
  assert.equal(offerName(offerOf({ roots: many.slice(0, 3) })), "0.txt, 1.txt and 2.txt");
  assert.equal(offerName(offerOf({ roots: many, rootCount: 100 })), "0.txt, 1.txt and 98 more");
  assert.equal(offerName(offerOf({ roots: [file("\u001b[2J\u202e", 1)] })), "\\u{1b}[2J\\u{202e}");
  assert.deepEqual(listRoots(offerOf({ roots: [photos] })), []);
  assert.deepEqual(
    listRoots(offerOf({ roots: [photos, { name: "l", kind: "link", files: 0, bytes: 0 }, ...many], rootCount: 90 }), 3),
    ["photos/, 311 files, 1.17 GiB", "l, a link", "0.txt, 10 B", "and 87 more"],
  );
});

test("what a transfer waits for, and how far its roots are", () => {
  const roots = [file("a", 10), { ...photos, bytes: 20 }, file("b", 30)];
  const moving = progressOf(transferOf({ offer: { roots }, doneBytes: 15, bytesPerSecond: 1 }));
  assert.equal(moving.name, "a, photos/ and b");
  assert.deepEqual(
    moving.parts?.map(({ name, doneBytes }) => [name, doneBytes]),
    [
      ["a", 10],
      ["photos/", 5],
      ["b", 0],
    ],
  );
  assert.deepEqual(progressOf(transferOf()).parts, []);
  const waits = (change: Change): unknown => {
    const { name, parts, waits: why } = progressOf(transferOf({ ...change, offer: { roots, ...change.offer } }));
    assert.deepEqual([name, parts], ["a, photos/ and b", []]);
    return why;
  };
  assert.equal(waits({ offer: { state: "waiting" } }), "waits for desk to agree");
  assert.equal(waits({ offer: { state: "waiting", direction: "in" } }), "waits for you to agree");
  assert.equal(waits({ connected: false }), "waits for desk to be there");
  assert.equal(waits({ paused: "here", connected: false }), "paused");
  assert.equal(waits({ paused: "there" }), "paused by desk");
  assert.equal(waits({ problem: { code: "no-space", message: "the disk is full\u0007" } }), "the disk is full\\u{7}");
});

test("who declined a file is said as it is read here", () => {
  const said = (direction: "in" | "out") => failureOf(transferOf({ offer: { direction, state: "declined" } }))?.message;
  assert.equal(said("out"), 'desk declined "a.txt"');
  assert.equal(said("in"), 'you declined "a.txt"');
});

test("what arrived: how much in how long, or that it was there already", () => {
  const path = "/in/a\u202e.txt";
  const got = (change: Change, tookMs?: number) => whatArrived(transferOf({ path, ...change }), "Got", " from desk: ", tookMs);
  assert.equal(got({}, 4200), "Got /in/a\\u{202e}.txt from desk: 1.00 MiB in 4.2 s, verified");
  assert.equal(got({}), "Got /in/a\\u{202e}.txt from desk: 1.00 MiB, verified");
  const exists = { count: 1, first: [{ path: "a.txt", code: "exists" as const }] };
  assert.equal(got({ notes: exists }), "/in/a\\u{202e}.txt was there already, and stays as it was.");
  assert.match(got({ notes: exists, offer: { roots: [photos], kind: "tree" } }), /311 files/);
});

test("a bar for each root and one for all, as there is room", () => {
  const roots = Array.from({ length: 8 }, (_, i) => file(`${i}.bin`, 10 * MiB));
  const progress = progressOf(
    transferOf({ offer: { roots, rootCount: 12, size: 120 * MiB }, doneBytes: 25 * MiB, bytesPerSecond: MiB }),
  );
  const pace = new Pace();
  for (const ms of [0, 1000]) pace.step(95 * MiB, MiB, ms);
  const lines = (rows: number): readonly string[] => renderAll(new Map([["0a", progress]]), new Map([["0a", pace]]), 79, rows);
  assert.deepEqual(
    lines(20).map((line) => line.slice(0, 6).trim()),
    ["0.bin", "1.bin", "2.bin", "3.bin", "4.bin", "5.bin", "6.bin", "7.bin", "2 of 1"],
  );
  assert.match(lines(20)[0]!, /█ +100 % +10\.0 MiB of 10\.0 MiB$/);
  assert.match(lines(20).at(-1)!, /^2 of 12 .* 20 % +25\.0 MiB of 120 MiB +1\.00 MiB\/s +1:35$/);
  assert.deepEqual(
    lines(8).map((line) => line.slice(0, 6).trim()),
    ["2.bin", "2 of 1"],
  );
  assert.equal(lines(1).length, 1);
  const two = new Map([
    ["a", progress],
    ["b", progress],
  ]);
  for (const rows of [1, 2, 3, 4, 17, 18]) assert.ok(renderAll(two, new Map(), 40, rows).length <= rows, String(rows));
});

test("what did not come along, in words; ten of them, then where the others are", () => {
  const first = Array.from({ length: 12 }, (_, i) => ({ path: `photos/${i}\u202e`, code: "special" as const }));
  const { offer } = transferOf();
  const lines = renderNotes({ notes: { count: 12, first }, offer }).split("\n");
  assert.equal(lines.length, 12);
  assert.equal(lines[0], "12 things do not come along as they are:");
  assert.equal(lines[1], "  photos/0\\u{202e}: neither file, directory nor link");
  assert.equal(lines.at(-1), "  and 2 more: `covey transfers 3`");
  assert.equal(
    renderNotes({ notes: { count: 2000, first }, offer }, Infinity)
      .split("\n")
      .at(-1),
    "  and 1988 more",
  );
  const one = renderNotes({ notes: { count: 1, first: first.slice(0, 1) }, offer });
  assert.equal(one.split("\n")[0], "1 thing does not come along as it is:");
  const untold = renderNotes({ notes: { count: 1, first: [] }, offer });
  assert.equal(untold, "1 thing does not come along as it is; the other device can tell which.");
  assert.equal(renderNotes({ notes: { count: 0, first: [] }, offer }), "");
  const renamed = { path: ".ssh", code: "renamed", now: "_s\u001b" } as const;
  assert.match(
    renderNotes({ notes: { count: 1, first: [renamed] }, offer }),
    /^  \.ssh: it is called _s\\u\{1b\} where it is now$/m,
  );
  assert.equal(noteWords("new\u001bcode"), "new\\u{1b}code");
  assert.equal(noteWords("constructor"), "constructor");
  const notes = (code: "exists" | "renamed" | "changed") => ({ count: 1, first: [{ path: "a", code }] });
  assert.deepEqual([isMissing(notes("changed")), isMissing(notes("renamed")), isMissing(notes("exists"))], [true, false, false]);
  assert.equal(isMissing({ count: 2, first: notes("renamed").first }), true);
  assert.equal(isMissing({ count: 0, first: [] }), false);
});

test("a listing: fixed columns, the time first to go, names as they can be shown", async () => {
  const at = new Date(2026, 9, 20, 12, 5).getTime();
  const list: readonly Listed[] = [
    { kind: "directory", path: "dist/docs", mtimeMs: at },
    { kind: "file", path: "dist/日本語.txt", size: 1536, mtimeMs: at, executable: false },
    { kind: "link", path: "dist/latest", target: "v2\u001b[31m" },
    { kind: "note", path: "dist/run.sock", code: "special" },
  ];
  const lines = (columns: number): readonly string[] =>
    list.map((listed) => renderListed(listed, nameOf(listed, listed.path.slice(5)), columns));
  await measurable(["日"]);
  assert.deepEqual(lines(Infinity), [
    "           2026-10-20 12:05  docs/",
    " 1.50 KiB  2026-10-20 12:05  日本語.txt",
    "                             latest -> v2\\u{1b}[31m",
    "                             run.sock (neither file, directory nor link)",
  ]);
  assert.equal(lines(50)[1], " 1.50 KiB  日本語.txt");
  for (const columns of [12, 40, 60, 80]) for (const line of lines(columns)) assert.ok(widthOf(line) <= columns, line);
});

test("what a peer may reach here", () => {
  const policy = { offers: "take", into: "/in", upToBytes: 2 ** 31 } as const;
  const share = { peer: "p" as PeerId, peerName: "desk", name: "dist", path: "/d/dist", sharedAtMs: 0, untilMs: undefined };
  const access = { policy, shares: [share], streams: ["log"], offers: [offerOf({ state: "waiting" })] };
  assert.deepEqual(renderAccess(access), [
    "  offers     taken into /in, up to 2.00 GiB each; for larger ones somebody is asked",
    "  shares     dist: /d/dist",
    "  sending    #3 a.txt, 1.00 MiB, waiting",
    "  streams    log",
  ]);
  assert.equal(countAccess(access), "1 share and 1 open offer");
  assert.equal(countAccess({ ...access, shares: [], offers: [] }), "");
  assert.deepEqual(renderAccess({ policy: { offers: "ask" }, shares: [], streams: [], offers: [] }).slice(1), [
    "  shares     nothing",
    "  sending    nothing",
  ]);
  assert.equal(renderPolicy({ offers: "refuse" }), "declined at once");
});

test("suggested commands name the home that was given, and no other", () => {
  assert.equal(homeGiven(["--home", "/a b", "status"]), "/a b");
  assert.equal(homeGiven(["status", "--home=x", "--home", "y"]), "y");
  assert.equal(homeGiven(["msg", "desk", "--", "--home", "x"]), undefined);
  assert.equal(homeGiven(["status", "--home"]), undefined);
  const text = "`covey up` starts it; `covey send --help` tells more";
  assert.equal(suggest(text, undefined), text);
  assert.equal(suggest(text, "/tmp/$1"), "`covey --home '/tmp/$1' up` starts it; `covey send --help` tells more");
  assert.equal(suggest("`covey up`", "it's"), "`covey --home 'it'\\''s' up`");
});

test("sentences are broken between words, under their indentation; what can't be broken stays whole", () => {
  assert.equal(wrapText("one two three\n  four five six", 9), "one two\nthree\n  four\n  five\n  six");
  assert.equal(wrapText("a covey1verylongticket b", 10), "a\ncovey1verylongticket\nb");
  assert.equal(wrapText("a  b", 10), "a  b");
  assert.equal(wrapText("x ".repeat(50), Infinity), "x ".repeat(50));
});
