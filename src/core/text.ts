// The one function through which text from elsewhere (names, messages, errors) reaches a terminal or a log.

const ESCAPES = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

const escapeOne = (unsafe: string): string =>
  ESCAPES.get(unsafe) ?? [...unsafe].map((point) => `\\u{${point.codePointAt(0)!.toString(16)}}`).join("");

// Controls, formats (bidi overrides, tags, zero widths), line separators, private use, unassigned, and fillers that show nothing; but not
// the selectors of text or emoji style, which only say how the character before them looks.
const UNSAFE = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/gu;
const UNSAFE_IN_LINES = new RegExp(`(?![\\n\\t\\u200d])${UNSAFE.source}`, UNSAFE.flags);

/** One line that cannot move the cursor, hide or reorder text: everything invisible is shown as an escape. */
export const printable = (text: string): string => text.toWellFormed().replace(UNSAFE, escapeOne);

/** The same for messages, where line breaks, tabs and joined emoji belong to the text. */
export const printableLines = (text: string): string => text.toWellFormed().replace(UNSAFE_IN_LINES, escapeOne);
