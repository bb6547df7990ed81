// `data`: values under keys, in this device's own space or in the one shared with a peer; and the list of a plain program.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { printableLines } from "../../core/text.ts";
import type { Covey } from "../../control/covey.ts";
import type { DataHandle } from "../../control/data/contract.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { renderConflicts, renderEvent, renderItems, renderValue } from "../data-view.ts";
import { isUrl, parseList, parsePlace, parseUrl, parseValue, type Place } from "../grammar.ts";
import { examples } from "../help.ts";

const KEY = "KEY is here, NAME:KEY is shared with that peer";
const OR_URL = `${KEY}; tcp://HOST:PORT is the list of a plain program`;
const PREFIX = "a key, and all below it: todo, laptop:todo, laptop:";

export const define: Define = (command, act) => {
  examples(
    command,
    ["data set laptop:todo '{\"milk\":1}'", "a value that laptop and this device share"],
    ["data get laptop:todo", "read it"],
    ["data watch laptop:", "show every change as it happens"],
    ["data set note - < note.txt", "a value of this device's own, from stdin"],
    ["data get tcp://192.0.2.7:5000", "the list of a plain program; data set TCP-URL a,b changes it"],
  );

  command
    .command("get")
    .summary("print the value of a key")
    .argument("<[name:]key>", OR_URL)
    .action(
      act(async (context, text: string) => {
        if (isUrl(text)) return getList(context, parseUrl(text, "tcp"));
        const { data, place } = await at(context, text);
        const item = await data.get(keyOf(place, text), { signal: context.signal });
        if (item === undefined)
          throw new CoveyError("not-found", `there is nothing at ${JSON.stringify(text)}`, {
            hint: `\`covey data ls${place.name === undefined ? "" : ` ${place.name}:`}\` lists the keys.`,
          });
        context.out.result(item, renderValue(item.value));
        if (item.conflicts > 0) context.out.note(`Other values lost to this one: \`covey data conflicts ${text}\``);
      }),
    );

  command
    .command("set")
    .summary("set a key to a value")
    .argument("<[name:]key>", OR_URL)
    .argument("<value>", "JSON if it parses as JSON, else text; for a URL a,b,c; - reads it from stdin")
    .option(
      "--if-version <version>",
      "only if it still has that version (`data get --json` shows it), or `none` if it must be new",
    )
    .action(
      act(async (context, text: string, value: string, { ifVersion }: { readonly ifVersion?: string }) => {
        const url = isUrl(text) ? parseUrl(text, "tcp") : undefined;
        if (url !== undefined && ifVersion !== undefined)
          throw new CoveyError("bad-argument", "a plain program knows no versions", { hint: "Leave --if-version out." });
        const content = value === "-" ? await fromStdin(context.signal) : value;
        if (url !== undefined) return setList(context, url, parseList(content));
        const { data, place } = await at(context, text);
        const condition = ifVersion === undefined ? {} : { ifVersion: ifVersion === "none" ? null : ifVersion };
        const item = await data.set(keyOf(place, text), parseValue(content), { ...condition, signal: context.signal });
        context.out.result(item, "");
      }),
    );

  command
    .command("rm")
    .summary("remove a key")
    .argument("<[name:]key>", KEY)
    .option("--if-version <version>", "only if it still has that version")
    .action(
      act(async (context, text: string, options: { readonly ifVersion?: string }) => {
        const { data, place } = await at(context, text);
        const removed = await data.remove(keyOf(place, text), { ...options, signal: context.signal });
        if (!removed) context.out.note("There was nothing.");
        context.out.result(removed, "");
      }),
    );

  command
    .command("ls")
    .summary("list keys and their values")
    .argument("[[name:]prefix]", PREFIX, "")
    .action(
      act(async (context, text: string) => {
        const { data, place } = await at(context, text);
        const items = await data.list(place.what, { signal: context.signal });
        if (items.length === 0) context.out.note("There is nothing.");
        context.out.result(items, await renderItems(items, context.out));
      }),
    );

  command
    .command("watch")
    .summary("show every change as it happens, until Ctrl-C")
    .argument("[[name:]prefix]", PREFIX, "")
    .action(
      act(async (context, text: string) => {
        const { data, place } = await at(context, text);
        for await (const event of data.watch(place.what, { signal: context.signal })) {
          if (event.type === "now" && context.options.json !== true) context.out.note("Watching; Ctrl-C ends it.");
          else context.out.result(event, renderEvent(event, context.out));
        }
      }),
    );

  command
    .command("conflicts")
    .summary("keys that were set on several devices at once, and the values that lost")
    .argument("[[name:]prefix]", PREFIX, "")
    .action(
      act(async (context, text: string) => {
        const { data, place } = await at(context, text);
        const conflicts = await data.conflicts(place.what, { signal: context.signal });
        if (conflicts.length === 0) context.out.note("There are none.");
        context.out.result(conflicts, renderConflicts(conflicts, context.out));
        if (conflicts.length > 0) context.out.note("\nSetting the key again settles it.");
      }),
    );
};

async function getList({ out, signal }: Context, url: string): Promise<void> {
  const { plain } = await import("../../plain/plain.ts");
  const values = await plain.getList(url, { signal });
  if (values.length === 0) out.note("The list is empty.");
  out.result(values, printableLines(values.join(",")));
}

async function setList({ out, signal }: Context, url: string, values: readonly string[]): Promise<void> {
  const { plain } = await import("../../plain/plain.ts");
  await plain.setList(url, values, { signal });
  out.result(null, "");
}

async function at({ covey }: Context, text: string): Promise<{ data: DataHandle; place: Place }> {
  const place = parsePlace(text);
  const me: Covey = await covey();
  return { place, data: place.name === undefined ? me.data() : me.peer(place.name).data() };
}

function keyOf({ what }: Place, text: string): string {
  if (what === "")
    throw new CoveyError("bad-argument", `${JSON.stringify(text)} names no key`, { hint: "NAME:KEY names a key at a peer." });
  return what;
}

async function fromStdin(signal: AbortSignal): Promise<string> {
  const { readText } = await import("../stdin.ts");
  return readText(process.stdin, LIMITS.inlineValueBytes, signal);
}
