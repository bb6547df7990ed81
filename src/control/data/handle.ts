// The data operations of one space as a handle on the keys below a prefix: whole keys go to the peer, relative ones to the program.

import { assertJson } from "../../core/json.ts";
import type { Invoke } from "../invoker.ts";
import { assertSchema } from "./check.ts";
import type { DataHandle, OpenData, StandardSchema } from "./contract.ts";
import { typedData } from "./typed.ts";

/** Without `space` it is the peer's own. Nothing is looked up, and the prefix is not checked, before a method is called. */
export function openData(invoke: Invoke, space: { readonly space?: string }): OpenData {
  function open(prefix = "", options?: { readonly schema: StandardSchema<never> }) {
    const data = dataHandle(invoke, space, prefix);
    if (options === undefined) return data;
    assertSchema(options.schema);
    return typedData(data, options.schema, invoke.until);
  }
  return open as OpenData;
}

function dataHandle({ call, stream }: Invoke, space: { readonly space?: string }, prefix: string): DataHandle {
  const base = (prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`).normalize("NFC");
  /** The value under the prefix itself has no key in here. */
  const self = base.slice(0, -1);
  const isInside = ({ key }: { readonly key: string }): boolean => base === "" || key !== self;
  const inside = <Of extends { readonly key: string }>(of: Of): Of =>
    base === "" ? of : { ...of, key: of.key.slice(base.length) };
  const whole = (key: string): string => base + key;

  return {
    async get(key, { signal } = {}) {
      const item = await call("data.get", { ...space, key: whole(key) }, signal);
      return item && inside(item);
    },

    async set(key, value, { signal, ...condition } = {}) {
      assertJson(value, `the value of ${JSON.stringify(key)}`);
      return inside(await call("data.set", { ...space, key: whole(key), value, ...condition }, signal));
    },

    async setMany(items, { signal } = {}) {
      for (const { key, value } of items) assertJson(value, `the value of ${JSON.stringify(key)}`);
      const all = items.map(({ key, value }) => ({ key: whole(key), value }));
      return call("data.setMany", { ...space, items: all }, signal);
    },

    remove: (key, { signal, ...condition } = {}) => call("data.remove", { ...space, key: whole(key), ...condition }, signal),

    async list(below = "", { signal, after, ...page } = {}) {
      const first = base !== "" && below === "" ? { after: self } : {};
      const behind = after === undefined ? first : { after: whole(after) };
      return (await call("data.list", { ...space, prefix: whole(below), ...page, ...behind }, signal)).map(inside);
    },

    async conflicts(below = "", { signal } = {}) {
      return (await call("data.conflicts", { ...space, prefix: whole(below) }, signal)).filter(isInside).map(inside);
    },

    async *watch(below = "", { signal, after } = {}) {
      const from = after === undefined ? {} : { after };
      for await (const event of stream("data.watch", { ...space, prefix: whole(below), ...from }, signal)) {
        if (event.type === "set") {
          if (isInside(event.item)) yield { ...event, item: inside(event.item) };
        } else if (event.type === "remove") {
          if (isInside(event)) yield inside(event);
        } else yield event;
      }
    },
  };
}
