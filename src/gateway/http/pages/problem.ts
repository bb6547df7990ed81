// The page that says what can't be done, why, and what to do next.

import { html } from "./html.ts";
import { renderPage } from "./page.ts";

export interface ProblemView {
  readonly status: number;
  /** undefined: what the status means. */
  readonly problem: string | undefined;
  readonly hint: string | undefined;
  /** Where to go from here; undefined: nowhere. */
  readonly back: string | undefined;
}

type Meaning = readonly [title: string, problem: string];

/** A heading, and what it means when nothing else is known. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  400: ["Not understood", "This is not a request that can be understood."],
  403: ["Not permitted", "This is not permitted from where the request came."],
  404: ["Not found", "There is nothing here."],
  405: ["Not done here", "This can't be done here."],
  408: ["Too slow", "The request took too long to arrive."],
  409: ["Can't be shown", "What is here can't be shown as it is."],
  412: ["Changed", "The file is not the one that was meant."],
  413: ["Too large", "This is more than is taken here."],
  414: ["Address too long", "The address is longer than any that leads somewhere."],
  415: ["Not understood", "Files are uploaded as multipart/form-data, as forms and curl -F do."],
  416: ["Not in the file", "The file does not have the part that was asked for."],
  417: ["Not done here", "The request expects what is not done here."],
  421: ["Another address", "This is not served under the name that you used."],
  429: ["Too much at once", "There are too many requests from where this one came."],
  431: ["Too large", "The head of the request is more than is taken here."],
  500: ["A fault", "Something failed that should not have; it is in the log of whoever serves this."],
  503: ["Busy", "There is no room for more at the moment: try again in a while."],
  507: ["No room", "The disk has no room for this."],
};

export const meaningOf = (status: number): Meaning => MEANINGS[status] ?? ["Not done", "This could not be done."];

export function renderProblem({ status, problem, hint, back }: ProblemView): string {
  const [title, usual] = meaningOf(status);
  return renderPage(
    title,
    undefined,
    html`<p class="status">${status}</p>
      <h1>${title}</h1>
      <p>${problem ?? usual}</p>
      ${hint !== undefined && html`<p class="sum">${hint}</p>`}
      ${back !== undefined && html`<p><a class="button" href="${back}">Go back</a></p>`}`,
  );
}
