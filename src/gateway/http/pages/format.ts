// Counts and times on a page.

import { html, type Html } from "./html.ts";

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
