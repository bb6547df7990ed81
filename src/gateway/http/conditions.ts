// Conditions of a request (RFC 9110, 13). Pure.

import type { IncomingHttpHeaders } from "node:http";

/** What is known of the file, now. */
export interface Validators {
  /** Strong, with their quotes; each says the same. The first is the one that is told. */
  readonly tags: readonly string[];
  /** In seconds, as HTTP has it; undefined: it has none that could be told. */
  readonly modified: number | undefined;
}

/** 304 and 412 instead of the file; undefined: the file, or the part of it that was asked for. */
export function conditionOf(headers: IncomingHttpHeaders, { tags, modified }: Validators): 304 | 412 | undefined {
  const since = (field: string | undefined): number | undefined => (modified === undefined ? undefined : parseDate(field));
  const match = headers["if-match"];
  const unmodified = since(headers["if-unmodified-since"]);
  if (match !== undefined ? !lists(match, tags, "strong") : unmodified !== undefined && modified! > unmodified) return 412;
  const noneMatch = headers["if-none-match"];
  if (noneMatch !== undefined) return lists(noneMatch, tags, "weak") ? 304 : undefined;
  const ifModified = since(headers["if-modified-since"]);
  return ifModified !== undefined && modified! <= ifModified ? 304 : undefined;
}

/**
 * Whether a range may be answered: the part that the client has is of this very file. A date never says so: a file can change twice in the
 * second that it names (RFC 9110, 13.1.5), and its time can be set.
 */
export function isStillPart(headers: IncomingHttpHeaders, { tags }: Validators): boolean {
  const field = headers["if-range"];
  return typeof field !== "string" || tags.includes(field.trim());
}

/** Whether any condition names a tag that begins so. */
export const namesTag = (headers: IncomingHttpHeaders, beginning: string): boolean =>
  [headers["if-match"], headers["if-none-match"], headers["if-range"]].some((field) => String(field).includes(beginning));

/** Of a time in ms; undefined where HTTP's dates have no word for it, or none that a client would take back from us. */
export function httpSeconds(timeMs: number, nowMs: number): number | undefined {
  return timeMs >= 0 && timeMs <= nowMs ? Math.floor(timeMs / 1000) : undefined;
}

export const formatDate = (seconds: number): string => new Date(seconds * 1000).toUTCString();

/** In seconds. All three forms of RFC 9110, 5.6.7; the oldest has no zone, and means GMT like the others. */
function parseDate(field: string | undefined): number | undefined {
  if (field === undefined || !/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(field)) return undefined;
  const ms = Date.parse(field.endsWith("GMT") ? field : `${field} GMT`);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

function lists(field: string, tags: readonly string[], comparison: "strong" | "weak"): boolean {
  if (field.trim() === "*") return true;
  const given = field.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return given.some((tag) => tags.includes(comparison === "weak" ? tag.replace(/^W\//, "") : tag));
}
