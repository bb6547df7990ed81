// How many columns a text takes, and how to make it take no more than there are.

// One column each; the drawing characters are those that covey itself prints.
const SIMPLE = /^[\x20-\x7e…·→←↑↓█▏▎▍▌▋▊▉░]*$/;

let wide: ((text: string) => number) | undefined;

/** Loads what measures any script, when one of the texts needs it; to be awaited before `widthOf` sees them. */
export async function measurable(texts: Iterable<string>): Promise<void> {
  if (wide !== undefined) return;
  for (const text of texts) {
    if (SIMPLE.test(text)) continue;
    ({ default: wide } = await import("string-width"));
    return;
  }
}

/** Columns of one line without escapes. */
export const widthOf = (text: string): number => (SIMPLE.test(text) || wide === undefined ? text.length : wide(text));

/** The text in at most so many columns, its end replaced by "…" when it has more. Characters stay whole. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns <= 0) return "";
  let fitting = "";
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += widthOf(segment);
    if (used > columns - 1) break;
    fitting += segment;
  }
  return `${fitting}…`;
}

export const padEnd = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - widthOf(text)));
export const padStart = (text: string, columns: number): string => " ".repeat(Math.max(0, columns - widthOf(text))) + text;
