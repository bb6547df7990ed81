// A text as a QR code of half blocks, two modules high, for a terminal with any background.

import { encode } from "uqr";

const QUIET = 2;

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
