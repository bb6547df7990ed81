// Help that leads with examples, and usage errors that reach our own reporting instead of commander's.

import type { Command, Help } from "commander";

import { wrap } from "./width.ts";

/** A command line without the leading "covey", and what it is for. */
export type Example = readonly [line: string, what: string];

const examplesOf = new WeakMap<Command, readonly Example[]>();

export function examples(command: Command, ...list: readonly Example[]): void {
  examplesOf.set(command, list);
}

/** For the program, before its commands are added: they inherit it. */
export function configureHelp(program: Command): void {
  program
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ formatHelp });
  examples(
    program,
    ["demo", "see it all work, on this machine alone"],
    ["pair", "make a ticket for another device"],
    ["pair TICKET --as laptop", "pair with the device that made it"],
    ['msg laptop "lunch?"', "send a message"],
    ["send photos/ report.pdf laptop:", "send files and directories"],
    ["share dist/ laptop:", "keep something available"],
    ["serve photos/ --lan", "for browsers, without covey"],
  );
}

function formatHelp(command: Command, helper: Help): string {
  const width = Math.min(helper.helpWidth ?? 80, 100);
  const sections = [
    wrap(`${[...parentsOf(command), command].map((one) => one.name()).join(" ")}: ${command.summary()}`, width).join("\n"),
    exampleSection(command, width),
    section("Usage", [[helper.commandUsage(command), ""]], width),
    section(
      "Arguments",
      helper.visibleArguments(command).map((argument) => [argument.name(), argument.description]),
      width,
    ),
    ...grouped(command, helper, width),
    command.parent === null ? "" : "Options that every command has: covey --help",
  ];
  return `${sections.filter((text) => text !== "").join("\n\n")}\n`;
}

function* parentsOf(command: Command): Iterable<Command> {
  if (command.parent === null) return;
  yield* parentsOf(command.parent);
  yield command.parent;
}

function exampleSection(command: Command, width: number): string {
  const list = examplesOf.get(command) ?? [];
  return columns(
    list.map(([line, what]) => [`covey ${line}`, what]),
    width,
    "# ",
  );
}

function grouped(command: Command, helper: Help, width: number): readonly string[] {
  const commands = helper.visibleCommands(command).filter((one) => one.name() !== "help");
  // Every command has --help.
  const options = helper.visibleOptions(command).filter(({ long }) => command.parent === null || long !== "--help");
  return [
    ...[...helper.groupItems([...command.commands], commands, (one) => one.helpGroup() || "Commands:")].map(([title, items]) =>
      section(
        title,
        items.map((one) => [helper.subcommandTerm(one).replace(" [options]", ""), one.summary()]),
        width,
      ),
    ),
    ...[...helper.groupItems([...command.options], options, (one) => one.helpGroupHeading ?? "Options:")].map(([title, items]) =>
      section(
        title,
        items.map((one) => [one.flags, one.description]),
        width,
      ),
    ),
  ];
}

type Row = readonly [term: string, description: string];

function section(title: string, rows: readonly Row[], width: number): string {
  return rows.length === 0 ? "" : `${title.replace(/:$/, "")}:\n${columns(rows, width)}`;
}

const NARROWEST = 20;

/** Terms, and beside them what they are, in lines that begin with `mark`; below them where there is no room beside. */
function columns(rows: readonly Row[], width: number, mark = ""): string {
  const longest = Math.max(...rows.map(([term, description]) => (description === "" ? 0 : term.length)));
  const indent = " ".repeat(longest + 5) + mark;
  if (width - indent.length < NARROWEST) {
    const below = " ".repeat(6) + mark;
    return rows
      .flatMap(([term, description]) => [`  ${term}`, ...wrap(description, width - below.length).map((line) => below + line)])
      .join("\n");
  }
  return rows
    .map(([term, description]) => {
      const [first = "", ...more] = wrap(description, width - indent.length);
      return [`  ${term.padEnd(longest)}   ${mark}${first}`.trimEnd(), ...more.map((line) => indent + line)].join("\n");
    })
    .join("\n");
}
