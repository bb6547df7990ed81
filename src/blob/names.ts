// The one place where a name that a peer chose becomes the name of a file here.
//
// A name that could mean anything but "a file in this directory" is not refused but replaced by a safe one, which the user
// is shown: the bytes are what was agreed to, and a sender on another system may have had good reasons for the name.

import { LIMITS } from "../core/limits.ts";

/** What Linux, macOS and Windows all allow for one component. */
const NAME_BYTES = 255;
const EXTENSION_BYTES = 16;

// Separators of any system; whatever `printable` would escape (controls, bidi overrides, fillers that show nothing), but the two joiners
// that belong to emoji and to Persian.
const UNSAFE = /[/\\]|(?!\u200c|\u200d|\ufe0e|\ufe0f)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/gu;
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)/i;

// With a key.pem and a store.db beside it, it would make the directory look like a peer's home (tree/covey-home.ts), which nobody is shown.
const HOME_MARK = /^lock$/i;

/** One component of at most 255 bytes that is not hidden, not special on any system, and shows as it is. */
export function safeFileName(name: string): string {
  const visible = name
    .toWellFormed()
    .replace(UNSAFE, "_")
    .replace(/^\s+/u, "")
    .replace(/^\.+/, (dots) => "_".repeat(Math.min(dots.length, 2)));
  const cut = withoutEnd(shorten(visible, NAME_BYTES - 1));
  if (cut === "") return "unnamed";
  return WINDOWS_DEVICE.test(cut) || HOME_MARK.test(cut) ? `_${cut}` : cut;
}

/** The safe name itself, then "name (2).ext" and so on, each within 255 bytes. */
export function* freeNames(safeName: string): Generator<string> {
  yield safeName;
  const { stem, extension } = split(safeName);
  for (let n = 2; n <= LIMITS.freeNames; n++) {
    const suffix = ` (${n})${extension}`;
    yield `${cutBytes(stem, NAME_BYTES - Buffer.byteLength(suffix))}${suffix}`;
  }
}

/** Trailing spaces and dots vanish on some systems, and two names would become one. */
const withoutEnd = (name: string): string => name.replace(/[\s.]+$/u, "");

function split(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 ? name.slice(dot) : "";
  if (extension === "" || Buffer.byteLength(extension) > EXTENSION_BYTES) return { stem: name, extension: "" };
  return { stem: name.slice(0, dot), extension };
}

function shorten(name: string, bytes: number): string {
  if (Buffer.byteLength(name) <= bytes) return name;
  const { stem, extension } = split(name);
  return withoutEnd(cutBytes(stem, bytes - Buffer.byteLength(extension))) + extension;
}

/** As many whole code points as fit. */
function cutBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let length = 0;
  let kept = "";
  for (const point of text) {
    length += Buffer.byteLength(point);
    if (length > bytes) break;
    kept += point;
  }
  return kept;
}
