import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LIMITS } from "../../core/limits.ts";
import { Framing, type TextMessage } from "./framing.ts";

type Framed = TextMessage | "too-long";
const most = LIMITS.textMessageBytes;
const shown = (message: Framed): string => (message === "too-long" ? message : JSON.stringify([message.text, message.ending]));

/** Each part comes in these pieces, and is followed by a pause; taken as soon as there is something, or at the end only. */
function framed(parts: readonly (readonly Buffer[])[], eager = true): readonly string[] {
  const framing = new Framing();
  const messages: string[] = [];
  const take = (): void => {
    for (let message; (message = framing.next()) !== undefined;) messages.push(shown(message));
  };
  for (const pieces of parts) {
    for (const piece of pieces) {
      framing.push(Buffer.from(piece));
      if (eager) take();
    }
    framing.pause();
    if (eager) take();
  }
  take();
  assert.equal(framing.isOpen, false);
  assert.equal(framing.bytes, 0);
  return messages;
}

const of = (...parts: (string | readonly string[])[]): readonly string[] =>
  framed(parts.map((part) => [part].flat().map((piece) => Buffer.from(piece, "latin1"))));

test("a newline ends a message, and so does a pause", () => {
  assert.deepEqual(of("a\nb\r\nc"), ['["a","\\n"]', '["b","\\r\\n"]', '["c",""]']);
  assert.deepEqual(of("get_", "data"), ['["get_",""]', '["data",""]']);
  assert.deepEqual(of(["get_", "data\r", "\nqu", "it"]), ['["get_data","\\r\\n"]', '["quit",""]']);
  assert.deepEqual(of("\n\r\n\n"), ['["","\\n"]', '["","\\r\\n"]', '["","\\n"]']);
  assert.deepEqual(of(""), []);
});

test("a newline that is late belongs to the message that the pause ended; the next one is an empty line", () => {
  assert.deepEqual(of("a", "\n", "b"), ['["a",""]', '["b",""]']);
  assert.deepEqual(of("a", "\r\nb\n"), ['["a",""]', '["b","\\n"]']);
  assert.deepEqual(of("a\r", "\n", "\n"), ['["a",""]', '["","\\n"]']);
  assert.deepEqual(of("a", "\r", "\n", "\n"), ['["a",""]', '["","\\n"]']);
  assert.deepEqual(of("a\n", "\n"), ['["a","\\n"]', '["","\\n"]']);
  assert.deepEqual(of("a", "\n\n"), ['["a",""]', '["","\\n"]']);
});

test("a carriage return counts, but before a newline, a pause or the end; so do NUL and other bytes", () => {
  assert.deepEqual(of("a\rb\n", "\rc", "d\r\r"), ['["a\\rb","\\n"]', '["\\rc",""]', '["d\\r",""]']);
  assert.deepEqual(of("\0\x01\n"), ['["\\u0000\\u0001","\\n"]']);
  assert.deepEqual(of(["\xc3", "\xa9\xff", "\n"]), ['["é�","\\n"]']);
  assert.deepEqual(of("\xc3", "\xa9"), ['["�",""]', '["�",""]']);
});

test("a message has its most bytes and no more, whatever ends it", () => {
  const long = "x".repeat(most);
  for (const end of ["", "\n", "\r\n", "\r"]) {
    assert.equal(of([long, end])[0], shown({ text: long, ending: end === "\r" ? "" : (end as "") }));
    assert.deepEqual(of(`a\n${long}y${end}`, "b\n"), ['["a","\\n"]', "too-long"]);
  }
  assert.deepEqual(of([long, "\r", "y"], "z"), ["too-long"]);
  assert.deepEqual(framed([[Buffer.alloc(2 ** 20, "x")], [Buffer.from("quit\n")]], false), ["too-long"]);
});

test("a message that comes byte by byte is whole", () => {
  const framing = new Framing();
  for (let n = 0; n < most; n++) {
    framing.push(Buffer.from("x"));
    assert.equal(framing.next(), undefined);
  }
  assert.equal(framing.bytes, most);
  framing.push(Buffer.from("\n"));
  assert.deepEqual(framing.next(), { text: "x".repeat(most), ending: "\n" });
  assert.equal(framing.bytes, 0);
});

/** The rules of framing.ts, on what came between two pauses, as a whole. */
function reference(parts: readonly Buffer[]): readonly string[] {
  const messages: string[] = [];
  let newlineMayCome = false;
  for (const part of parts) {
    const lines = part.toString("latin1").split("\n");
    for (const [i, line] of lines.entries()) {
      const byPause = i === lines.length - 1;
      if (byPause && line === "") continue;
      const bytes = Buffer.from(line.replace(/\r$/, ""), "latin1");
      const ending = byPause ? "" : line.endsWith("\r") ? "\r\n" : "\n";
      const late = newlineMayCome && bytes.length === 0;
      if (!late || !byPause) newlineMayCome = byPause;
      if (!late) messages.push(shown({ text: bytes.toString("utf8"), ending }));
    }
  }
  return messages;
}

const someBytes = fc
  .array(fc.constantFrom("\n", "\r\n", "\r", "get_data", "update_data,", "é", "\u{1f600}", "\0", "\ufeff", "a"), {
    maxLength: 12,
  })
  .map((parts) => Buffer.from(parts.join("")));
const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 12 });

test("every cut of the same bytes between two pauses gives the same messages", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(someBytes, cuts), { maxLength: 5 }), fc.boolean(), (parts, eager) => {
      const pieces = parts.map(([bytes, at]) => {
        const places = [0, ...at.map((place) => Math.min(place, bytes.length)).sort((a, b) => a - b), bytes.length];
        return places.slice(1).map((to, i) => bytes.subarray(places[i], to));
      });
      assert.deepEqual(framed(pieces, eager), reference(parts.map(([bytes]) => bytes)));
    }),
    { numRuns: 2000 },
  );
});
