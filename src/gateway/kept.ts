// The servings that outlive the daemon, as small records of the store.

import * as v from "valibot";

import type { CoveyError } from "../core/errors.ts";
import type { Address, PeerId } from "../core/ids.ts";
import type { Logger } from "../core/log.ts";
import { parse } from "../core/parse.ts";
import type { SpaceStore } from "../space/contract.ts";
import type { ServeSettings } from "./contract.ts";

const SERVICE = "gateway";
const PREFIX = "serving/";

/** What stays the same of a serving as long as it is served. */
export interface ServingRecord {
  readonly id: string;
  readonly number: number;
  readonly settings: ServeSettings;
  readonly token: string | undefined;
  readonly sinceMs: number;
  /** Where it listened first, and listens ever after: people know it by that. undefined: it has not yet. */
  readonly at: Address | undefined;
}

const text = v.optional(v.string());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const RECORD = v.object({
  v: v.literal(1),
  id: v.string(),
  number: count,
  token: text,
  sinceMs: v.number(),
  at: text,
  settings: v.object({
    directory: text,
    upload: v.boolean(),
    list: v.optional(
      v.object({
        // Whoever is not paired by that name is asked for nothing: list.ts.
        peer: v.optional(v.custom<PeerId>((peer) => typeof peer === "string")),
        key: v.string(),
        writable: v.boolean(),
      }),
    ),
    greeting: text,
    close: v.boolean(),
    reply: v.string(),
    listen: text,
    lan: v.boolean(),
    token: v.boolean(),
    perAddress: count,
    keep: v.boolean(),
  }),
});

interface KeptServings {
  /** Those that can be read; by number. */
  all(): Promise<readonly ServingRecord[]>;
  /** Durable when it resolves. */
  put(record: ServingRecord): Promise<void>;
  remove(id: string): Promise<void>;
}

export function keptServings(store: Pick<SpaceStore, "putLocal" | "listLocal">, log: Logger): KeptServings {
  return {
    async all() {
      const found: ServingRecord[] = [];
      for (const { key, value } of await store.listLocal(SERVICE, PREFIX)) {
        try {
          found.push(recordOf(value));
        } catch (error) {
          log.warn({ key, error: (error as CoveyError).message }, "what is kept of a serving can't be read; it is not served");
        }
      }
      return found.sort((a, b) => a.number - b.number);
    },
    put: (record) =>
      store.putLocal(SERVICE, [{ key: PREFIX + record.id, value: Buffer.from(JSON.stringify({ v: 1, ...record })) }]),
    remove: (id) => store.putLocal(SERVICE, [{ key: PREFIX + id, value: undefined }]),
  };
}

function recordOf(bytes: Uint8Array): ServingRecord {
  const { settings, token, at, v: _, ...record } = parse(RECORD, JSON.parse(Buffer.from(bytes).toString()), "a kept serving");
  const { directory, list, greeting, listen, ...others } = settings;
  return {
    ...record,
    token,
    at,
    settings: { ...others, directory, greeting, listen, list: list === undefined ? undefined : { ...list, peer: list.peer } },
  };
}
