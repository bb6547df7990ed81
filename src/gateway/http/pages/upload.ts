// The part of a page where files are uploaded. The form alone does: the page's script only makes of it several uploads with progress.

import { LIMITS } from "../../../core/limits.ts";
import { formatSize } from "../../../core/size.ts";
import { shownCount } from "./format.ts";
import { html, type Html } from "./html.ts";
import { shownName } from "./names.ts";

export interface UploadView {
  /** Of the upload that led to this page, if one did. */
  readonly receipt: Receipt | undefined;
}

/** What came of an upload. */
export interface Receipt {
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** Why there are no more, in words. */
  readonly problem: string | undefined;
}

export const uploadSection = ({ receipt }: UploadView): Html =>
  html`<section class="upload" aria-label="Upload">
    ${receipt && receiptNote(receipt)}
    <form method="post" action="./" enctype="multipart/form-data" data-most="${LIMITS.uploadBytes}">
      <label class="drop">
        <b id="choose">Choose files to send<span class="drag">, or drop them here</span></b>
        <span class="hint" id="hint">They go to whoever serves this page.</span>
        <input type="file" name="file" multiple required aria-labelledby="choose" aria-describedby="hint" />
      </label>
      <button>Send</button>
    </form>
    <ul class="uploads" aria-label="Uploads"></ul>
    <p class="sum" role="status"></p>
  </section>`;

function receiptNote({ files, problem }: Receipt): Html {
  return html`<div class="note" role="status">
    <h2>Sent ${shownCount(files.length, "file")}</h2>
    <ul>
      ${files.map(({ name, size }) => html`<li>${shownName(name)}, ${formatSize(size)}</li>`)}
    </ul>
    ${problem !== undefined && html`<p class="bad">The rest was not taken: ${problem}.</p>`}
  </div>`;
}
