// The commands by name. Only the file of the command that is called is loaded.

import { Command } from "commander";

import { VERSION } from "../core/version.ts";
import type { Act, Define } from "./command.ts";
import { createContext } from "./context.ts";
import { configureHelp } from "./help.ts";
import { type GlobalOptions, globalOptions } from "./options.ts";
import { homeGiven } from "./suggest.ts";

interface Entry {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly define: Define }>;
}

const COMMANDS: readonly Entry[] = [
  entry("Start here:", "demo", "two real peers on this machine do everything", () => import("./commands/demo.ts")),
  entry("This device:", "up", "start this device's peer", () => import("./commands/up.ts")),
  entry("This device:", "down", "stop it", () => import("./commands/down.ts")),
  entry("This device:", "status", "who is there, and what is going on", () => import("./commands/status.ts")),
  entry("Peers:", "pair", "pair with another device, by a ticket", () => import("./commands/pair.ts")),
  entry("Peers:", "peer", "list, show, rename, allow and remove paired peers", () => import("./commands/peer.ts")),
  entry("Talk:", "msg", "send a message, read or follow a conversation", () => import("./commands/msg.ts")),
  entry("Talk:", "inbox", "unread messages and offers", () => import("./commands/inbox.ts")),
  entry("Send:", "send", "send files and directories to a peer", () => import("./commands/send.ts")),
  entry("Send:", "receive", "take what is offered", () => import("./commands/receive.ts")),
  entry("Send:", "decline", "say no to an offer", () => import("./commands/decline.ts")),
  entry("Send:", "cancel", "take an offer back, or give a transfer up", () => import("./commands/cancel.ts")),
  entry("Send:", "transfers", "what was sent and received, what runs; pause and resume", () => import("./commands/transfers.ts")),
  entry("Share:", "share", "keep a file or a directory available for a peer", () => import("./commands/share.ts")),
  entry("Share:", "ls", "what is shared here, what others share, what is in it", () => import("./commands/ls.ts")),
  entry("Share:", "get", "fetch what a peer shares, or a file from http://", () => import("./commands/get.ts")),
  entry("Keep in sync:", "data", "values under keys, here or shared with a peer", () => import("./commands/data.ts")),
  entry(
    "Without covey at the other end:",
    "serve",
    "files or text for browsers, curl and socket programs",
    () => import("./commands/serve.ts"),
  ),
  entry(
    "Without covey at the other end:",
    "pipe",
    "a raw conversation with a socket program",
    () => import("./commands/pipe.ts"),
  ),
];

/** The program for these arguments; `status` is the exit status once it has run. */
export async function createProgram(
  argv: readonly string[],
  interrupt: AbortSignal,
): Promise<{ program: Command; status: () => number }> {
  const program = new Command("covey");
  let status = 0;
  const act: Act =
    (body) =>
    async (...args) => {
      await using context = createContext(program.opts<GlobalOptions>(), homeGiven(argv), interrupt);
      status = (await body(context, ...args)) ?? 0;
    };

  program.summary("machines, and the people behind them, talk, share files and keep data in sync, directly");
  addGlobalOptions(program);
  configureHelp(program);
  for (const { name, group, summary } of COMMANDS) program.command(name).summary(summary).helpGroup(group);
  const [word] = wordsIn(argv);
  const called = COMMANDS.find(({ name }) => name === word);
  if (called !== undefined) {
    const { define } = await called.load();
    const command = program.commands.find((one) => one.name() === called.name)!;
    define(command, act);
  }
  return { program, status: () => status };
}

function addGlobalOptions(program: Command): void {
  program.optionsGroup("Everywhere:");
  for (const option of globalOptions) program.addOption(option);
  program.version(VERSION, "--version", "the version").helpOption("-h, --help", "how a command is used, with examples");
}

/** "covey data set" for these arguments, as far as they name commands of the program. */
export function commandLineOf(program: Command, argv: readonly string[]): string {
  const names = [program.name()];
  let command: Command | undefined = program;
  for (const word of wordsIn(argv)) {
    command = command.commands.find((one) => one.name() === word);
    if (command === undefined) break;
    names.push(word);
  }
  return names.join(" ");
}

/** What is no option, and no value of an option that every command has. */
function wordsIn(argv: readonly string[]): readonly string[] {
  const takesValue = new Set(globalOptions.filter((option) => option.required).map((option) => option.long));
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    if (takesValue.has(argv[i])) i++;
    else if (!argv[i]!.startsWith("-")) words.push(argv[i]!);
  }
  return words[0] === "help" ? words.slice(1) : words;
}

function entry(group: string, name: string, summary: string, load: Entry["load"]): Entry {
  return { name, group, summary, load };
}
