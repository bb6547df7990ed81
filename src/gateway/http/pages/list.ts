// A list of strings, as a page of its own or above the files.

import { shownCount } from "./format.ts";
import { html, type Html } from "./html.ts";
import { nameText, shownName } from "./names.ts";
import { renderPage } from "./page.ts";
import { uploadSection, type UploadView } from "./upload.ts";

export interface ListView {
  /** Its key. */
  readonly name: string;
  readonly values: readonly string[];
  /** Why there are none to show, in words. */
  readonly problem: string | undefined;
}

/** `upload`: where there is no directory, files are uploaded from here; undefined: they can't be. */
export const renderList = (list: ListView, upload: UploadView | undefined): string =>
  renderPage(
    nameText(list.name),
    undefined,
    html`<h1>${shownName(list.name)}</h1>
      ${listContent(list)} ${upload && uploadSection(upload)}`,
  );

export const listSection = (list: ListView): Html =>
  html`<section aria-labelledby="list">
    <h2 id="list">${shownName(list.name)}</h2>
    ${listContent(list)}
  </section>`;

function listContent({ values, problem }: ListView): Html {
  if (problem !== undefined) return html`<p class="bad">${problem}</p>`;
  if (values.length === 0) return html`<p class="sum">The list is empty.</p>`;
  return html`<p class="sum">${shownCount(values.length, "value")}</p>
    <ol class="list">
      ${values.map((value) => html`<li>${shownName(value)}</li>`)}
    </ol>`;
}
