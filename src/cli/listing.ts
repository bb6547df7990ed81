// What is in a share, a line for each thing, as it comes: columns of fixed widths, since nobody knows what is still to come.

import { formatSize } from "../core/size.ts";
import { printable } from "../core/text.ts";
import type { Listed } from "../services/files/contract.ts";
import { formatTime } from "./format.ts";
import { noteWords } from "./notes.ts";
import { fit, padEnd, padStart } from "./width.ts";

// Columns.
const SIZE = 9;
const TIME = 16;
const GAP = "  ";
const ROOM_FOR_TIME = 60;

/** "docs/", "latest -> v2", "run.sock (neither file, directory nor link)". `name`: as it is told from where the listing begins. */
export function nameOf(listed: Listed, name: string): string {
  const shown = printable(name);
  if (listed.kind === "directory") return `${shown}/`;
  if (listed.kind === "link") return `${shown} -> ${printable(listed.target)}`;
  return listed.kind === "note" ? `${shown} (${noteWords(listed.code)})` : shown;
}

/** " 1.20 MiB  2026-11-20 12:05  docs/guide.md"; with less room first without the time, then with a name that is cut off. */
export function renderListed(listed: Listed, name: string, columns: number): string {
  const size = listed.kind === "file" ? formatSize(listed.size) : "";
  const time = "mtimeMs" in listed ? formatTime(listed.mtimeMs) : "";
  const head = [padStart(size, SIZE), ...(columns >= ROOM_FOR_TIME ? [padEnd(time, TIME)] : []), ""].join(GAP);
  return head + fit(name, columns - head.length);
}
