// Where a command's words go: results to stdout, everything else to stderr.

import { styleText } from "node:util";

import { jsonLine } from "./json.ts";
import type { GlobalOptions } from "./options.ts";

export type Style = Parameters<typeof styleText>[0];

export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Bars and lines of progress. */
  readonly progress: boolean;
  /** Columns of stdout; Infinity when it is no terminal, where nothing is cut off. */
  readonly columns: number;
  /** The result, or one of its lines: `value` as it is under --json, else the text. */
  result(value: unknown, text: string): void;
  /** Something that helps a person and is no result. Not under --quiet or --json. */
  note(text: string): void;
  /** Something that a person should know whatever they asked for. */
  warn(text: string): void;
  /** For text on stdout; plain where colours are off. */
  style(style: Style, text: string): string;
  /** The same for stderr. */
  noteStyle(style: Style, text: string): string;
}

export function createOutput(options: GlobalOptions): Output {
  const { json = false, quiet = false } = options;
  obeyColor(options.color);
  const styled = (stream: NodeJS.WriteStream) => (style: Style, text: string) => styleText(style, text, { stream });
  return {
    json,
    quiet,
    progress: options.progress && !quiet && !json,
    columns: process.stdout.isTTY ? process.stdout.columns : Infinity,
    result: (value, text) => void process.stdout.write(json ? jsonLine(value) : text === "" ? "" : `${text}\n`),
    note: (text) => void (quiet || json || process.stderr.write(`${text}\n`)),
    warn: (text) => void process.stderr.write(`${styled(process.stderr)("yellow", "covey:")} ${text}\n`),
    style: styled(process.stdout),
    noteStyle: styled(process.stderr),
  };
}

/** styleText looks at the environment, as NO_COLOR and FORCE_COLOR want it; the option stands above them. */
function obeyColor(when: GlobalOptions["color"]): void {
  if (when === "always") {
    delete process.env["NO_COLOR"];
    process.env["FORCE_COLOR"] = "1";
  } else if (when === "never") {
    delete process.env["FORCE_COLOR"];
    process.env["NO_COLOR"] = "1";
  }
}
