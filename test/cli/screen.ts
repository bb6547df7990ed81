// What a terminal makes of what a command printed: it obeys the few sequences that covey itself uses, and refuses all others.

import assert from "node:assert/strict";

import stringWidth from "string-width";

// Colours, up, column, clear the line, clear below.
const SEQUENCE = /^\u001b\[(?:(?<colour>[\d;]*m)|(?<up>\d*)A|(?<column>\d*)G|2K|0?[JK])/;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

export interface Screen {
  /** As they stand in the end, without what is empty below. */
  readonly lines: readonly string[];
  readonly colours: number;
}

/** Fails on a line that is wider than the screen, unless it is one word that can't be broken, and on every control that is not covey's own. */
export function show(output: string, columns: number): Screen {
  const lines: string[] = [""];
  let row = 0;
  let column = 0;
  let colours = 0;
  for (let at = 0; at < output.length;) {
    const rest = output.slice(at);
    const sequence = SEQUENCE.exec(rest);
    if (sequence !== null) {
      const { colour, up, column: to } = sequence.groups!;
      if (colour !== undefined) colours++;
      else if (up !== undefined) row = Math.max(0, row - Number(up || 1));
      else if (to !== undefined) column = Number(to || 1) - 1;
      else if (sequence[0].endsWith("J")) {
        lines[row] = head(lines[row]!, column);
        lines.length = row + 1;
      } else if (sequence[0] === "\u001b[2K") lines[row] = "";
      else lines[row] = head(lines[row]!, column);
      at += sequence[0].length;
    } else if (rest.startsWith("\r")) {
      column = 0;
      at += 1;
    } else if (rest.startsWith("\n")) {
      row++;
      column = 0;
      lines[row] ??= "";
      at += 1;
    } else {
      const text = /^[^\r\n\u001b]+/.exec(rest)?.[0] ?? assert.fail(`not covey's own: ${JSON.stringify(rest.slice(0, 20))}`);
      assert.doesNotMatch(text, INVISIBLE, JSON.stringify(text));
      lines[row] = head(lines[row]!, column) + text;
      column += stringWidth(text);
      assert.ok(column <= columns || isOneWord(lines[row]!), `${column} columns of ${columns}: ${JSON.stringify(lines[row])}`);
      at += text.length;
    }
  }
  while (lines.at(-1) === "") lines.pop();
  return { lines, colours };
}

const isOneWord = (line: string): boolean => !line.trim().includes(" ");

/** What stands before a column. What is written over is always the whole line, or its end. */
const head = (line: string, column: number): string => (column === 0 ? "" : line);
