// The commands that a hint, a note or an error suggests, as they have to be typed for the home that this command was given.

import { printable } from "../core/text.ts";

/** The `--home` of a command line; not COVEY_HOME, which holds for the next command too. */
export function homeGiven(argv: readonly string[]): string | undefined {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const at = argv.findLastIndex((word, i) => i < end && (word === "--home" || word.startsWith("--home=")));
  if (at < 0) return undefined;
  return argv[at] === "--home" ? argv[at + 1] : argv[at]!.slice("--home=".length);
}

/** Every "`covey …`" in a text, with `--home` when it was given; help is the same for all homes. */
export const suggest = (text: string, home: string | undefined): string =>
  home === undefined ? text : text.replaceAll(/`covey (?![^`]*--help`)/g, () => `\`covey --home ${printable(quoted(home))} `);

const quoted = (word: string): string => (/^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
