// Names of files, which are bytes, as a page shows them: exactly one way each, and nothing in them moves or hides what stands around them.
//
// What can't be seen, or isn't what it seems (controls, bidi overrides, spaces at the ends, unusual spaces, bytes that are no UTF-8), is
// shown as an escape, set apart by its looks. A backslash of the name's own that would read like one is an escape too.

import { html, type Html } from "./html.ts";

interface Run {
  readonly text: string;
  readonly isEscape: boolean;
}

// A sequence of UTF-8 (Unicode, table 3-7), or one byte that begins none, in text of one character a byte.
const SEQUENCE =
  /[\0-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|([\x80-\xff])/g;

const WRONG = 0xdc00;

const JOINER = /(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]?)\u200d(?=\p{Extended_Pictographic})/u;
// In scripts whose letters join, they choose between words.
const LETTER = String.raw`[\p{scx=Arab}\p{scx=Syrc}\p{scx=Mong}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}]`;
const JOINED_LETTERS = new RegExp(`(?<=${LETTER})[\\u200c\\u200d](?=${LETTER})`, "u");
const INVISIBLE = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;
const SPACES = /^ +| +$|(?<= ) |(?! )\p{Zs}/u;
const LIKE_AN_ESCAPE = /\\(?=u\{|x[0-9a-f]{2})/u;
const ESCAPED = new RegExp(
  `(?:${JOINER.source}|${JOINED_LETTERS.source})|(${INVISIBLE.source}|${SPACES.source}|${LIKE_AN_ESCAPE.source})`,
  "gu",
);
const PLAIN = /^[!-[\]-~]+(?: [!-[\]-~]+)*$/;

/** The name as a part of a page. */
export const shownName = (name: Uint8Array | string): Html =>
  html`${runsOf(name).map(({ text, isEscape }) => (isEscape ? html`<i>${text}</i>` : text))}`;

/** The same for where there are no looks: titles and labels. */
export const nameText = (name: Uint8Array | string): string =>
  runsOf(name)
    .map(({ text }) => text)
    .join("");

/** The name as one component of a relative URL: what is not plainly harmless there goes by its bytes. */
export function nameHref(name: Uint8Array): string {
  const text = textOf(name);
  if (text.isWellFormed()) return encodeURIComponent(text);
  return Array.from(name, (byte) => (byte < 0x80 ? encodeURIComponent(String.fromCharCode(byte)) : `%${byte.toString(16)}`)).join(
    "",
  );
}

function runsOf(name: Uint8Array | string): readonly Run[] {
  const text = typeof name === "string" ? name.toWellFormed() : textOf(name);
  if (PLAIN.test(text)) return [{ text, isEscape: false }];
  const runs: Run[] = [];
  let from = 0;
  for (const { 1: found, index } of text.matchAll(ESCAPED)) {
    if (found === undefined) continue;
    if (index > from) runs.push({ text: text.slice(from, index), isEscape: false });
    runs.push({ text: [...found].map(escapeOf).join(""), isEscape: true });
    from = index + found.length;
  }
  if (from < text.length) runs.push({ text: text.slice(from), isEscape: false });
  return runs;
}

/** A byte that is no UTF-8 becomes half of a surrogate pair, which UTF-8 does not have: 0xff is U+DCFF. */
function textOf(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.byteLength);
  const text = bytes.toString();
  if (!text.includes("\ufffd")) return text;
  return bytes
    .toString("latin1")
    .replace(SEQUENCE, (sequence, wrong?: string) =>
      wrong === undefined ? Buffer.from(sequence, "latin1").toString() : String.fromCharCode(WRONG + wrong.charCodeAt(0)),
    );
}

function escapeOf(unsafe: string): string {
  const point = unsafe.codePointAt(0)!;
  return point >= WRONG && point <= WRONG + 0xff ? `\\x${(point - WRONG).toString(16)}` : `\\u{${point.toString(16)}}`;
}
