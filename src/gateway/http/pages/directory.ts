// The page of a directory.

import { formatSize } from "../../../core/size.ts";
import { shownCount, shownTime } from "./format.ts";
import { html, type Html } from "./html.ts";
import { listSection, type ListView } from "./list.ts";
import { nameHref, nameText, shownName } from "./names.ts";
import { renderPage } from "./page.ts";
import { uploadSection, type UploadView } from "./upload.ts";

/** One name in a directory: its bytes, and what is behind it. */
export interface ShownEntry {
  readonly name: Uint8Array;
  readonly kind: "directory" | "file";
  /** Bytes; of a directory it is not shown. */
  readonly size: number;
  readonly mtimeMs: number;
}

export interface DirectoryView {
  /** What the directory that is served is called. */
  readonly root: Uint8Array;
  /** The names that lead from there to this one. */
  readonly path: readonly Uint8Array[];
  /** In any order. */
  readonly entries: readonly ShownEntry[];
  /** Names that are here and not among `entries`. */
  readonly more: number;
  /** Shown above the files. */
  readonly list: ListView | undefined;
  /** undefined: nothing may be uploaded. */
  readonly upload: UploadView | undefined;
}

export function renderDirectory(view: DirectoryView): string {
  const { path, root, list, upload } = view;
  const here = path.at(-1) ?? root;
  return renderPage(
    nameText(here),
    way(root, path),
    html`<h1>${shownName(here)}</h1>
      ${list && listSection(list)} ${upload && uploadSection(upload)} ${filesSection(view)}`,
  );
}

/** Folders first; then as people count: "2.jpg" before "10.jpg". */
const NATURAL = new Intl.Collator("en", { numeric: true });

function filesSection({ entries, more }: DirectoryView): Html {
  const named = entries.map((entry) => ({ ...entry, text: Buffer.from(entry.name).toString() }));
  const sorted = named.toSorted(
    (a, b) =>
      Number(b.kind === "directory") - Number(a.kind === "directory") ||
      NATURAL.compare(a.text, b.text) ||
      Buffer.compare(a.name, b.name),
  );
  return html`<section aria-label="Files">
    <p class="sum">${summary(entries, more)}</p>
    ${
      entries.length > 0 &&
      html`<ul class="files">
        ${sorted.map(row)}
      </ul>`
    }
    ${more > 0 && html`<p class="sum">${shownCount(more, "more name")} here are not shown: ask for them by their address.</p>`}
  </section>`;
}

function summary(entries: readonly ShownEntry[], more: number): string {
  if (entries.length === 0) return more > 0 ? "" : "Nothing is in here yet.";
  const files = entries.filter(({ kind }) => kind === "file");
  const folders = entries.length - files.length;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return [
    folders > 0 && shownCount(folders, "folder"),
    files.length > 0 && `${shownCount(files.length, "file")}, ${formatSize(bytes)}`,
  ]
    .filter(Boolean)
    .join(" and ");
}

// In one line: there may be LIMITS.gatewayListed of them.
function row({ name, kind, size, mtimeMs }: ShownEntry): Html {
  const time = shownTime(mtimeMs);
  return kind === "directory"
    ? html`<li class="dir"><a href="${nameHref(name)}/">${shownName(name)}</a>${time}</li> `
    : html`<li><a href="${nameHref(name)}">${shownName(name)}</a><span>${formatSize(size)}</span>${time}</li> `;
}

/** From the directory that is served down to the one above this one. */
function way(root: Uint8Array, path: readonly Uint8Array[]): Html | undefined {
  if (path.length === 0) return undefined;
  const above = [root, ...path.slice(0, -1)];
  const steps = above.map((name, depth) => html`<li><a href="${"../".repeat(path.length - depth)}">${shownName(name)}</a></li>`);
  return html`<nav aria-label="Folders above">
    <ol>
      ${steps}
    </ol>
  </nav>`;
}
