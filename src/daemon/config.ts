// What `covey up` was told, kept in the home, so that a later start listens the same.

import * as v from "valibot";

import { replaceFile } from "../core/atomic-file.ts";
import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import { parse } from "../core/parse.ts";
import { printable } from "../core/text.ts";
import type { Home } from "../identity/home-names.ts";
import { readPrivateFile } from "../identity/private-file.ts";

/** What is not there has the peer's default. */
export interface DaemonConfig {
  readonly name?: string;
  readonly listen?: readonly Address[];
  /** Absolute. */
  readonly incoming?: string;
}

/** A change to it: null goes back to the default. */
export type ConfigChange = { readonly [Key in keyof DaemonConfig]?: DaemonConfig[Key] | null };

const MAX_BYTES = 64 * 1024;

const schema = v.strictObject({
  name: v.exactOptional(v.string()),
  listen: v.exactOptional(v.array(v.string())),
  incoming: v.exactOptional(v.string()),
});

/** Rejects with `bad-argument` for a file that was edited into something else. */
export async function readConfig(home: Home): Promise<DaemonConfig> {
  const text = await readPrivateFile(home.config, MAX_BYTES);
  if (text === undefined) return {};
  try {
    return parse(schema, JSON.parse(text), "config.json", "bad-argument");
  } catch (error) {
    throw new CoveyError(
      "bad-argument",
      `${printable(home.config)} is not understood: ${error instanceof Error ? error.message : ""}`,
      {
        hint: "Mend it, or remove it: `covey up` writes a new one from its options.",
        cause: error,
      },
    );
  }
}

export function applyChange(config: DaemonConfig, change: ConfigChange): DaemonConfig {
  const merged = Object.entries({ ...config, ...change }).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(merged) as DaemonConfig;
}

/** Durable when it resolves. */
export const writeConfig = (home: Home, config: DaemonConfig): Promise<void> =>
  replaceFile(home.config, `${JSON.stringify(config, null, 2)}\n`);
