// What of a tree did not come along as it was, in plain words.

import { printable } from "../core/text.ts";
import type { NamedTransfer } from "../control/covey.ts";

type Notes = NamedTransfer["notes"];
type Noted = Pick<NamedTransfer, "notes" | "offer">;
export type NoteCode = Notes["first"][number]["code"];

const WORDS: { readonly [Code in NoteCode]: string } = {
  "link-outside": "a link that leads out of what is sent",
  special: "neither file, directory nor link",
  "not-utf8": "its name is not UTF-8",
  "too-deep": "its path is too long, or too deep",
  "too-many": "it and others are more than one directory may have",
  unreadable: "it can't be read",
  changed: "it changed again and again while it was read",
  private: "the home of a covey peer, with its key, stays where it is",
  vanished: "it was gone before it was read",
  "name-impossible": "the receiving system can't hold the name",
  "too-large": "the receiving file system can't hold a file of its size",
  "name-taken": "for the receiving system its name is the same as another one's",
  exists: "it was there already, and stayed as it was",
  "other-kind": "another kind of thing has its name there, and stayed",
  unwritable: "where it belongs nothing can be written: no right to, or another file system",
  renamed: "it has another name where it is now",
};

const SHOWN = 10;
const IN_PLACE: ReadonlySet<string> = new Set<NoteCode>(["renamed", "exists"]);

/** Also for a code that a later version has. */
export const noteWords = (code: string): string => (Object.hasOwn(WORDS, code) ? WORDS[code as NoteCode] : printable(code));

/** Whether something is missing at the receiver that was to be there. */
export const isMissing = ({ count, first }: Notes): boolean =>
  count > first.length || first.some(({ code }) => !IN_PLACE.has(code));

/**
 * A line that counts them and one for each, at most ten; "" when there are none. The sender knows of what the receiver noted only how
 * much it is.
 */
export function renderNotes({ notes: { count, first }, offer }: Noted, most = SHOWN): string {
  if (count === 0) return "";
  const all = count === 1 ? "1 thing does not come along as it is" : `${count} things do not come along as they are`;
  if (first.length === 0) return `${all}; the other device can tell which.`;
  const shown = first.slice(0, most);
  const rest = count - shown.length;
  const where = first.length > shown.length ? `: \`covey transfers ${offer.number}\`` : "";
  return [
    `${all}:`,
    ...shown.map(({ path, code, now }) => {
      const words = now === undefined ? noteWords(code) : `it is called ${printable(now)} where it is now`;
      return `  ${printable(path)}: ${words}`;
    }),
    ...(rest === 0 ? [] : [`  and ${rest} more${where}`]),
  ].join("\n");
}
