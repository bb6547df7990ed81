// A to-do list that two paired peers share: `node examples/todo-list.ts PEER add NAME TEXT`, `… done NAME`, `… settle`, `… follow FILE`.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import * as v from "valibot";

import { connect, CoveyError, type PeerHandle, printable, type TypedItem, type WatchOptions } from "../src/index.ts";

const Todo = v.object({ text: v.string(), done: v.optional(v.boolean(), false) });

/** Values are checked when they are written and when they are read, whoever wrote them; keys are names. */
export const todoList = (peer: PeerHandle) => peer.data("todo", { schema: Todo });

type TodoList = ReturnType<typeof todoList>;
type Item = TypedItem<v.InferOutput<typeof Todo>>;

/** Fails with `conflict` when there is one of that name. */
export const add = (list: TodoList, name: string, text: string) => list.set(name, { text }, { ifVersion: null });

/** Written only if it still is what was read; else read once more. */
export async function finish(list: TodoList, name: string): Promise<Item> {
  const item = await list.get(name);
  if (item === undefined) throw new CoveyError("not-found", `there is no ${printable(name)} on the list`);
  if (item.invalid) throw new CoveyError("conflict", `${printable(name)} is not a to-do: add it again, or remove it`);
  return list.set(name, { ...item.value, done: true }, { ifVersion: item.version }).catch((error: unknown) => {
    if (error instanceof CoveyError && error.code === "conflict") return finish(list, name);
    throw error;
  });
}

/** What both changed while apart becomes one again: every text, and done if one of them is. Shows what it made. */
export async function settle(list: TodoList, show: (line: string) => void): Promise<void> {
  for (const { key, version, winner, losers } of await list.conflicts()) {
    const todos = [winner, ...losers].flatMap((one) => ("value" in one && !one.invalid ? [one.value] : []));
    if (todos.length === 0) continue; // both removed it
    const text = [...new Set(todos.map((todo) => todo.text))].toSorted().join(" / ");
    show(lineOf(await list.set(key, { text, done: todos.some(({ done }) => done) }, { ifVersion: version })));
  }
}

/** The whole list, then every change; the next time, what changed since then, as the file remembers. */
export async function follow(list: TodoList, file: string, show: (line: string) => void, how?: WatchOptions): Promise<void> {
  const since = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as WatchOptions) : {};
  for await (const event of list.watch("", { ...how, ...since })) {
    if (event.type === "now") for (const item of await list.list()) show(lineOf(item));
    if (event.type === "set") show(lineOf(event.item));
    if (event.type === "remove") show(`gone: ${printable(event.key)}`);
    writeFileSync(file, JSON.stringify({ after: event.cursor }));
  }
}

function lineOf({ key, value, conflicts, invalid }: Item): string {
  if (invalid) return `[?] ${printable(key)}: ${invalid[0]!.message}`;
  const both = conflicts > 0 ? " (both changed it)" : "";
  return `${value.done ? "[x]" : "[ ]"} ${printable(`${key}: ${value.text}`)}${both}`;
}

if (import.meta.main) {
  const [peer = "", command, name = "", text = ""] = process.argv.slice(2);
  await using me = await connect();
  const list = todoList(me.peer(peer));
  if (command === "add") await add(list, name, text);
  if (command === "done") await finish(list, name);
  if (command === "settle") await settle(list, console.log);
  if (command === "follow") await follow(list, name, console.log);
}
