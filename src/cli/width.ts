// How many columns a text takes, and how to make it take no more than there are.

// One column each; the drawing characters are those that covey itself prints.
const SIMPLE = /^[\x20-\x7e…·→←↑↓█▀▄▏▎▍▌▋▊▉░]*$/;

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

/** Columns of one line without escapes; too many rather than too few for what was not made measurable. */
export const widthOf = (text: string): number =>
  SIMPLE.test(text) ? text.length : wide === undefined ? text.length * 2 : wide(text);

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

/** Lines of at most so many columns, broken between words; a word that is longer stays whole, so that it can be copied. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(unstyled(`${last} ${word}`)) <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const unstyled = (text: string): string => text.replaceAll(/\u001b\[[\d;]*m/g, "");

/** Each line of a text by itself; what is broken goes on under its indentation. */
export const wrapText = (text: string, columns: number): string =>
  columns === Infinity
    ? text
    : text
        .split("\n")
        .flatMap((line) => {
          const indent = /^ */.exec(line)![0];
          return wrap(line.slice(indent.length), columns - indent.length).map((part) => indent + part);
        })
        .join("\n");
