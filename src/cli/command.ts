// What a file under commands/ and the program know of each other.

import type { Command } from "commander";

import type { Context } from "./context.ts";

/** Wraps what a command does: it gets its context first, and may return an exit status. */
export type Act = <Args extends unknown[]>(
  body: (context: Context, ...args: Args) => Promise<number | void>,
) => (...args: Args) => Promise<void>;

/** What each file under commands/ exports: its arguments, options and examples on its command. */
export type Define = (command: Command, act: Act) => void;
