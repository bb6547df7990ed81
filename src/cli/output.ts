// Where a command's words go: results to stdout, everything else to stderr.

import { styleText } from "node:util";

import { jsonLine } from "./json.ts";
import type { GlobalOptions } from "./options.ts";
import { suggest } from "./suggest.ts";
import { wrapText } from "./width.ts";

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
  /** The same for a result in sentences: broken between words where a terminal ends, and its commands as they are to be typed. */
  say(value: unknown, sentences: string): void;
  /** Something that helps a person and is no result. Not under --quiet or --json. */
  note(text: string): void;
  /** Something that a person should know whatever they asked for. */
  warn(text: string): void;
  /** For text on stdout; plain where colours are off. */
  style(style: Style, text: string): string;
  /** The same for stderr. */
  noteStyle(style: Style, text: string): string;
}

/** `homeGiven`: what is to be typed behind "covey" for this home again. */
export function createOutput(options: GlobalOptions, homeGiven: string | undefined): Output {
  const { json = false, quiet = false } = options;
  obeyColor(options.color);
  const styled = (stream: NodeJS.WriteStream) => (style: Style, text: string) => styleText(style, text, { stream });
  const prose = (stream: NodeJS.WriteStream, text: string): string => wrapText(suggest(text, homeGiven), columnsOf(stream));
  const result: Output["result"] = (value, text) =>
    void process.stdout.write(json ? jsonLine(value) : text === "" ? "" : `${text}\n`);
  return {
    json,
    quiet,
    progress: options.progress && !quiet && !json,
    columns: columnsOf(process.stdout),
    result,
    say: (value, sentences) => result(value, prose(process.stdout, sentences)),
    note: (text) => void (quiet || json || process.stderr.write(`${prose(process.stderr, text)}\n`)),
    warn: (text) => {
      const lines = prose(process.stderr, `covey: ${text}`);
      process.stderr.write(`${lines.replace("covey:", styled(process.stderr)("yellow", "covey:"))}\n`);
    },
    style: styled(process.stdout),
    noteStyle: styled(process.stderr),
  };
}

const columnsOf = (stream: NodeJS.WriteStream): number => (stream.isTTY ? stream.columns : Infinity);

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
