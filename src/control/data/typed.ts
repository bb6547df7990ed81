// A data handle whose values are checked by a schema. What is stored is what was given, not what the schema makes of it: every reader,
// here and over there, has the schema make it anew.
//
// 1. `set`: a copy of the value is checked before anything is written     2. what is read is checked, and marked when it does not fit

import { untilAborted } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import { assertJson } from "../../core/json.ts";
import { printable } from "../../core/text.ts";
import type { DataConflict, DataItem, DataRemoval, DataVersion, Json } from "../../services/data/contract.ts";
import { check, inWords } from "./check.ts";
import type { DataHandle, StandardSchema, TypedDataHandle, TypedItem, TypedVersion } from "./contract.ts";

/** `until` gives the signal that ends a call: its own, and the end of the connection. */
export function typedData<Output, Input>(
  data: DataHandle,
  schema: StandardSchema<Input, Output>,
  until: (signal: AbortSignal | undefined) => AbortSignal,
): TypedDataHandle<Output, Input> {
  const checkAs = schema as StandardSchema<unknown, Output>;

  async function toWrite(
    key: string,
    value: Input,
    signal: AbortSignal,
  ): Promise<{ readonly plain: Json; readonly made: Output }> {
    assertJson(value, `the value of ${JSON.stringify(key)}`);
    // An asynchronous schema leaves the caller time to change the value, and any schema may change what it is given.
    const text = JSON.stringify(value);
    const checked = await untilAborted(check(checkAs, JSON.parse(text)), signal);
    if (checked.invalid === undefined) return { plain: JSON.parse(text) as Json, made: checked.value };
    const issues = inWords(checked.invalid);
    throw new CoveyError("bad-argument", `the value of "${printable(key)}" does not fit its schema: ${issues}`, {
      hint: "Nothing was written. Give it the shape that the schema has.",
      details: { key, issues },
    });
  }

  async function asRead<Of extends DataItem | DataVersion>(of: Of, signal: AbortSignal) {
    const checked = await untilAborted(check(checkAs, structuredClone(of.value)), signal);
    return checked.invalid === undefined
      ? { ...of, value: checked.value }
      : { ...of, value: undefined, invalid: checked.invalid, raw: of.value };
  }
  const itemAsRead: (item: DataItem, signal: AbortSignal) => Promise<TypedItem<Output>> = asRead;
  const versionAsRead: (version: DataVersion, signal: AbortSignal) => Promise<TypedVersion<Output>> = asRead;

  return {
    async get(key, options = {}) {
      const item = await data.get(key, options);
      return item === undefined ? undefined : itemAsRead(item, until(options.signal));
    },

    async set(key, value, options = {}) {
      const { plain, made } = await toWrite(key, value, until(options.signal));
      return { ...(await data.set(key, plain, options)), value: made };
    },

    async setMany(items, options = {}) {
      const signal = until(options.signal);
      const plain: { readonly key: string; readonly value: Json }[] = [];
      for (const { key, value } of items) plain.push({ key, value: (await toWrite(key, value, signal)).plain });
      return data.setMany(plain, options);
    },

    remove: (key, options) => data.remove(key, options),

    async list(prefix, options = {}) {
      const signal = until(options.signal);
      const items: TypedItem<Output>[] = [];
      for (const item of await data.list(prefix, options)) items.push(await itemAsRead(item, signal));
      return items;
    },

    async conflicts(prefix, options = {}) {
      const signal = until(options.signal);
      const told = async (one: DataVersion | DataRemoval) => ("value" in one ? versionAsRead(one, signal) : one);
      const found: DataConflict<TypedVersion<Output>>[] = [];
      for (const conflict of await data.conflicts(prefix, options)) {
        const losers = await Promise.all(conflict.losers.map(told));
        found.push({ ...conflict, winner: await told(conflict.winner), losers });
      }
      return found;
    },

    async *watch(prefix, options = {}) {
      const signal = until(options.signal);
      for await (const event of data.watch(prefix, options))
        yield event.type === "set" ? { ...event, item: await itemAsRead(event.item, signal) } : event;
    },
  };
}
