// The part of a page where files are uploaded. The form alone does: the page's script only makes of it several uploads with progress.

import { LIMITS } from "../../../core/limits.ts";
import { shownCount, shownSize } from "./format.ts";
import { html, type Html } from "./html.ts";
import { shownName } from "./names.ts";

export interface UploadView {
  /** What came of the upload that led to this page, if one did. */
  readonly received: readonly ShownUpload[] | undefined;
}

/** `given`: the name at the client's. */
export type ShownUpload =
  | { readonly given: string; readonly name: string; readonly size: number }
  | { readonly given: string; readonly problem: string };

export const uploadSection = ({ received }: UploadView): Html =>
  html`<section class="upload" aria-label="Upload">
    ${received && receivedNote(received)}
    <form method="post" action="./" enctype="multipart/form-data" data-most="${LIMITS.uploadBytes}">
      <label class="drop"
        ><b>Choose files to send</b><span class="hint">They go to whoever runs this, not into the folder below.</span
        ><input type="file" name="file" multiple required
      /></label>
      <button>Send</button>
    </form>
    <ul class="uploads" aria-label="Uploads"></ul>
    <p class="sum" role="status"></p>
  </section>`;

function receivedNote(uploads: readonly ShownUpload[]): Html {
  const count = uploads.filter((upload) => "size" in upload).length;
  return html`<div class="note" role="status">
    <h2>${count > 0 ? `Sent ${shownCount(count, "file")}` : "Nothing was sent"}</h2>
    <ul>
      ${uploads.map((upload) =>
        "size" in upload
          ? html`<li>${shownName(upload.name)}, ${shownSize(upload.size)}</li>`
          : html`<li class="bad">${shownName(upload.given)}: ${upload.problem}</li>`,
      )}
    </ul>
  </div>`;
}
