// Rows in columns; where the terminal is too narrow, the widest column gives way first.

import { fit, measurable, padEnd, padStart, widthOf } from "./width.ts";

export interface Column {
  readonly title: string;
  readonly align?: "right";
}

const GAP = 2;
const NARROWEST = 6;

/** Cells are printable, without escapes. `style` is for the titles. No rows, no titles. */
export async function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  available: number,
  style: (text: string) => string,
): Promise<string> {
  if (rows.length === 0) return "";
  await measurable(rows.flat());
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => widthOf(row[i] ?? ""))));
  narrow(widths, available - GAP * (columns.length - 1));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, i) => (align === "right" ? padStart : padEnd)(fit(cells[i] ?? "", widths[i]!), widths[i]!))
      .join(" ".repeat(GAP))
      .trimEnd();
  return [style(line(columns.map(({ title }) => title))), ...rows.map(line)].join("\n");
}

function narrow(widths: number[], available: number): void {
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, 0) - available;
    const widest = Math.max(...widths);
    if (over <= 0 || widest <= NARROWEST) return;
    const second = Math.max(NARROWEST, ...widths.filter((width) => width < widest));
    widths[widths.indexOf(widest)] = Math.max(widest - over, Math.min(second, widest - 1));
  }
}
