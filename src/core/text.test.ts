import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { printable, printableLines } from "./text.ts";

test("what a reader sees is left as it is, in any script", () => {
  for (const text of ["report (2).pdf", "naïve café", "照片.jpg", "صورة", "תמונה", "🐑❤\u{fe0f}", "a\u0301", "\\u{1b}"]) {
    assert.equal(printable(text), text);
    assert.equal(printableLines(text), text);
  }
});

test("what moves the cursor, reorders, hides or shows nothing is shown as an escape", () => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    ["\u001b]52;c;aGk=\u0007", "\\u{1b}]52;c;aGk=\\u{7}"],
    ["\u009b2J", "\\u{9b}2J"],
    ["a\rb\nc\td\u0000", "a\\rb\\nc\\td\\u{0}"],
    ["gpj.\u202etxt", "gpj.\\u{202e}txt"],
    ["\u2066x\u2069\u200b\u2028", "\\u{2066}x\\u{2069}\\u{200b}\\u{2028}"],
    ["\u{e0041}\ue000", "\\u{e0041}\\u{e000}"],
    // Fillers: letters by their category, nothing on the screen.
    ["\u3164\u115f\uffa0", "\\u{3164}\\u{115f}\\u{ffa0}"],
  ];
  for (const [text, shown] of cases) assert.equal(printable(text), shown);
});

test("messages keep their lines, tabs and joined emoji, and nothing else of it", () => {
  assert.equal(printableLines("a\n\tb 👩\u200d🌾\r\u001b[2J"), "a\n\tb 👩\u200d🌾\\r\\u{1b}[2J");
});

test("nothing is left to escape in what was escaped", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(printable(printable(text)), printable(text));
      assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cs}]/u);
    }),
  );
});
