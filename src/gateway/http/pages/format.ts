// Sizes, counts and times on a page.

import { html, type Html } from "./html.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** "0 B", "999 B", "1.0 KiB", "61 MiB": what fits a narrow column. */
export function shownSize(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${amount.toFixed(unit > 0 && amount < 9.95 ? 1 : 0)} ${UNITS[unit]}`;
}

/** "1 file", "10,000 files". */
export const shownCount = (count: number, one: string): string => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

/** "2026-11-20 12:05 UTC": the page's script writes it anew for where its reader is. */
export function shownTime(atMs: number): Html | undefined {
  const at = new Date(atMs);
  if (Number.isNaN(at.getTime())) return undefined;
  const iso = at.toISOString();
  const seconds = iso.lastIndexOf(":");
  return html`<time datetime="${iso}">${iso.slice(0, seconds).replace("T", " ")} UTC</time>`;
}
