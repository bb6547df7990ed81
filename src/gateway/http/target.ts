// The target of a request, as the names that it asks for. Pure.
//
//  1. the path is taken out of it: it may name the host as well (RFC 9112, 3.2.2)
//  2. it is cut at its slashes, and only then each part is decoded, once: a "/" or a ".." that was encoded leads nowhere
//  3. the first name is the token, where there is one
//
// What can't be a path of something that is served is `undefined`, whatever is wrong with it: it gets the answer of what is absent.

import { timingSafeEqual } from "node:crypto";

import { hash } from "../../core/hash.ts";

/** What a name may have on every system that we run on. */
const NAME_BYTES = 255;

export interface Target {
  /** Below what is served, without the token: bytes, none of them "/" or NUL, and neither "." nor "..". */
  readonly names: readonly Buffer[];
  /** It ends in a slash: a directory is meant. */
  readonly slash: boolean;
  /** The last name as it came, for a relative reference to it; with a token and nothing else, the token. "" for the root. */
  readonly last: string;
  /** What is behind the "?", as it came; "" when there is nothing. */
  readonly query: string;
}

/** "HOST[:PORT]" of a target that names it, and the rest of it; undefined for what is neither this nor a path. */
export function splitTarget(target: string): { readonly authority: string | undefined; readonly path: string } | undefined {
  if (target.startsWith("/")) return { authority: undefined, path: target };
  const absolute = /^http:\/\/([^/?#@]+)(|[/?].*)$/is.exec(target);
  if (absolute === null) return undefined;
  const [, authority, rest] = absolute;
  return { authority: authority!, path: rest!.startsWith("/") ? rest! : `/${rest!}` };
}

export function parsePath(path: string, token: string | undefined): Target | undefined {
  const [, before, query = ""] = /^\/([^?]*)(?:\?(.*))?$/s.exec(path) ?? [];
  if (before === undefined) return undefined;
  const parts = before.split("/");
  const slash = parts.at(-1) === "";
  if (slash) parts.pop();
  const names: Buffer[] = [];
  for (const part of parts) {
    const name = decodeName(part);
    if (name === undefined) return undefined;
    names.push(name);
  }
  if (token !== undefined && !isToken(names.shift(), token)) return undefined;
  return { names, slash: slash || parts.length === 0, last: parts.at(-1) ?? "", query };
}

/** As it came, for whoever may see everything but the token. */
export function withoutToken(path: string, token: string): string {
  if (parsePath(path, token) === undefined) return path.replaceAll(token, "...");
  return path.replace(/^\/[^/?]*/, "").replace(/^(?!\/)/, "/");
}

function decodeName(part: string): Buffer | undefined {
  if (!/^(?:[^%]|%[0-9a-f]{2})+$/is.test(part)) return undefined;
  const text = part.replace(/%(..)/gs, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  // Node has made one character of each byte of the head.
  if (/[\0/]|[^\0-\xff]/.test(text) || text === "." || text === ".." || text.length > NAME_BYTES) return undefined;
  return Buffer.from(text, "latin1");
}

const isToken = (given: Buffer | undefined, token: string): boolean =>
  given !== undefined && timingSafeEqual(hash(given), hash(Buffer.from(token)));
