// What is served, and what happens on it, in words and lines; nothing that a client said reaches the terminal raw, or is too wide.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { PeerId } from "../core/ids.ts";
import type { ServeSettings, Serving, ServingEvent } from "../gateway/contract.ts";
import { renderHappened } from "./serving-events.ts";
import { describeServed, isOpen, renderPlaces, renderServed } from "./serving.ts";
import { TerminalText } from "./terminal-text.ts";
import { measurable, widthOf } from "./width.ts";

type Happened = Exclude<ServingEvent, { readonly type: "serving" } | { readonly type: "missed" }>;

const settings: ServeSettings = {
  ...{ directory: undefined, upload: false, list: undefined, greeting: undefined, close: false, reply: "message_ack" },
  ...{ listen: undefined, lan: false, token: false, perAddress: 16, keep: false },
};
const servingOf = (change: Partial<Serving>): Serving => ({
  ...{ id: "0a", number: 1, settings, address: "tcp://127.0.0.1:8000", urls: ["http://127.0.0.1:8000/"] },
  ...{ token: undefined, connections: 0, guests: [], sinceMs: 0, problem: undefined },
  ...change,
});
const names = (peerId: string): string => (peerId === "p" ? "laptop" : peerId);
const list = { peer: "p" as PeerId, key: "todo", writable: true };

test("what is served", () => {
  const table: readonly (readonly [Partial<ServeSettings>, string])[] = [
    [{ directory: "/srv/photos" }, "/srv/photos"],
    [{ directory: "/srv/\u001b[2J", upload: true }, "/srv/\\u{1b}[2J (takes uploads)"],
    [{ list }, "the list laptop:todo (writable)"],
    [{ directory: "/srv", list: { ...list, peer: undefined, writable: false } }, "/srv, the list todo"],
    [{ greeting: "Hello" }, "a greeting"],
    [{ greeting: "Hello", close: true }, "a greeting, and that is all"],
    [{}, "messages of guests"],
  ];
  for (const [change, text] of table) assert.equal(describeServed({ ...settings, ...change }, names), text);
});

test("how it is reached: URLs, and how a socket program joins", () => {
  const files = { settings: { ...settings, directory: "/srv" } };
  assert.deepEqual(renderPlaces(servingOf(files)), ["http://127.0.0.1:8000/"]);
  const listed = { settings: { ...settings, list } };
  assert.deepEqual(renderPlaces(servingOf(listed)), ["http://127.0.0.1:8000/", "nc 127.0.0.1 8000"]);
  assert.deepEqual(renderPlaces(servingOf({ ...listed, urls: ["http://[fd00::2]:81/"] })), [
    "http://[fd00::2]:81/",
    "nc fd00::2 81",
  ]);
  // A browser would find nothing there.
  assert.deepEqual(renderPlaces(servingOf({ urls: ["tcp://127.0.0.1:8000", "tcp://[::1]:8000"] })), ["nc 127.0.0.1 8000"]);
  assert.deepEqual(renderPlaces(servingOf({ urls: ["tcp://[::1]:8000"], settings: { ...settings, greeting: "x" } })), [
    "nc ::1 8000",
  ]);
  assert.deepEqual(renderPlaces(servingOf({ ...listed, urls: ["http://192.0.2.2:80/s3cret/"], token: "s3cret" })), [
    ...["http://192.0.2.2:80/s3cret/", "nc 192.0.2.2 80", "(its first line is s3cret)"],
  ]);
  const down = servingOf({ ...files, urls: [], address: undefined, problem: "the directory is gone" });
  assert.deepEqual(renderPlaces(down), ["not now: the directory is gone"]);
  assert.equal(renderServed(down, names), "Serves /srv\n  not now: the directory is gone");
});

test("who can reach it", () => {
  const open = ["tcp://*:8000", "tcp://192.0.2.2:8000", "tcp://[fd00::2]:8000", "tcp://[::]:1", "tcp://127.example:1"];
  for (const address of open) assert.equal(isOpen(servingOf({ address })), true, address);
  for (const address of ["tcp://127.0.0.1:1", "tcp://127.3.2.1:1", "tcp://localhost:1", "tcp://[::1]:1", undefined])
    assert.equal(isOpen(servingOf({ address })), false, address);
});

const at = { atMs: new Date(2026, 10, 20, 12, 5, 7).getTime(), from: "192.0.2.7:50000" };
const get: Happened = { ...at, type: "request", method: "GET", path: "/a/photo.jpg", status: 200, bytes: 2 ** 20 };

test("what happened, in a line", async () => {
  await measurable(["日本"]);
  const table: readonly (readonly [Happened, string])[] = [
    [get, "GET /a/photo.jpg  1.00 MiB"],
    [{ ...get, status: 404, path: "/\u001b[2J%1b" }, "GET /\\u{1b}[2J\\u{1b}  404"],
    [{ ...get, path: "/%E6%97%A5%E6%9C%AC%2f?list" }, "GET /日本%2f?list  1.00 MiB"],
    [{ ...get, path: "/%ff%" }, "GET /%ff%  1.00 MiB"],
    [{ ...get, status: undefined, bytes: 100 }, "GET /a/photo.jpg  cut after 100 B"],
    [{ ...at, type: "upload", path: "/home/anna/Downloads/a.jpg", size: 10 }, "left a.jpg  10 B"],
    [{ ...at, type: "message", guest: "guest-3", text: "Hello\nthere" }, "guest-3: Hello\\nthere"],
    [{ ...at, type: "list", action: "get", count: 1, refused: undefined }, "read the list, 1 value"],
    [{ ...at, type: "list", action: "update", count: 2, refused: undefined }, "changed the list, 2 values"],
    [{ ...at, type: "list", action: "update", count: 2, refused: "it is read only" }, "list not changed: it is read only"],
  ];
  for (const [event, what] of table) {
    assert.equal(renderHappened(event, 80), `12:05:07  192.0.2.7:50000        ${what}`);
    assert.equal(renderHappened(event, Infinity), renderHappened(event, 80));
  }
  assert.equal(renderHappened(get, 40), "12:05 192.0.2.7 GET /a/photo.j… 1.00 MiB");
  const v6 = renderHappened({ ...get, from: "[2001:db8::1]:50000" }, 60);
  assert.equal(v6, "12:05 2001:db8::1 GET /a/photo.jpg 1.00 MiB");
});

test("whatever clients say, it is one line that fits and commands nothing", async () => {
  await measurable(["日本"]);
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", maxLength: 200 }));
  fc.assert(
    fc.property(text, text, fc.integer({ min: 10, max: 200 }), (one, two, columns) => {
      const events: readonly Happened[] = [
        { ...get, method: one, path: two },
        { ...get, from: one, path: two, status: undefined },
        { ...at, type: "upload", path: one, size: 1 },
        { ...at, type: "message", guest: one, text: two },
        { ...at, type: "list", action: "get", count: 1, refused: one },
      ];
      for (const event of events) {
        const line = renderHappened(event, columns);
        assert.ok(widthOf(line) <= columns, `${widthOf(line)} > ${columns}: ${line}`);
        assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}]/u);
      }
    }),
  );
});

test("text for a terminal: cut anywhere, with line breaks of either kind, and nothing that commands", () => {
  const said = "grüße\r\n日本\r\u001b[2J\u009b1mx\r\r\n\ttab\n\r";
  const bytes = Buffer.from(said);
  const whole = "grüße\n日本\\r\\u{1b}[2J\\u{9b}1mx\\r\n\ttab\n\\r";
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const text = new TerminalText();
      const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
      const parts = ends.map((end, i) => text.add(bytes.subarray(ends[i - 1] ?? 0, end)));
      assert.equal(parts.join("") + text.end(), whole);
    }),
  );
  const line = new TerminalText();
  assert.equal(line.isWithinLine, false);
  for (const [part, isWithinLine] of [
    ["Hello", true],
    ["", true],
    ["\r", true],
    ["\n", false],
    ["\n", false],
  ] as const) {
    line.add(Buffer.from(part));
    assert.equal(line.isWithinLine, isWithinLine, JSON.stringify(part));
  }
  const broken = new TerminalText();
  assert.equal(broken.add(Buffer.from([0xc3])) + broken.end(), "\ufffd");
});
