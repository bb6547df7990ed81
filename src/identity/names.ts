// The user's names for peers: one word that reads the same to everybody and stands before a colon (NAME:WHAT) without quotes.

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import { looksLikePeerId } from "./peer-id.ts";

// Letters and digits of any script, but none that show as nothing (Hangul fillers, variation selectors).
const NAME = /^[[\p{L}\p{N}]--\p{Default_Ignorable_Code_Point}][[\p{L}\p{M}\p{N}._\-]--\p{Default_Ignorable_Code_Point}]*$/v;
const NOT_INSIDE = /[^\p{L}\p{M}\p{N}._\-]|\p{Default_Ignorable_Code_Point}/gv;
const NOT_FIRST = /^[^\p{L}\p{N}]+/v;

/** The name in NFC, or `bad-argument` with the rule that it breaks. */
export function parsePeerName(text: string): string {
  const name = text.normalize("NFC");
  const refuse = (problem: string): CoveyError =>
    new CoveyError("bad-argument", `${JSON.stringify(printable(text.slice(0, 100)))} can't be a peer's name: ${problem}`, {
      hint: "A name begins with a letter or digit and has only letters, digits, dots, dashes and underscores: laptop, anna-phone, büro.",
    });
  if (name === "") throw refuse("it is empty");
  if (Buffer.byteLength(name) > LIMITS.peerNameBytes) throw refuse(`it is longer than ${LIMITS.peerNameBytes} bytes`);
  if (!NAME.test(name)) throw refuse("it has a character that names can't have");
  if (foldedName(name) === "self") throw refuse("that is what this device calls its own data");
  if (looksLikeGuest(name)) throw refuse("that is what somebody is called who writes to the gateway");
  if (looksLikePeerId(name)) throw refuse("it could be taken for a peer id");
  return name;
}

/** A valid name out of anything, such as a host name or what a peer calls itself; "peer" when nothing of it is left. */
export function nameFrom(text: string): string {
  const readable = text
    .slice(0, 1024)
    .normalize("NFC")
    .replace(/\.local$/i, "")
    .replace(NOT_INSIDE, "-")
    .replace(/-{2,}/g, "-");
  const name = fitName(readable.replace(NOT_FIRST, ""), LIMITS.peerNameBytes).replace(/[-._]+$/, "");
  return name === "" || foldedName(name) === "self" || looksLikeGuest(name) || looksLikePeerId(name) ? "peer" : name;
}

/** Also "guest", which would have a number behind it when there are two. */
const looksLikeGuest = (name: string): boolean => /^guest(-\d+)?$/.test(foldedName(name));

/** The name with a number behind it, still within its limit: laptop-2. */
export const numberedName = (name: string, number: number): string =>
  `${fitName(name, LIMITS.peerNameBytes - `-${number}`.length)}-${number}`;

/** Names that differ by case or width only are one name to a person: compare them folded. */
export const foldedName = (name: string): string => name.normalize("NFKC").toLowerCase().normalize("NFC");

/** The longest beginning of whole characters within so many bytes of UTF-8. */
function fitName(name: string, maxBytes: number): string {
  let fitting = "";
  for (const character of name) {
    if (Buffer.byteLength(fitting) + Buffer.byteLength(character) > maxBytes) break;
    fitting += character;
  }
  return fitting;
}
