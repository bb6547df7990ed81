// What all pages have in common: the frame, the style, the script, and the headers under which no other style or script runs.

import { createHash } from "node:crypto";

import { html, Html } from "./html.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  "img-src data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Of every answer that is a page. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": POLICY,
  "X-Content-Type-Options": "nosniff",
  // Not "no-referrer": a form would then be sent with `Origin: null`, like one from anywhere.
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-cache",
};

// Not a space more: their hashes are those of what stands between the tags.
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);
const SCRIPT_ELEMENT = new Html(`<script>${SCRIPT}</script>`);

/** Birds: a covey of them. */
const BIRDS = `<path d="M1 9q3-5 6-.5Q10 4 13 9M9 15q3-5 6-.5 3-4.5 6 .5M3 20q2-3.5 4.5-.5Q10 16 12 20"/>`;
const MARK = new Html(`<svg class="mark" viewBox="0 0 22 22" aria-hidden="true">${BIRDS}</svg>`);
const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 1 24 22" fill="none" stroke="#12897c" stroke-width="2.2" stroke-linecap="round">${BIRDS}</svg>`,
)}`;

/** `way`: how to get back up from here. */
export function renderPage(title: string, way: Html | undefined, content: Html): string {
  return String(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <meta name="robots" content="noindex" />
          <title>${title}</title>
          <link rel="icon" href="${ICON}" />
          ${STYLE_ELEMENT}
        </head>
        <body>
          <header>${MARK}${way}</header>
          <main>${content}</main>
          <footer>Served by covey</footer>
          ${SCRIPT_ELEMENT}
        </body>
      </html> `,
  );
}
