// The options that all commands have: as they are given, and as a command reads them.

import { Option } from "commander";

import { parseWait } from "./grammar.ts";

export interface GlobalOptions {
  readonly home?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly yes?: boolean;
  readonly input: boolean;
  readonly progress: boolean;
  readonly color: "auto" | "always" | "never";
  /** ms */
  readonly timeout?: number;
  readonly once?: boolean;
}

export const globalOptions: readonly Option[] = [
  new Option("--home <dir>", "the directory of everything of one peer (or set COVEY_HOME)").env("COVEY_HOME"),
  new Option("--json", "the result as JSON, one value a line"),
  new Option("-q, --quiet", "results only"),
  new Option("-v, --verbose", "after a fault in covey itself, also where it happened"),
  new Option("-y, --yes", "answer yes to every question"),
  new Option("--no-input", "never ask anything"),
  new Option("--no-progress", "no progress bars"),
  new Option("--color <when>", "colours: auto, always or never").choices(["auto", "always", "never"]).default("auto"),
  new Option("--timeout <duration>", "give up after this long: 90s, 5m, 12h").argParser(parseWait),
  new Option("--once", "leave nothing running: the peer runs inside this command only"),
];
