// A text as a QR code of half blocks, two modules high, for a terminal with any background.

import { encode } from "uqr";

import type { Output } from "./output.ts";

const QUIET = 2;
const LINES_AROUND = 6;

/** On stderr, when that is a terminal. Where it does not fit it would be no help. */
export function showQr(text: string, out: Output): void {
  if (!process.stderr.isTTY) return;
  const lines = renderQr(text).split("\n");
  if (lines[0]!.length > process.stderr.columns || lines.length + LINES_AROUND > process.stderr.rows) return;
  out.note(`\n${lines.map((line) => out.noteStyle(["whiteBright", "bgBlack"], line)).join("\n")}`);
}

/** Dark modules are spaces on a light ground, so that it scans on dark and on light terminals once printed inverse or as it is. */
export function renderQr(text: string): string {
  const { size, data } = encode(text, { ecc: "L", border: QUIET });
  const light = (row: number, column: number): boolean => data[row]?.[column] !== true;
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    let line = "";
    for (let column = 0; column < size; column++) {
      const top = light(row, column);
      const bottom = row + 1 < size && light(row + 1, column);
      line += top ? (bottom ? "█" : "▀") : bottom ? "▄" : " ";
    }
    lines.push(line);
  }
  return lines.join("\n");
}
