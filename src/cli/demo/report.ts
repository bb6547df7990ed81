// What the demo tells: what it does, and what it checked. A failed check is remembered for the exit status.

import { styleText } from "node:util";

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import { wrap } from "../width.ts";

export interface Report {
  /** Opens a numbered step. */
  step(title: string): void;
  /** What is being done now, in plain words. */
  does(text: string): void;
  /** A block shown as it is: a ticket, a QR code, a list. */
  shows(text: string): void;
  /** What was checked and whether it held. */
  checks(text: string, held: boolean): void;
  /** Something that ended the step. */
  fails(error: unknown): void;
  /** Checks that held, checks that did not, errors. */
  counts(): { readonly held: number; readonly failed: number };
}

export function createReport(out: NodeJS.WritableStream): Report {
  const style = (format: Parameters<typeof styleText>[0], text: string): string => styleText(format, text, { stream: out });
  const line = (text: string): void => void out.write(`${text}\n`);
  const columns = "columns" in out && typeof out.columns === "number" ? out.columns : Infinity;
  /** The first line begins with the mark, the others below its text. */
  const says = (mark: string, text: string): void => {
    const [first, ...more] = wrap(text, columns - 1 - mark.length);
    line([colored(mark) + first, ...more.map((part) => " ".repeat(mark.length) + part)].join("\n"));
  };
  const colored = (mark: string): string => (mark.trim() === "" ? mark : style(mark.includes("✓") ? "green" : "red", mark));
  let steps = 0;
  let held = 0;
  let failed = 0;
  return {
    step: (title) => line(`\n${style("bold", `${++steps}. ${title}`)}`),
    does: (text) => says("   ", text),
    shows: (text) => line(text.replace(/^/gm, "     ")),
    checks(text, ok) {
      if (ok) held++;
      else failed++;
      says(ok ? "   ✓ " : "   ✗ NOT so: ", text);
    },
    fails(error) {
      failed++;
      says("   ✗ ", printable(error instanceof Error ? error.message : String(error)));
      if (error instanceof CoveyError && error.hint !== undefined) says("     ", printable(error.hint));
    },
    counts: () => ({ held, failed }),
  };
}
