// A to-do list that two paired peers share: `node examples/todo-list.ts PEER add NAME TEXT`, `… done NAME`, `… settle`, `… follow FILE`.

import { existsSync, readFileSync, writeFileSync } from "node:fs";

import { connect, CoveyError, type DataHandle, type DataItem, type Json, printable, type WatchOptions } from "../src/index.ts";

/** Fails with `conflict` when there is one of that name. */
export const add = (list: DataHandle, name: string, text: string): Promise<DataItem> =>
  list.set(`todo/${name}`, { text, done: false }, { ifVersion: null });

/** Written only if it still is what was read; else read once more. */
export async function finish(list: DataHandle, name: string): Promise<DataItem> {
  const item = await list.get(`todo/${name}`);
  if (item === undefined) throw new CoveyError("not-found", `there is no ${printable(name)} on the list`);
  return list.set(item.key, { ...todoOf(item.value), done: true }, { ifVersion: item.version }).catch((error: unknown) => {
    if (error instanceof CoveyError && error.code === "conflict") return finish(list, name);
    throw error;
  });
}

/** What both changed while apart becomes one again: every text, and done if one of them is. Shows what it made. */
export async function settle(list: DataHandle, show: (line: string) => void): Promise<void> {
  for (const { key, version, winner, losers } of await list.conflicts("todo")) {
    const todos = [winner, ...losers].flatMap((one) => ("value" in one ? [todoOf(one.value)] : []));
    if (todos.length === 0) continue; // both removed it
    const text = [...new Set(todos.map((todo) => todo.text))].toSorted().join(" / ");
    show(lineOf(await list.set(key, { text, done: todos.some(({ done }) => done) }, { ifVersion: version })));
  }
}

/** The whole list, then every change; the next time, what changed since then, as the file remembers. */
export async function follow(list: DataHandle, file: string, show: (line: string) => void, how?: WatchOptions): Promise<void> {
  const since = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as WatchOptions) : {};
  for await (const event of list.watch("todo", { ...how, ...since })) {
    if (event.type === "now") for (const item of await list.list("todo")) show(lineOf(item));
    if (event.type === "set") show(lineOf(event.item));
    if (event.type === "remove") show(`gone: ${printable(event.key)}`);
    writeFileSync(file, JSON.stringify({ after: event.cursor }));
  }
}

/** What a peer wrote can be anything. */
function todoOf(value: Json): { readonly text: string; readonly done: boolean } {
  const { text, done } = Object(value) as { readonly text?: unknown; readonly done?: unknown };
  return { text: typeof text === "string" ? text : JSON.stringify(value), done: done === true };
}

const lineOf = ({ key, value, conflicts }: DataItem): string =>
  `${todoOf(value).done ? "[x]" : "[ ]"} ${printable(`${key}: ${todoOf(value).text}`)}${conflicts > 0 ? " (both changed it)" : ""}`;

if (import.meta.main) {
  const [peer = "", command, name = "", text = ""] = process.argv.slice(2);
  await using me = await connect();
  const list = me.peer(peer).data();
  if (command === "add") await add(list, name, text);
  if (command === "done") await finish(list, name);
  if (command === "settle") await settle(list, console.log);
  if (command === "follow") await follow(list, name, console.log);
}
