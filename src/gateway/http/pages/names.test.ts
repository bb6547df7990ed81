import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { nameHref, nameText, shownName } from "./names.ts";

/** What a name in a directory can be. */
const bytes = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).map((text) => Buffer.from(text)),
    fc
      .array(fc.constantFrom("a", " ", "\\", "u{20}", "x", "ff", "\u202e", "\u200d", "👩", "می", "\u200c", "\u00a0", "é"))
      .map((parts) => Buffer.from(parts.join(""))),
  )
  .map((name) => Buffer.from(name))
  .filter((name) => !name.includes(0) && !name.includes("/"));

/** The other direction, for tests alone: there is one only if no two names are shown alike. */
function nameBehind(text: string): Buffer {
  const parts = [...text.matchAll(/\\x([0-9a-f]{2})|\\u\{([0-9a-f]+)\}|([^])/gu)];
  return Buffer.concat(
    parts.map(([, byte, point, other]) =>
      byte !== undefined ? Buffer.from(byte, "hex") : Buffer.from(other ?? String.fromCodePoint(Number.parseInt(point!, 16))),
    ),
  );
}

test("no two names are shown alike, as text alone", () => {
  fc.assert(
    fc.property(bytes, (name) => assert.deepEqual(nameBehind(nameText(name)), name)),
    { numRuns: 1000 },
  );
});

test("nothing that is shown moves, hides or is mistaken for something else", () => {
  const alone = /^\s|\s$|\s\s|(?! )\p{Z}|(?!\u200c|\u200d|\ufe0e|\ufe0f)[\p{C}\p{Default_Ignorable_Code_Point}]/u;
  fc.assert(
    fc.property(bytes, (name) => assert.doesNotMatch(nameText(name), alone)),
    { numRuns: 1000 },
  );
});

test("as HTML a name is text and escapes, whatever is in it", () => {
  const shown: [name: string | Buffer, html: string][] = [
    ["photo 1.jpg", "photo 1.jpg"],
    [`<script>"it's" & so</script>`, "&lt;script&gt;&quot;it&#39;s&quot; &amp; so&lt;/script&gt;"],
    ["cod\u202egpj.exe", "cod<i>\\u{202e}</i>gpj.exe"],
    [Buffer.from("caf\xe9 x", "latin1"), "caf<i>\\xe9</i> x"],
    ["\\u{202e}", "<i>\\u{5c}</i>u{202e}"],
    ["C:\\new", "C:\\new"],
    [" a  b ", "<i>\\u{20}</i>a <i>\\u{20}</i>b<i>\\u{20}</i>"],
    ["👨‍👩‍👧 می‌خواهم ❤️", "👨‍👩‍👧 می‌خواهم ❤️"],
    ["a\u200db", "a<i>\\u{200d}</i>b"],
    ["\ufffd", "\ufffd"],
    ["\ud800", "\ufffd"],
  ];
  for (const [name, html] of shown)
    assert.equal(String(shownName(typeof name === "string" && name !== "\ud800" ? Buffer.from(name) : name)), html);
});

test("a link leads to the very bytes, and stays in its directory", () => {
  fc.assert(
    fc.property(bytes, (name) => {
      fc.pre(!["", ".", ".."].includes(name.toString("latin1")));
      const { href, pathname } = new URL(nameHref(name), "http://host:8000/token/a/");
      assert.ok(href.startsWith("http://host:8000/token/a/"));
      const coded = pathname
        .slice("/token/a/".length)
        .replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      assert.deepEqual(Buffer.from(coded, "latin1"), name);
    }),
    { numRuns: 1000 },
  );
});
