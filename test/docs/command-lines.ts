// The command lines in a page, held against the program that the command line is made of: nothing is run.

import type { Command } from "commander";

import { createProgram } from "../../src/cli/program.ts";

export interface CommandLine {
  readonly text: string;
  /** In a block: to be typed as it stands. Otherwise it only names a command. */
  readonly whole: boolean;
}

const START = /^(?:[A-Z_]+=\S+ )*(?:\.\/)?covey /;

/** "./covey …" and "covey …" in code; those with an ellipsis are left out. */
export function commandLinesOf(page: string): readonly CommandLine[] {
  const blocks = [...page.matchAll(/```(?:sh|console)?\n(.*?)```|^((?: {4}.*\n)+)/gms)].map(
    ([, fenced, indented]) => fenced ?? indented!,
  );
  const lines = blocks.flatMap((block) => block.split("\n")).map((line) => ({ text: line.trim(), whole: true }));
  const spans = [...page.matchAll(/`([^`\n]+)`/g)].map(([, span]) => ({ text: span!, whole: false }));
  return [...lines, ...spans].filter(({ text }) => START.test(text) && !text.includes("…"));
}

/** What is wrong with it; undefined: nothing. Words in capitals stand for what the reader puts there. */
export async function checkCommandLine({ text, whole }: CommandLine): Promise<string | undefined> {
  const argv = wordsOf(text)
    .filter((word) => !/^[A-Z_]+=/.test(word))
    .slice(1);
  if (argv.includes("COMMAND")) return undefined;
  const { program } = await createProgram(argv, new AbortController().signal);
  let command: Command = program;
  let { operands, unknown } = program.parseOptions(argv);
  while (command.commands.length > 0 && operands.length > 0) {
    const name = operands[0]!;
    const sub = command.commands.find((one) => one.name() === name || one.aliases().includes(name));
    // Some take an argument where others have a command: `covey transfers 3`.
    if (sub === undefined && command.registeredArguments.length > 0) break;
    if (sub === undefined) return `no command "${name}"`;
    command = sub;
    ({ operands, unknown } = command.parseOptions([...operands.slice(1), ...unknown]));
  }
  const wrong = unknown.find((word) => word.startsWith("-") && word !== "-" && word !== "--help");
  if (wrong !== undefined) return `no option "${wrong}"`;
  if (!whole || unknown.includes("--help")) return undefined;
  const least = command.registeredArguments.filter(({ required }) => required).length;
  const most = command.registeredArguments.at(-1)?.variadic === true ? Infinity : command.registeredArguments.length;
  const given = operands.length;
  return given < least || given > most ? `${given} arguments; it takes ${least} to ${most}` : undefined;
}

/** As a shell splits them, without expansion. */
function wordsOf(line: string): readonly string[] {
  const code = line.replace(/\s+(?:#|\||<|>|&|;).*$/, "");
  return [...code.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"]+)+/g)].map(([word]) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2"));
}
