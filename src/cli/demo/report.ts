// What the demo tells: what it does, and what it checked. A failed check is remembered for the exit status.

import { styleText } from "node:util";

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
  let steps = 0;
  let held = 0;
  let failed = 0;
  return {
    step: (title) => line(`\n${style("bold", `${++steps}. ${title}`)}`),
    does: (text) => line(`   ${text}`),
    shows: (text) => line(text.replace(/^/gm, "     ")),
    checks(text, ok) {
      if (ok) held++;
      else failed++;
      line(ok ? `   ${style("green", "✓")} ${text}` : `   ${style("red", "✗ NOT so:")} ${text}`);
    },
    fails(error) {
      failed++;
      line(`   ${style("red", "✗")} ${error instanceof Error ? error.message : String(error)}`);
    },
    counts: () => ({ held, failed }),
  };
}
