// Keys as people write them, "todo/1", and the paths under which their values are kept.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Path } from "../../space/contract.ts";
import { componentsOf, pathOf } from "../../space/path.ts";

const SERVICE = "data";

/** Throws `bad-argument`, or `limit` for a key that is too long. */
export function pathOfKey(key: string): Path {
  if (key === "") throw new CoveyError("bad-argument", "the key is empty", { hint: 'Give it a name, such as "todo/1".' });
  return pathOfParts(key, key.split("/"));
}

/** The prefix of this key and of everything below it; of all keys for "". Throws like `pathOfKey`. */
export function pathOfPrefix(prefix: string): Path {
  if (prefix === "") return pathOf(SERVICE);
  return pathOfParts(prefix, (prefix.endsWith("/") ? prefix.slice(0, -1) : prefix).split("/"));
}

/** undefined for a path that no key leads to. */
export function keyOfPath(path: Path): string | undefined {
  const [service, ...parts] = componentsOf(path);
  return service !== SERVICE || parts.length === 0 || parts.some((part) => part.includes("/")) ? undefined : parts.join("/");
}

function pathOfParts(key: string, parts: readonly string[]): Path {
  if (parts.includes("")) {
    throw new CoveyError("bad-argument", `the key "${shown(key)}" has an empty part`, {
      hint: 'Parts are separated by single slashes, with none at the ends: "todo/1".',
    });
  }
  try {
    return pathOf(SERVICE, ...parts.map((part) => part.normalize("NFC")));
  } catch (error) {
    if (!(error instanceof CoveyError)) throw error;
    throw new CoveyError(error.code, `the key "${shown(key)}" can't be used: ${error.message}`, {
      hint: "A key has up to 63 parts of 1 to 255 bytes without NUL, 4,096 bytes in all.",
      cause: error,
    });
  }
}

const shown = (key: string): string => printable(key.length > 80 ? `${key.slice(0, 80)}…` : key);
